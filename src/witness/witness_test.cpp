#include "witness/witness.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "base/file.hpp"
#include "support/temporary.hpp"
#include "witness/made_log.hpp"

namespace tilsyn::witness {
namespace {

using test::MadeLog;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Witnesses : public testing::Test {
  protected:
    Witnesses() { log_.grow(5); }
    Result<std::unique_ptr<Witness>> open(std::string name = {}, std::function<void(Step)> at_step = {}) {
        return Witness::open({folder_.path() / "w", std::move(name), std::move(at_step)}, clock_);
    }
    std::unique_ptr<Witness> start(std::function<void(Step)> at_step = {}) {
        auto witness = open("example.net/witness", std::move(at_step)).value();
        EXPECT_TRUE(witness->add_log(log_.verifier()));
        return witness;
    }
    Verdict ask(Witness& witness, const std::string& body) { return witness.add_checkpoint(body).value().verdict; }
    Timestamp time_of(const Answer& answer, const log::Checkpoint& checkpoint, const Witness& witness) {
        return test::cosigned_at(checkpoint, answer.lines, witness.verifier()).value();
    }
    fs::path file(std::string_view name) const { return folder_.path() / "w" / name; }

    ManualClock clock_{parse_utc("2026-11-23T04:05:06.789Z").value()};
    tilsyn::test::TemporaryFolder folder_;
    MadeLog log_;
};

TEST_F(Witnesses, CosignsWhatContinuesAndNothingElse) {
    const auto witness = start();
    const auto first = witness->add_checkpoint(log_.request(0)).value();
    ASSERT_EQ(first.verdict, Verdict::cosigned);
    EXPECT_EQ(time_of(first, log_.checkpoint(5), *witness), std::chrono::floor<std::chrono::seconds>(clock_.now()));
    auto fork = log_.fork(9, "other");
    log_.grow(9);
    EXPECT_EQ(ask(*witness, log_.request(5)), Verdict::cosigned);
    const auto refused = witness->add_checkpoint(fork.request(5)).value();
    EXPECT_EQ(refused.verdict, Verdict::out_of_step);
    EXPECT_EQ(refused.size, 9);
    EXPECT_EQ(ask(*witness, fork.request(9)), Verdict::inconsistent);
    fork.grow(20, "other");
    EXPECT_EQ(ask(*witness, fork.request(9)), Verdict::inconsistent) << "a good proof, of another history";
    EXPECT_EQ(ask(*witness, log_.request(9)), Verdict::cosigned) << "the same once more";
}

TEST_F(Witnesses, AForkIsKeptAsEvidenceEvenWhenItIsOutOfStep) {
    const auto witness = start();
    const auto fork = log_.fork(9, "other");
    log_.grow(9);
    ASSERT_EQ(ask(*witness, log_.request(0)), Verdict::cosigned);
    EXPECT_EQ(witness->logs()->front().forks, 0);
    const auto refused = witness->add_checkpoint(fork.request(0)).value();
    EXPECT_EQ(refused.verdict, Verdict::out_of_step);
    EXPECT_TRUE(refused.fork);
    EXPECT_TRUE(witness->add_checkpoint(fork.request(9)).value().fork);
    EXPECT_EQ(witness->logs()->front().forks, 1) << "kept once";
    EXPECT_FALSE(witness->add_checkpoint(log_.request(0)).value().fork);
    const auto stored = db::open({db::Engine::sqlite, file("witness.db").string()}, db::Access::read_only).value();
    EXPECT_EQ(stored->one("SELECT note FROM witness_fork").value()->text(0), fork.note(9));
}

TEST_F(Witnesses, AnEmptyLogHasOneRoot) {
    const auto witness = start();
    auto odd = log_.checkpoint(0);
    const auto empty = log_.request(0, 0);
    odd.root[0] ^= 1;
    const auto note = log_.signed_by(log_.key(), log::to_text(odd));
    EXPECT_EQ(ask(*witness, add_checkpoint_body(0, {}, note)), Verdict::inconsistent);
    EXPECT_EQ(ask(*witness, empty), Verdict::cosigned);
    EXPECT_EQ(ask(*witness, add_checkpoint_body(0, {}, note)), Verdict::inconsistent);
    EXPECT_EQ(ask(*witness, log_.request(0)), Verdict::cosigned);
}

TEST_F(Witnesses, RemembersOverARestart) {
    const auto fork = log_.fork(9, "other");
    log_.grow(9);
    const auto key = start()->verifier();
    ASSERT_EQ(ask(*start(), log_.request(0)), Verdict::cosigned);
    const auto witness = start();
    EXPECT_EQ(witness->verifier(), key);
    EXPECT_EQ(ask(*witness, fork.request(9)), Verdict::inconsistent);
    const auto known = witness->logs()->front();
    EXPECT_EQ(known.size, 9);
    EXPECT_EQ(known.keys, std::vector{log_.verifier()});
    struct stat info{};
    ASSERT_EQ(::stat(file("witness.key").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777u, 0600u);
}

TEST_F(Witnesses, TheTimeOfALogNeverRunsBackwards) {
    const auto witness = start();
    const auto at = [&](std::int64_t size) {
        log_.grow(std::size_t(size));
        const auto answer = witness->add_checkpoint(log_.request(witness->logs()->front().size)).value();
        return time_of(answer, log_.checkpoint(size), *witness);
    };
    const auto first = at(5);
    clock_.jump(-4min);
    EXPECT_EQ(at(6), first) << "a clock that was a little ahead: the same time again";
    clock_.jump(-4min);
    log_.grow(7);
    const auto refused = witness->add_checkpoint(log_.request(6));
    ASSERT_FALSE(refused) << "an hour that is not, is not attested";
    EXPECT_EQ(refused.error().code, Code::unavailable);
    EXPECT_EQ(refused.error().message.key, "witness.clock-behind");
    EXPECT_EQ(witness->logs()->front().size, 6);
    clock_.jump(9min);
    EXPECT_GT(at(7), first);
}

TEST_F(Witnesses, TheSameInTheSameSecondIsNotWrittenTwice) {
    const auto witness = start();
    const auto first = witness->add_checkpoint(log_.request(0)).value();
    EXPECT_EQ(witness->add_checkpoint(log_.request(5)).value().lines, first.lines);
    clock_.advance(1s);
    EXPECT_NE(witness->add_checkpoint(log_.request(5)).value().lines, first.lines);
}

TEST_F(Witnesses, KeepsOnlySignaturesThatHeld) {
    const auto witness = start();
    auto note = log::parse_note(log_.note(5)).value();
    note.signatures.insert(note.signatures.begin(), {"example.org/stranger", 7, std::string(64, 'x')});
    ASSERT_EQ(ask(*witness, add_checkpoint_body(0, {}, log::to_string(note))), Verdict::cosigned);
    const auto kept = log::parse_note(witness->logs()->front().note).value();
    ASSERT_EQ(kept.signatures.size(), 2u);
    EXPECT_EQ(kept.signatures[0].name, log_.origin());
    EXPECT_EQ(kept.signatures[1].name, "example.net/witness");
    const std::vector keys{log_.verifier(), witness->verifier()};
    EXPECT_EQ(log::open_note(kept, keys)->size(), 2u);
}

TEST_F(Witnesses, KnowsALogByEachKeyOfAChangeUntilItIsForgotten) {
    const auto witness = start();
    const auto next = crypto::SigningKey::generate();
    const auto next_key = log::verifier_key(log_.origin(), log::KeyType::ed25519, next.public_key());
    const auto by_next = [&](std::int64_t size) {
        return add_checkpoint_body(size, {}, log_.signed_by(next, log::to_text(log_.checkpoint(size))));
    };
    ASSERT_EQ(ask(*witness, log_.request(0)), Verdict::cosigned);
    EXPECT_EQ(ask(*witness, by_next(5)), Verdict::not_signed);
    EXPECT_TRUE(witness->add_log(next_key).value());
    EXPECT_FALSE(witness->add_log(next_key).value());
    EXPECT_EQ(ask(*witness, by_next(5)), Verdict::cosigned);
    EXPECT_EQ(ask(*witness, log_.request(5)), Verdict::cosigned);
    EXPECT_TRUE(witness->forget_key(log_.verifier()).value());
    EXPECT_FALSE(witness->forget_key(log_.verifier()).value());
    EXPECT_EQ(ask(*witness, log_.request(5)), Verdict::not_signed);
    EXPECT_EQ(ask(*witness, by_next(5)), Verdict::cosigned);
    EXPECT_EQ(witness->add_log(witness->verifier()).error().message.key, "witness.not-a-log-key");
}

TEST_F(Witnesses, AKeyWithoutItsMemoryDoesNotStart) {
    ASSERT_EQ(ask(*start(), log_.request(0)), Verdict::cosigned);
    fs::rename(file("witness.db"), file("elsewhere"));
    const auto refused = open();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.key, "witness.memory-lost");
    EXPECT_FALSE(fs::exists(file("witness.db"))) << "the next start must be refused as well";
    fs::rename(file("elsewhere"), file("witness.db"));
    EXPECT_TRUE(open());
    fs::rename(file("witness.key"), file("elsewhere"));
    EXPECT_EQ(open().error().message.key, "witness.key-lost");
    fs::rename(file("elsewhere"), file("witness.key"));
    EXPECT_EQ(open("example.net/other").error().message.key, "witness.other-name");
    fs::permissions(file("witness.key"), fs::perms::group_read, fs::perm_options::add);
    EXPECT_EQ(open().error().message.key, "witness.key-open");
    ASSERT_TRUE(write_file(file("witness.key"), "PRIVATE+KEY+x+00000000+AAAA\n", 0600));
    EXPECT_EQ(open().error().message.key, "witness.bad-key");
}

TEST_F(Witnesses, RefusesANameThatIsNone) {
    EXPECT_EQ(open("a name").error().message.key, "witness.bad-name");
    EXPECT_FALSE(fs::exists(file("witness.key")));
    EXPECT_TRUE(open()->get()->verifier().name.ends_with("/witness")) << "named after the machine";
}

// The race that the protocol warns of: a request is checked, another one is cosigned, then the first goes on.
TEST_F(Witnesses, ARequestThatWasOvertakenIsOutOfStep) {
    log_.grow(8);
    MadeLog longer = log_;
    longer.grow(12);
    std::atomic<int> calls = 0;
    std::function<void()> overtake;
    const auto witness = start([&](Step step) {
        if (step == Step::verified && calls++ == 0) overtake();
    });
    overtake = [&] { EXPECT_EQ(ask(*witness, longer.request(0)), Verdict::cosigned); };
    const auto slow = witness->add_checkpoint(log_.request(0)).value();
    EXPECT_EQ(slow.verdict, Verdict::out_of_step);
    EXPECT_EQ(slow.size, 12);
    EXPECT_EQ(witness->logs()->front().size, 12);
}

// Two processes on one folder: the decision is the database's, not the process's.
TEST_F(Witnesses, TwoOfThemOnOneFolderCosignOneHistory) {
    const auto one = start(), two = start();
    ASSERT_EQ(ask(*one, log_.request(0)), Verdict::cosigned);
    constexpr int rounds = 20;
    for (int round = 0; round < rounds; ++round) {
        const auto size = log_.size();
        const auto left = log_.fork(std::size_t(size) + 3, "left"), right = log_.fork(std::size_t(size) + 3, "right");
        Verdict verdicts[2];
        std::thread other([&] { verdicts[0] = ask(*one, left.request(size)); });
        verdicts[1] = ask(*two, right.request(size));
        other.join();
        ASSERT_NE(verdicts[0] == Verdict::cosigned, verdicts[1] == Verdict::cosigned) << "exactly one";
        log_ = verdicts[0] == Verdict::cosigned ? left : right;
        ASSERT_EQ(one->logs()->front().note, two->logs()->front().note);
    }
}

}  // namespace
}  // namespace tilsyn::witness
