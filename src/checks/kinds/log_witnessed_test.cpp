// log_witnessed on a real log with keys of witnesses of its own, on both engines.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "checks/check_fixture.hpp"
#include "log/store/committer.hpp"
#include "log/store/witnessed.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
namespace {

using namespace std::chrono_literals;

class LogWitnessed : public testing::TestWithParam<db::Engine> {
  protected:
    LogWitnessed() : database_(GetParam()), readers_(database_.location(), db::Access::read_only, 2) {
        const auto connection = db::open(database_.location(), db::Access::read_write).value();
        EXPECT_TRUE(db::migrate(*connection, log::migrations(), clock_.now()));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
    }
    struct Outsider {
        std::string name;
        crypto::SigningKey key = crypto::SigningKey::generate();
        log::VerifierKey verifier() const {
            return log::verifier_key(name, log::KeyType::cosignature, key.public_key());
        }
    };
    void name_them(const std::string& quorum) {
        std::string text;
        for (const auto* outsider : {&auditor_, &customer_})
            text += "witness " + outsider->name + " " + log::to_string(outsider->verifier()) + "\n";
        ASSERT_TRUE(write_file(folder_.path() / "witnesses",
                               text + "group both all auditor customer\nquorum " + quorum + "\n"));
    }
    // A checkpoint of the first `size` entries, cosigned by these now.
    void cosign(std::int64_t size, const std::vector<const Outsider*>& by, bool forged = false) {
        const log::Checkpoint checkpoint{"example.com/log", size, log::leaf_hash(std::to_string(size))};
        const auto text = log::to_text(checkpoint);
        const auto note = log::Note{text, {log::sign_note(text, checkpoint.origin, log_key_)}};
        ASSERT_TRUE(log::keep_checkpoint(*committer_, checkpoint, log::to_string(note), clock_.now()));
        for (const auto* outsider : by) {
            const auto line =
                log::cosign_note(forged ? text + "x\n" : text, outsider->name, outsider->key, clock_.now());
            ASSERT_TRUE(
                log::keep_cosignature(*committer_, size, outsider->verifier(), log::to_line(line), clock_.now()));
        }
    }
    void stamp(std::int64_t size) {
        cosign(size, {});
        ASSERT_TRUE(log::keep_stamp(*committer_, {size, "acme", "der", clock_.now()}));
    }
    Judgement look(const std::string& more = {}) {
        Environment environment;
        environment.clock = &clock_;
        environment.readers = &readers_;
        environment.data_folder = folder_.path().string();
        const Subject company{"company", {}};
        const auto control = control_of("kind = \"log_witnessed\"\n" + more);
        return run(*find_kind("log_witnessed"), {&control, {&company, 1}, {}, Deadline::in(20s), &environment, nullptr})
            .at(0);
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<log::Committer> committer_;
    db::Pool readers_;
    crypto::SigningKey log_key_ = crypto::SigningKey::generate();
    Outsider auditor_{"auditor"}, customer_{"customer"};
};

TEST_P(LogWitnessed, SaysPlainlyThatNobodyVouches) {
    const auto judgement = look();
    EXPECT_EQ(judgement.outcome, Outcome::not_applicable);
    EXPECT_TRUE(render(judgement.why, Lang::en).starts_with("not witnessed: nobody outside"));
}

TEST_P(LogWitnessed, FailsAsLongAsThoseNamedHaveNotCosigned) {
    name_them("auditor");
    cosign(3, {&customer_});
    EXPECT_EQ(look().why.key, "checks.log-never-witnessed");
    EXPECT_EQ(look().outcome, Outcome::fail);
    cosign(5, {&auditor_});
    EXPECT_EQ(said(look()), "pass: the first 5 entries are cosigned by auditor");
}

TEST_P(LogWitnessed, CountsOnlyWhatMakesUpTheQuorum) {
    name_them("both");
    cosign(3, {&auditor_, &customer_});
    clock_.advance(27h);
    cosign(9, {&auditor_});
    EXPECT_EQ(said(look()), "fail: the newest checkpoint that enough witnesses have cosigned is 1d3h old");
    EXPECT_EQ(look("max_age = \"28 hours\"").outcome, Outcome::pass);
    cosign(10, {&auditor_, &customer_});
    EXPECT_EQ(look().outcome, Outcome::pass);
}

TEST_P(LogWitnessed, TakingTheListAwayDoesNotMakeItWell) {
    name_them("auditor");
    cosign(3, {&auditor_});
    std::filesystem::remove(folder_.path() / "witnesses");
    EXPECT_EQ(look().outcome, Outcome::pass);
    clock_.advance(27h);
    EXPECT_EQ(look().outcome, Outcome::fail);
    ASSERT_TRUE(write_file(folder_.path() / "witnesses", "quorum nobody\n"));
    EXPECT_EQ(look().outcome, Outcome::unknown);
}

TEST_P(LogWitnessed, BelievesNoCosignatureThatDoesNotHold) {
    name_them("auditor");
    cosign(3, {&auditor_}, true);
    EXPECT_NE(look().outcome, Outcome::pass);
}

TEST_P(LogWitnessed, LooksAtStampsWhereThereAreAny) {
    stamp(3);
    EXPECT_EQ(said(look()), "pass: not witnessed, but its newest part has been time-stamped");
    clock_.advance(51h);
    EXPECT_EQ(said(look()), "fail: no time stamp of the log for 2d3h");
    EXPECT_EQ(look("max_stamp_age = \"60 hours\"").outcome, Outcome::pass);
}

INSTANTIATE_ENGINES(LogWitnessed);

}  // namespace
}  // namespace tilsyn::checks
