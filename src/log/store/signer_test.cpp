#include "log/store/signer.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "base/file.hpp"
#include "log/store/export.hpp"
#include "log/store/recover.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"

namespace tilsyn::log {
namespace {

class Signing : public testing::TestWithParam<db::Engine> {
  protected:
    Signing() : database_(GetParam()), connection_(db::open(database_.location(), db::Access::read_write).value()) {
        EXPECT_TRUE(db::migrate(*connection_, migrations(), clock_.now()));
        EXPECT_TRUE(Signer::create(key_file(), "example.com/log"));
        open();
    }
    std::filesystem::path key_file() const { return folder_.path() / "log.key"; }
    std::filesystem::path memory_file() const { return folder_.path() / "log.signed"; }
    void open(std::function<void(SignStep)> at_step = {}) {
        committer_.reset();
        committer_ = Committer::start({database_.location()}, clock_).value();
        signer_ = Signer::open({key_file(), memory_file(), std::move(at_step)}).value();
    }
    void add(int count) {
        for (int i = 0; i < count; ++i)
            ASSERT_TRUE(committer_->write([](WriteContext& context) -> Result<void> {
                context.append(Entry("test").control("c"));
                return {};
            }));
    }
    Result<StoredCheckpoint> sign() { return signer_->sign(*committer_, *connection_, tree_, clock_); }
    // As if a backup of that size had been restored.
    // Those that are not to last, too.
    std::vector<StoredCheckpoint> all_kept() {
        std::vector<StoredCheckpoint> all;
        for (std::int64_t size = 0;; size = all.back().size + 1) {
            const auto next = checkpoint_covering(*connection_, size, false).value();
            if (!next) return all;
            all.push_back(*next);
        }
    }
    void set_back(std::int64_t size) {
        Frontier frontier;
        ASSERT_TRUE(each_entry(*connection_, 0, size, [&](std::int64_t, std::string_view body) -> Result<void> {
            frontier.append(leaf_hash(body));
            return {};
        }));
        committer_.reset();
        const auto guard = GetParam() == db::Engine::sqlite ? "DROP TRIGGER log_entry_kept"
                                                            : "DROP TRIGGER log_entry_fixed ON log_entry";
        ASSERT_TRUE(connection_->script(guard));
        ASSERT_TRUE(connection_->execute("DELETE FROM log_entry WHERE idx >= ?", {size}));
        ASSERT_TRUE(connection_->execute("DELETE FROM log_checkpoint WHERE size > ?", {size}));
        ASSERT_TRUE(connection_->execute("UPDATE log_control SET cseq = ?, last_idx = ?", {size - 1, size - 1}));
        ASSERT_TRUE(connection_->execute("UPDATE log_head SET size = ?, frontier = ?", {size, frontier.to_bytes()}));
        tree_ = std::make_unique<Tree>();
        open();
    }
    struct TreeHolder {
        std::unique_ptr<Tree> tree = std::make_unique<Tree>();
        operator Tree&() { return *tree; }
        Tree* operator->() { return tree.get(); }
        void operator=(std::unique_ptr<Tree> other) { tree = std::move(other); }
    };

    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<Committer> committer_;
    std::unique_ptr<Signer> signer_;
    TreeHolder tree_;
};

TEST_P(Signing, ACheckpointIsOfTheNewestHeadAndOpensWithTheKey) {
    add(3);
    const auto first = sign();
    ASSERT_TRUE(first) << render(first.error(), Lang::en);
    const auto opened = open_checkpoint(first->note, signer_->ring().verifier());
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->checkpoint.size, 3);
    EXPECT_EQ(opened->checkpoint.root, committer_->head().root);
    EXPECT_EQ(sign()->note, first->note) << "nothing moved";
    EXPECT_EQ(signer_->memory().value()->size, 3);
    add(300);
    const auto second = sign();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->size, 303);
    EXPECT_TRUE(
        verify_consistency(3, first->root, 303, second->root, tree_->consistency(*connection_, 3, 303).value()));
    EXPECT_EQ(all_kept().size(), 2u);
}

TEST_P(Signing, TheTreeGivesTheProofsOfEveryEntry) {
    add(600);
    const auto head = stored_head(*connection_).value();
    for (std::int64_t index = 0; index < 600; index += 7) {
        const auto proof = tree_->inclusion(*connection_, index, 600);
        ASSERT_TRUE(proof);
        const auto leaf = leaf_hashes(*connection_, index, index + 1).value().front();
        EXPECT_TRUE(verify_inclusion(index, 600, leaf, *proof, head.root)) << index;
    }
    EXPECT_EQ(tree_->inclusion(*connection_, 600, 600).error().code, Code::invalid);
    EXPECT_EQ(tree_->inclusion(*connection_, 600, 700).error().code, Code::corrupt);
}

TEST_P(Signing, ALogThatWasSetBackIsNotSigned) {
    add(10);
    ASSERT_TRUE(sign());
    set_back(7);
    EXPECT_EQ(sign().error().message.key, "log.behind-signed");
    add(3);  // and grown again to the same size with other entries
    EXPECT_EQ(sign().error().message.key, "log.rewritten");
    add(5);
    EXPECT_EQ(sign().error().message.key, "log.rewritten");
    EXPECT_EQ(signer_->compare(*connection_, tree_).error().code, Code::conflict);
}

TEST_P(Signing, AMemoryThatIsGoneIsNotTakenForAFreshStart) {
    add(1);
    ASSERT_TRUE(sign());
    std::filesystem::remove(memory_file());
    EXPECT_EQ(sign().error().message.key, "log.memory-lost");
}

TEST_P(Signing, TheKeyIsItsOwnersAlone) {
    std::filesystem::permissions(key_file(), std::filesystem::perms(0640));
    EXPECT_EQ(Signer::open({key_file(), memory_file()}).error().message.key, "log.key-open");
    std::filesystem::permissions(key_file(), std::filesystem::perms(0600));
    ASSERT_TRUE(write_file(key_file(), "PRIVATE+KEY+example.com/log+00000000+AAAA\n", 0600));
    EXPECT_EQ(Signer::open({key_file(), memory_file()}).error().message.key, "log.bad-key");
    std::filesystem::remove(key_file());
    EXPECT_EQ(Signer::open({key_file(), memory_file()}).error().message.key, "log.no-key");
}

TEST_P(Signing, KilledAtAnyStepItNeverSignsTwoHistories) {
    for (const auto step : {SignStep::committed, SignStep::remembered, SignStep::signed_not_kept, SignStep::kept}) {
        add(3);
        committer_.reset();
        const pid_t child = ::fork();
        if (child == 0) {  // its own connections: SQLite's and libpq's do not survive a fork
            auto connection = db::open(database_.location(), db::Access::read_write).value();
            auto committer = Committer::start({database_.location()}, clock_).value();
            auto signer = Signer::open({key_file(), memory_file(), [&](SignStep at) {
                                            if (at == step) ::kill(::getpid(), SIGKILL);
                                        }});
            Tree tree;
            (void)(*signer)->sign(*committer, *connection, tree, clock_);
            ::_exit(1);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "it was to be killed at step " << int(step);
        open();
        const auto remembered = signer_->memory().value();
        const auto after = sign();
        ASSERT_TRUE(after) << render(after.error(), Lang::en);
        if (remembered && remembered->size == after->size) EXPECT_EQ(remembered->root, after->root);
        // Whatever was killed, what is kept is one line of history.
        const auto kept = all_kept();
        for (std::size_t i = 1; i < kept.size(); ++i)
            EXPECT_TRUE(verify_consistency(kept[i - 1].size, kept[i - 1].root, kept[i].size, kept[i].root,
                                           tree_->consistency(*connection_, kept[i - 1].size, kept[i].size).value()));
    }
    // And a log set back after the kill is still refused.
    const auto size = stored_head(*connection_).value().size;
    set_back(size - 1);
    EXPECT_EQ(sign().error().message.key, "log.behind-signed");
}

TEST_P(Signing, TheFirstCheckpointOfAnHourLastsAndThoseThatOthersVouchFor) {
    const auto sign_at = [&](const char* at) {
        clock_.advance(parse_utc(at).value() - clock_.now());
        add(1);
        return sign().value().size;
    };
    const auto first = sign_at("2026-11-23T08:00:00Z");
    sign_at("2026-11-23T08:00:05Z");
    const auto cosigned = sign_at("2026-11-23T08:00:10Z");
    const auto stamped = sign_at("2026-11-23T08:59:59Z");
    const auto next = sign_at("2026-11-23T09:00:00Z");
    sign_at("2026-11-23T09:30:00Z");
    const auto witness = verifier_key("w", KeyType::cosignature, crypto::SigningKey::generate().public_key());
    ASSERT_TRUE(keep_cosignature(*committer_, cosigned, witness, "line", clock_.now()));
    ASSERT_TRUE(keep_stamp(*committer_, {stamped, "acme", "der", clock_.now()}));
    std::vector<std::int64_t> lasting;
    for (const auto& checkpoint : lasting_checkpoints(*connection_, 0, 1000).value())
        lasting.push_back(checkpoint.size);
    EXPECT_EQ(lasting, (std::vector{first, cosigned, stamped, next}));
    EXPECT_EQ(all_kept().size(), 6U) << "the others stay for two days";
    const auto later = sign_at("2026-11-25T10:00:00Z");
    lasting.push_back(later);
    EXPECT_EQ(all_kept().size(), lasting.size());
    EXPECT_EQ(checkpoint_covering(*connection_, stamped + 1, true)->value().size, next);
}

TEST_P(Signing, WhatWasExportedPutsALogRightThatWasSetBack) {
    add(520);
    const auto before = sign().value();
    const auto exported = folder_.path() / "export";
    const auto key = signer_->ring().verifier();
    const auto first = export_log(*connection_, tree_, before, key, exported);
    ASSERT_TRUE(first) << render(first.error(), Lang::en);
    EXPECT_EQ(first->files, 3 + 3 + 1);  // bundles, hashes of level 0, of level 1
    EXPECT_EQ(export_log(*connection_, tree_, before, key, exported)->files, 3) << "only what is partial";

    set_back(300);
    ASSERT_EQ(sign().error().message.key, "log.behind-signed");
    committer_.reset();
    const auto replayed = replay(*connection_, key, exported);
    ASSERT_TRUE(replayed) << render(replayed.error(), Lang::en);
    EXPECT_EQ(replayed->from, 300);
    EXPECT_EQ(replayed->to, 520);
    open();
    EXPECT_EQ(sign()->root, before.root);
    EXPECT_EQ(verify_all(*connection_)->size, 520);
    add(1);
    const auto body = connection_->one("SELECT body FROM log_entry WHERE idx = 520").value()->text(0);
    EXPECT_NE(body.find(R"("cseq":520,"prev":519)"), body.npos) << body;
}

TEST_P(Signing, AReplayOfAnotherHistoryIsRefusedWhole) {
    add(20);
    const auto before = sign().value();
    const auto exported = folder_.path() / "export";
    const auto key = signer_->ring().verifier();
    ASSERT_TRUE(export_log(*connection_, tree_, before, key, exported));
    set_back(10);
    add(2);
    committer_.reset();
    EXPECT_EQ(replay(*connection_, key, exported).error().message.key, "log.replay-other");
    EXPECT_EQ(stored_head(*connection_)->size, 12);
    open();
    EXPECT_EQ(sign().error().message.key, "log.behind-signed");
    // Nobody has the entries that are lost: the log goes on under another name.
    const auto other = begin_new_origin(*committer_, *signer_, key_file(), memory_file(), "example.com/log-2");
    ASSERT_TRUE(other) << render(other.error(), Lang::en);
    open();
    const auto signed_again = sign();
    ASSERT_TRUE(signed_again) << render(signed_again.error(), Lang::en);
    EXPECT_TRUE(open_checkpoint(signed_again->note, *other));
    const auto body = connection_->one("SELECT body FROM log_entry WHERE idx = 12").value()->text(0);
    EXPECT_NE(body.find(R"("k":"log.recover","old_origin":"example.com/log")"), body.npos) << body;
    EXPECT_NE(body.find(R"("signed":20)"), body.npos) << body;
}

TEST_P(Signing, AnExportIsOfOneHistory) {
    add(5);
    const auto exported = folder_.path() / "export";
    const auto key = signer_->ring().verifier();
    ASSERT_TRUE(export_log(*connection_, tree_, sign().value(), key, exported));
    ASSERT_TRUE(write_file(exported / "checkpoint", "nonsense\n"));
    EXPECT_EQ(export_log(*connection_, tree_, sign().value(), key, exported).error().message.key, "log.export-other");
}

INSTANTIATE_ENGINES(Signing);

}  // namespace
}  // namespace tilsyn::log
