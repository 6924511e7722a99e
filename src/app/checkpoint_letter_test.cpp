#include "app/checkpoint_letter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/init.hpp"
#include "log/armor.hpp"
#include "support/temporary.hpp"

namespace tilsyn::app {
namespace {

TEST(Letter, HoldsTheNewestCheckpointForThoseWhoAskedForIt) {
    const ManualClock clock(parse_utc("2026-11-23T08:00:00Z").value());
    const test::TemporaryFolder folder;
    ASSERT_TRUE(init({folder.path() / "data", {}}, clock));
    const auto app = App::open({folder.path() / "data", {}}, clock).value();
    const auto reader = app->readers().get().value();
    EXPECT_EQ(checkpoint_letter(*app, *reader, Lang::en).error().code, Code::not_found) << "nothing is signed yet";
    const auto checkpoint = app->sign(*reader).value();
    for (const auto lang : {Lang::da, Lang::en}) {
        const auto letter = checkpoint_letter(*app, *reader, lang).value();
        EXPECT_THAT(letter.subject, testing::HasSubstr("2026-11-23"));
        EXPECT_EQ(log::find_note(letter.body), checkpoint.note);
        EXPECT_THAT(letter.body, testing::HasSubstr(log::to_string(app->signer().value()->ring().verifier())));
    }

    EXPECT_TRUE(checkpoint_readers(*app)->empty());
    ASSERT_TRUE(app->registers()->add("checkpoint_readers", "revisor",
                                      {{"name", "Revisor"}, {"email", "r@example.com"}, {"language", "da"}}, "test"));
    ASSERT_TRUE(app->registers()->add("checkpoint_readers", "old",
                                      {{"name", "Old"}, {"email", "o@example.com"}, {"status", "ended"}}, "test"));
    const auto readers = checkpoint_readers(*app).value();
    ASSERT_EQ(readers.size(), 1U);
    EXPECT_EQ(readers.front().email, "r@example.com");
    EXPECT_EQ(readers.front().lang, Lang::da);
}

}  // namespace
}  // namespace tilsyn::app
