// What every engine must do alike. Runs on SQLite and on a real PostgreSQL.
#include <gtest/gtest.h>

#include "support/databases.hpp"

namespace tilsyn::db {
namespace {

class Database : public testing::TestWithParam<Engine> {
  protected:
    Database() : database_(GetParam()) {
        connection_ = open(database_.location(), Access::read_write).value();
        const bool sqlite = GetParam() == Engine::sqlite;
        EXPECT_TRUE(connection_->script(
            sqlite ? "CREATE TABLE t(id INTEGER PRIMARY KEY, n INTEGER, r REAL, s TEXT UNIQUE, b BLOB) STRICT"
                   : "CREATE TABLE t(id BIGINT PRIMARY KEY, n BIGINT, r DOUBLE PRECISION, s TEXT UNIQUE, b BYTEA)"));
        EXPECT_TRUE(connection_->script("CREATE TABLE child(t_id " + std::string(sqlite ? "INTEGER" : "BIGINT") +
                                        " REFERENCES t(id))"));
    }
    std::int64_t count() { return connection_->one("SELECT count(*) FROM t").value()->integer(0); }

    test::FreshDatabase database_;
    std::unique_ptr<Connection> connection_;
};

TEST_P(Database, EveryTypeComesBackAsItWent) {
    const Blob blob{0, 1, 255, 0};
    const std::string text = "blåbær 'quoted' ? \"x\"";
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id, n, r, s, b) VALUES(?, ?, ?, ?, ?)",
                                     {std::int64_t{1}, std::int64_t{-9007199254740993}, 0.1, text, blob}));
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id, b) VALUES(?, ?)", {std::int64_t{2}, Blob{}}));
    const auto row = connection_->one("SELECT n, r, s, b FROM t WHERE id = ?", {std::int64_t{1}}).value();
    EXPECT_EQ((*row)[0], Value(std::int64_t{-9007199254740993}));
    EXPECT_EQ((*row)[1], Value(0.1));
    EXPECT_EQ((*row)[2], Value(text));
    EXPECT_EQ((*row)[3], Value(blob));
    const auto nulls = connection_->one("SELECT n, r, s, b FROM t WHERE id = 2").value();
    EXPECT_TRUE(nulls->null(0) && nulls->null(1) && nulls->null(2));
    EXPECT_EQ((*nulls)[3], Value(Blob{}));
}

TEST_P(Database, AggregatesAreIntegersOnBoth) {
    ASSERT_TRUE(connection_->script("INSERT INTO t(id, n) VALUES(1, 10), (2, 20)"));
    const auto row = connection_->one("SELECT count(*), sum(n), max(n), coalesce(sum(n), 0) FROM t").value();
    for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(std::holds_alternative<std::int64_t>((*row)[i])) << i;
    EXPECT_EQ(row->integer(1), 30);
}

TEST_P(Database, NulInTextIsRefusedNotCut) {
    EXPECT_EQ(connection_->execute("INSERT INTO t(id, s) VALUES(1, ?)", {std::string("a\0b", 3)}).error().code,
              Code::invalid);
}

TEST_P(Database, TwoStatementsAreRefused) {
    EXPECT_FALSE(connection_->query("SELECT 1; DELETE FROM t"));
}

TEST_P(Database, ErrorsAreTyped) {
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id, s) VALUES(1, 'a')"));
    EXPECT_EQ(connection_->execute("INSERT INTO t(id, s) VALUES(1, 'b')").error().code, Code::conflict);
    EXPECT_EQ(connection_->execute("INSERT INTO t(id, s) VALUES(2, 'a')").error().code, Code::conflict);
    EXPECT_EQ(connection_->execute("INSERT INTO child(t_id) VALUES(99)").error().message.key, "db.foreign-key");
    EXPECT_EQ(connection_->query("SELECT nothing FROM t").error().code, Code::invalid);
}

TEST_P(Database, ATransactionIsAllOrNothing) {
    {
        auto transaction = Transaction::begin(*connection_).value();
        ASSERT_TRUE(connection_->execute("INSERT INTO t(id) VALUES(1)"));
    }
    EXPECT_EQ(count(), 0);
    auto transaction = Transaction::begin(*connection_).value();
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id) VALUES(1)"));
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(), 1);
}

TEST_P(Database, ASavepointUndoesOnlyItsOwn) {
    auto transaction = Transaction::begin(*connection_).value();
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id) VALUES(1)"));
    ASSERT_TRUE(connection_->savepoint());
    ASSERT_FALSE(connection_->execute("INSERT INTO t(id) VALUES(1)"));
    ASSERT_TRUE(connection_->rollback_to_savepoint());
    ASSERT_TRUE(connection_->execute("INSERT INTO t(id) VALUES(2)"));
    ASSERT_TRUE(transaction.commit());
    EXPECT_EQ(count(), 2);
}

TEST_P(Database, ManyRowsInOneCall) {
    std::vector<std::vector<Value>> rows;
    for (std::int64_t i = 0; i < 1000; ++i) rows.push_back({i, std::string("row ") + std::to_string(i)});
    ASSERT_TRUE(connection_->begin());
    ASSERT_TRUE(connection_->execute_each("INSERT INTO t(id, s) VALUES(?, ?)", rows));
    ASSERT_TRUE(connection_->commit());
    EXPECT_EQ(count(), 1000);
}

TEST_P(Database, SeveralStatementsInOneCallSayWhatTheLastOneChanged) {
    std::vector<std::vector<Value>> rows;
    for (std::int64_t i = 0; i < 300; ++i) rows.push_back({i, "row " + std::to_string(i)});
    const std::vector<std::vector<Value>> none, one{{std::string("new"), std::int64_t{250}}};
    const auto all = [&](std::string_view last) {
        const Connection::Batch batches[] = {
            {"INSERT INTO t(id, s) VALUES(?, ?)", rows}, {"INSERT INTO t(id) VALUES(?)", none}, {last, one}};
        return connection_->execute_all(batches);
    };
    ASSERT_TRUE(connection_->begin());
    EXPECT_EQ(all("DELETE FROM t WHERE s <> ? AND id < ?").value(), 250);
    connection_->rollback();
    ASSERT_TRUE(connection_->begin());
    EXPECT_EQ(all("DELETE FROM t WHERE s = ? AND id < ?").value(), 0);
    ASSERT_TRUE(connection_->commit());
    EXPECT_EQ(count(), 300);
    EXPECT_EQ(connection_->execute_all({}).value(), 0);
}

TEST_P(Database, StatementsOfOneCallDoNotPushEachOtherOut) {
    const std::vector<std::vector<Value>> row{{std::int64_t{7}}};
    for (int call = 0; call < 300; ++call) {  // far more statements than a connection keeps prepared
        const auto mark = " /* " + std::to_string(call) + " */";
        if (call % 100 == 0) {  // so that the place runs out at another statement of a call
            ASSERT_TRUE(connection_->query("SELECT 1" + mark));
        }
        const std::string first = "INSERT INTO t(id) VALUES(?)" + mark,
                          second = "UPDATE t SET n = 1 WHERE id = ?" + mark,
                          third = "DELETE FROM t WHERE id = ?" + mark;
        const Connection::Batch batches[] = {{first, row}, {second, row}, {third, row}};
        EXPECT_EQ(connection_->execute_all(batches).value_or(-1), 1) << call;
    }
}

TEST_P(Database, ManyRowsStopAtTheFirstFault) {
    std::vector<std::vector<Value>> rows;
    for (std::int64_t i = 0; i < 600; ++i) rows.push_back({i == 300 ? 0 : i});
    ASSERT_TRUE(connection_->begin());
    EXPECT_EQ(connection_->execute_each("INSERT INTO t(id) VALUES(?)", rows).error().code, Code::conflict);
    connection_->rollback();
    EXPECT_EQ(count(), 0);
    EXPECT_TRUE(connection_->healthy());
}

TEST_P(Database, RowsCanBeStoppedEarly) {
    ASSERT_TRUE(connection_->script("INSERT INTO t(id) VALUES(1), (2), (3)"));
    int seen = 0;
    ASSERT_TRUE(
        connection_->each("SELECT id FROM t ORDER BY id", {}, [&](const Row&) -> Result<bool> { return ++seen < 2; }));
    EXPECT_EQ(seen, 2);
    EXPECT_EQ(count(), 3);
}

TEST_P(Database, ADeadlineCutsAQueryOff) {
    connection_->set_deadline(Deadline::in(std::chrono::milliseconds(30)));
    const auto endless = connection_->query(
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 2000000000) SELECT count(*) FROM c");
    ASSERT_FALSE(endless);
    EXPECT_EQ(endless.error().code, Code::timeout);
    connection_->set_deadline(std::nullopt);
    EXPECT_TRUE(connection_->query("SELECT 1"));
}

TEST_P(Database, AReadOnlyConnectionCannotWrite) {
    for (const auto access : {Access::read_only, Access::query}) {
        auto reader = open(database_.location(), access).value();
        EXPECT_EQ(reader->execute("INSERT INTO t(id) VALUES(1)").error().code, Code::forbidden);
        EXPECT_FALSE(reader->script("DROP TABLE t"));
    }
    EXPECT_EQ(count(), 0);
}

TEST_P(Database, MigrationsRunOnceAndRefuseWhatTheyDoNotKnow) {
    const Migration one{"0001-a", "CREATE TABLE a(id {int} PRIMARY KEY, body {blob}){strict}"};
    const Migration two{"0002-b", "CREATE TABLE b(id {int} PRIMARY KEY){strict}"};
    const Migration changed{"0001-a", "CREATE TABLE a(id {int} PRIMARY KEY){strict}"};
    const Migration broken{"0003-c", "CREATE TABLE c(id {int} PRIMARY KEY){strict}; CREATE TABLE a(x {int}){strict}"};
    const auto run = [&](std::vector<Migration> list) { return migrate(*connection_, list, Timestamp{}); };
    EXPECT_EQ(run({one})->size(), 1U);
    EXPECT_EQ(run({one, two}).value(), std::vector<std::string>{"0002-b"});
    EXPECT_EQ(run({one, two})->size(), 0U);
    EXPECT_EQ(run({one}).error().message.key, "db.migration-unknown");
    EXPECT_EQ(run({changed, two}).error().message.key, "db.migration-changed");
    EXPECT_EQ(run({one, two, broken}).error().message.key, "db.migration-failed");
    EXPECT_FALSE(connection_->query("SELECT * FROM c")) << "a failed migration must leave nothing behind";
}

INSTANTIATE_ENGINES(Database);

TEST(Sqlite, UserQueriesSeeViewsOnly) {
    test::FreshDatabase database(Engine::sqlite);
    auto writer = open(database.location(), Access::read_write).value();
    ASSERT_TRUE(writer->script(
        "CREATE TABLE register_row(id TEXT, body TEXT); CREATE TABLE log_private(salt TEXT);"
        "CREATE VIEW data_sets AS SELECT id FROM register_row; INSERT INTO register_row VALUES('a', 'b')"));
    auto reader = open(database.location(), Access::query).value();
    const auto rows = reader->query("SELECT id FROM data_sets");
    ASSERT_TRUE(rows) << rows.error().detail;
    EXPECT_EQ(rows->rows.size(), 1U);
    EXPECT_EQ(reader->query("WITH x AS (SELECT id FROM data_sets) SELECT count(*) FROM x")->rows.size(), 1U);
    for (const char* sql :
         {"SELECT * FROM register_row", "SELECT * FROM log_private", "SELECT name FROM sqlite_master",
          "PRAGMA user_version", "WITH data_sets AS (SELECT salt FROM log_private) SELECT * FROM data_sets",
          "ATTACH 'x' AS y"})
        EXPECT_EQ(reader->query(sql).error().code, Code::forbidden) << sql;
}

TEST(Pool, IsBoundedAndReuses) {
    test::FreshDatabase database(Engine::sqlite);
    ASSERT_TRUE(open(database.location(), Access::read_write));
    Pool pool(database.location(), Access::read_only, 1);
    {
        auto lease = pool.get().value();
        EXPECT_EQ(pool.get(Deadline::in(Duration(0))).error().code, Code::busy);
    }
    EXPECT_TRUE(pool.get(Deadline::in(Duration(0))));
}

TEST(Postgres, ALostServerIsUnavailableAndThenUnhealthy) {
    test::PostgresServer server;
    auto connection = open(parse_location(server.url("postgres")), Access::read_write).value();
    server.stop(true);
    EXPECT_EQ(connection->query("SELECT 1").error().code, Code::unavailable);
    EXPECT_FALSE(connection->healthy());
    EXPECT_EQ(open(parse_location(server.url("postgres")), Access::read_write).error().code, Code::unavailable);
    server.start();
    EXPECT_TRUE(open(parse_location(server.url("postgres")), Access::read_write));
}

}  // namespace
}  // namespace tilsyn::db
