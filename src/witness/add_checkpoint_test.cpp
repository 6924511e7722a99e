#include "witness/add_checkpoint.hpp"

#include <gtest/gtest.h>

#include "crypto/hash.hpp"
#include "witness/made_log.hpp"

namespace tilsyn::witness {
namespace {

using test::MadeLog;

TEST(AddCheckpointBody, ReadsWhatItWrites) {
    MadeLog log;
    log.grow(70);
    for (const std::int64_t old_size : {0, 1, 7, 64, 70}) {
        const auto body = log.request(old_size);
        const auto request = parse_add_checkpoint(body);
        ASSERT_TRUE(request) << old_size;
        EXPECT_EQ(request->old_size, old_size);
        EXPECT_EQ(request->checkpoint, log.checkpoint(70));
        EXPECT_EQ(add_checkpoint_body(request->old_size, request->proof, log::to_string(request->note)), body);
    }
}

TEST(AddCheckpointBody, TakesSixtyThreeHashesAndNoMore) {
    MadeLog log;
    log.grow(1);
    const std::vector<log::Hash> most(most_proof_hashes);
    EXPECT_TRUE(parse_add_checkpoint(add_checkpoint_body(0, most, log.note(1))));
    std::vector<log::Hash> more(most_proof_hashes + 1);
    EXPECT_FALSE(parse_add_checkpoint(add_checkpoint_body(0, more, log.note(1))));
}

TEST(AddCheckpointBody, RefusesEveryOtherForm) {
    MadeLog log;
    log.grow(3);
    const auto note = log.note(3);
    const auto hash = crypto::base64(log.proof(1, 3).front());
    ASSERT_TRUE(parse_add_checkpoint("old 1\n" + hash + "\n\n" + note));
    for (const auto& body : {
             std::string(),
             std::string("\n"),
             "\n" + note,
             "old\n\n" + note,
             "old \n\n" + note,
             "old -1\n\n" + note,
             "old +1\n\n" + note,
             "old 01\n\n" + note,
             "old 1 \n\n" + note,
             "old  1\n\n" + note,
             " old 1\n\n" + note,
             "Old 1\n\n" + note,
             "new 1\n\n" + note,
             "old 0x1\n\n" + note,
             "old 9223372036854775808\n\n" + note,
             "old 1\r\n\r\n" + note,
             "old 1\n" + note,
             "old 1\n" + hash,
             "old 1\n" + hash + "\n",
             "old 1\n" + hash + "\n" + note,
             "old 1\n" + hash.substr(0, 43) + "\n\n" + note,
             "old 1\n" + hash + " \n\n" + note,
             "old 1\n" + hash + hash + "\n\n" + note,
             "old 1\nAAAA\n\n" + note,
             "old 1\n" + hash + "\n\n",
             "old 1\n" + hash + "\n\n\n" + note,
             "old 1\n" + hash + "\n\n" + note.substr(0, note.size() - 1),
             "old 1\n" + hash + "\n\n" + log::to_text(log.checkpoint(3)),
             "old 1\n" + hash + "\n\n" + note + "x",
             std::string("old 1\n\n\0", 8) + note,
         })
        EXPECT_FALSE(parse_add_checkpoint(body)) << body;
}

}  // namespace
}  // namespace tilsyn::witness
