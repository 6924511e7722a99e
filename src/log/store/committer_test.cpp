#include "log/store/committer.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "log/store/verify.hpp"
#include "support/databases.hpp"

namespace tilsyn::log {
namespace {

class Log : public testing::TestWithParam<db::Engine> {
  protected:
    Log() : database_(GetParam()), connection_(db::open(database_.location(), db::Access::read_write).value()) {
        EXPECT_TRUE(db::migrate(*connection_, migrations(), clock_.now()));
        EXPECT_TRUE(connection_->script("CREATE TABLE thing(id TEXT PRIMARY KEY)"));
    }
    std::unique_ptr<Committer> committer() { return Committer::start({database_.location()}, clock_).value(); }
    std::int64_t number(const std::string& sql) { return connection_->one(sql).value()->integer(0); }
    static Committer::Change add(const std::string& id) {
        return [id](WriteContext& context) -> Result<void> {
            context.append(Entry("test").control("c").text("id", id));
            TRY_VOID(context.db().execute("INSERT INTO thing(id) VALUES(?)", {id}));
            return {};
        };
    }

    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
};

TEST_P(Log, ChangesAndTheirEntriesStandOrFallTogether) {
    auto log = committer();
    EXPECT_TRUE(log->write(add("a")));
    EXPECT_EQ(log->write(add("a")).error().code, Code::conflict);
    EXPECT_TRUE(log->write(add("b")));
    EXPECT_EQ(number("SELECT count(*) FROM thing"), 2);
    EXPECT_EQ(log->head().size, 2);
    const auto all = verify_all(*connection_);
    ASSERT_TRUE(all);
    EXPECT_EQ(all->root, log->head().root);
    const auto body = connection_->one("SELECT body FROM log_entry WHERE idx = 1").value()->text(0);
    EXPECT_NE(body.find(R"("cseq":1,"prev":0)"), body.npos) << body;
}

TEST_P(Log, OneFailingChangeDoesNotSinkTheBatch) {
    auto log = committer();
    ASSERT_TRUE(log->write(add("taken")));
    std::latch done(64);
    std::atomic<int> failed = 0;
    for (int i = 0; i < 64; ++i)
        log->submit(i % 8 == 0 ? add("taken") : add("n" + std::to_string(i)), [&](const Result<void>& result) {
            failed += result ? 0 : 1;
            done.count_down();
        });
    done.wait();
    EXPECT_EQ(failed, 8);
    EXPECT_EQ(number("SELECT count(*) FROM thing"), 57);
    EXPECT_EQ(verify_all(*connection_)->size, 57);
}

TEST_P(Log, SeveralNodesWriteOneLog) {
    constexpr int nodes = 4, writes = 50;
    std::vector<std::thread> threads;
    std::atomic<int> refused = 0;
    for (int n = 0; n < nodes; ++n)
        threads.emplace_back([&, n] {
            auto log = committer();
            for (int i = 0; i < writes; ++i)
                refused += log->write(add(std::to_string(n) + "-" + std::to_string(i))) ? 0 : 1;
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(refused, 0);
    EXPECT_EQ(verify_all(*connection_)->size, nodes * writes);
    EXPECT_EQ(number("SELECT cseq FROM log_control WHERE control = 'c'"), nodes * writes - 1);
}

TEST_P(Log, AnEntryChangedBehindItsBackIsFound) {
    {
        auto log = committer();
        for (const char* id : {"a", "b", "c"}) ASSERT_TRUE(log->write(add(id)));
    }
    EXPECT_FALSE(connection_->script("UPDATE log_entry SET body = 'x' WHERE idx = 1")) << "the guard";
    ASSERT_TRUE(connection_->script(GetParam() == db::Engine::sqlite ? "DROP TRIGGER log_entry_fixed"
                                                                     : "DROP TRIGGER log_entry_fixed ON log_entry"));
    ASSERT_TRUE(
        connection_->script("UPDATE log_entry SET body = replace(body, '\"id\":\"b\"', '\"id\":\"B\"') WHERE idx = 1"));
    const auto refused = Committer::start({database_.location()}, clock_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::corrupt);
    EXPECT_EQ(refused.error().message, msg("log.entry-changed", {{"index", "1"}}));
}

TEST_P(Log, AHeadThatIsBehindIsFound) {
    auto log = committer();
    ASSERT_TRUE(log->write(add("a")));
    const auto head = connection_->one("SELECT frontier FROM log_head").value()->blob(0);
    ASSERT_TRUE(log->write(add("b")));
    log.reset();
    ASSERT_TRUE(connection_->execute("UPDATE log_head SET size = 1, frontier = ?", {head}));
    EXPECT_EQ(Committer::start({database_.location()}, clock_).error().message.key, "log.head-differs");
}

TEST_P(Log, AFullQueueSaysSo) {
    Committer::Options options{database_.location(), 1, 1};
    auto log = Committer::start(options, clock_).value();
    std::latch entered(1), leave(1), done(3);
    std::atomic<int> busy = 0;
    const auto count = [&](const Result<void>& result) {
        busy += !result && result.error().code == Code::busy ? 1 : 0;
        done.count_down();
    };
    log->submit(
        [&](WriteContext&) -> Result<void> {
            entered.count_down();
            leave.wait();
            return {};
        },
        count);
    entered.wait();
    log->submit(add("a"), count);
    log->submit(add("b"), count);
    leave.count_down();
    done.wait();
    EXPECT_EQ(busy, 1);
}

TEST_P(Log, AThrowingChangeIsAnErrorNotACrash) {
    auto log = committer();
    EXPECT_EQ(log->write([](WriteContext&) -> Result<void> { throw std::runtime_error("bug"); }).error().code,
              Code::internal);
    EXPECT_TRUE(log->write(add("a")));
}

INSTANTIATE_ENGINES(Log);

TEST(LogOnPostgres, ComesBackByItselfAfterTheServerRestarted) {
    test::PostgresServer server;
    ManualClock clock(parse_utc("2026-11-23T04:05:06Z").value());
    const auto location = db::parse_location(server.url("postgres"));
    auto connection = db::open(location, db::Access::read_write).value();
    ASSERT_TRUE(db::migrate(*connection, migrations(), clock.now()));
    auto log = Committer::start({location}, clock).value();
    const auto write = [&] {
        return log->write([](WriteContext& c) -> Result<void> {
            c.append(Entry("test"));
            return {};
        });
    };
    ASSERT_TRUE(write());
    server.stop(true);
    std::thread meanwhile([&] { EXPECT_TRUE(write()) << "retried until the server is back"; });
    server.start();
    meanwhile.join();
    EXPECT_EQ(verify_all(*db::open(location, db::Access::read_write).value())->size, 2);
}

}  // namespace
}  // namespace tilsyn::log
