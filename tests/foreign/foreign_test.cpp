// A foreign implementation reads an exported log: Go's sumdb code, in checklog/.
#include <gtest/gtest.h>

#include <future>

#include "base/file.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"
#include "log/store/export.hpp"
#include "log/store/signer.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn {
namespace {

const std::string program = TILSYN_GO_FOLDER "/checklog";

class Foreign : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        // Debian's packages as they are, without modules and without the network. The cache makes the next run quick.
        const auto built = test::run_command(
            "cd tests/foreign/checklog && GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS= "
            "GOCACHE=" TILSYN_GO_FOLDER "/cache go build -o " +
            program + " . 2>&1");
        ASSERT_EQ(built.status, 0) << built.output;
    }
    Foreign() {
        EXPECT_TRUE(write_file(folder_.path() / "log.db", "", 0600));
        location_ = db::parse_location((folder_.path() / "log.db").string());
        connection_ = db::open(location_, db::Access::read_write).value();
        EXPECT_TRUE(db::migrate(*connection_, log::migrations(), clock_.now()));
        committer_ = log::Committer::start({location_}, clock_).value();
        EXPECT_TRUE(log::Signer::create(folder_.path() / "log.key", "example.com/log"));
        signer_ = log::Signer::open({folder_.path() / "log.key", folder_.path() / "log.signed"}).value();
    }
    log::StoredCheckpoint grow(int count) {
        constexpr int at_once = 500;
        for (int done = 0; done < count; done += at_once)
            EXPECT_TRUE(committer_->write([&](log::WriteContext& context) -> Result<void> {
                for (int i = done; i < std::min(done + at_once, count); ++i)
                    context.append(log::Entry("test").control("c").integer("number", i).text("text", "æøå"));
                return {};
            }));
        return signer_->sign(*committer_, *connection_, tree_, clock_).value();
    }
    std::filesystem::path export_it(const log::StoredCheckpoint& checkpoint) {
        const auto to = folder_.path() / "export";
        EXPECT_TRUE(log::export_log(*connection_, tree_, checkpoint, signer_->ring().verifier(), to));
        return to;
    }
    std::string vkey() const { return log::to_string(signer_->ring().verifier()); }
    test::Ran check(const std::string& arguments) { return test::run_command(program + " " + arguments + " 2>&1"); }

    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    test::TemporaryFolder folder_;
    db::Location location_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<log::Committer> committer_;
    std::unique_ptr<log::Signer> signer_;
    log::Tree tree_;
};

TEST_F(Foreign, AgreesAtEverySizeThatMatters) {
    std::string kept;
    std::int64_t size = 0;
    const auto witness = crypto::SigningKey::generate();
    const auto witness_key = log::verifier_key("w.example", log::KeyType::cosignature, witness.public_key());
    for (const std::int64_t target : {1, 255, 256, 257, 70'000}) {
        auto checkpoint = grow(int(target - size));
        size = target;
        const auto signed_by_log = checkpoint.note;
        checkpoint.note +=
            log::to_line(log::cosign_note(log::parse_note(checkpoint.note)->text, "w.example", witness, clock_.now()));
        const auto folder = export_it(checkpoint);
        const auto file = (folder_.path() / "kept").string();
        if (!kept.empty()) {
            ASSERT_TRUE(write_file(file, kept));
        }
        const auto ran = check(folder.string() + " " + vkey() +
                               (kept.empty() ? "" : " " + file + " " + log::to_string(witness_key)));
        EXPECT_EQ(ran.status, 0);
        EXPECT_EQ(ran.output, std::to_string(target) + " entries of example.com/log\n");
        kept = signed_by_log;
    }
}

TEST_F(Foreign, RefusesWhatWasChangedAfterwards) {
    const auto folder = export_it(grow(300));
    EXPECT_EQ(check(folder.string() + " " + vkey()).status, 0);
    const auto change = [&](const std::string& name) {
        const auto bytes = read_file(folder / name).value();
        auto changed = bytes;
        changed[changed.size() / 2] ^= 1;
        EXPECT_TRUE(write_file(folder / name, changed));
        const auto ran = check(folder.string() + " " + vkey());
        EXPECT_TRUE(write_file(folder / name, bytes));
        return ran;
    };
    EXPECT_TRUE(change("tile/entries/000").output.ends_with(" is not what the tree says\n"));
    EXPECT_NE(change("tile/0/000").status, 0);
    EXPECT_NE(change("checkpoint").status, 0);
    EXPECT_EQ(check(folder.string() + " " + vkey()).status, 0);
}

}  // namespace
}  // namespace tilsyn
