// A PostgreSQL server started here: one of its databases dumped, or all of it copied, and tried out.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "backup/job_fixture.hpp"

namespace tilsyn::backup {
namespace {

class PostgresJob : public Job {
  protected:
    void SetUp() override {
        Job::SetUp();
        server_.emplace();
        plan_.source = Source::postgresql;
        plan_.paths = {};
        sql("postgres", "CREATE DATABASE books TEMPLATE template0");
        sql("books", "CREATE ROLE bookkeeper");
        sql("books",
            "CREATE TABLE voucher(id serial PRIMARY KEY, text text, amount numeric, at timestamptz DEFAULT now(), raw "
            "bytea)");
        sql("books",
            "INSERT INTO voucher(text, amount, raw) SELECT 'voucher ' || g, g / 7.0, decode(md5(g::text), 'hex') FROM "
            "generate_series(1, 3000) g");
        sql("books", "CREATE SCHEMA \"Odd name\"");
        sql("books", "CREATE TABLE \"Odd name\".\"a table\"(v double precision)");
        sql("books", "INSERT INTO \"Odd name\".\"a table\" VALUES (0.1), ('NaN'), (1e300)");
        sql("books", "GRANT SELECT ON voucher TO bookkeeper");
        plan_.database = server_->url("books");
    }
    void sql(const std::string& database, const std::string& statement) {
        const auto connection = db::open({db::Engine::postgres, server_->url(database)}, db::Access::read_write);
        ASSERT_TRUE(connection);
        const auto done = (*connection)->script(statement);
        ASSERT_TRUE(done) << render(done.error(), Lang::en);
    }
    std::optional<test::PostgresServer> server_;
};

TEST_F(PostgresJob, IsDumpedAndCountedInOneSnapshotAndRestoredIntoAServerOfItsOwn) {
    // Somebody writes all the while.
    std::atomic<bool> writing = true;
    std::thread writer([&] {
        const auto connection = db::open({db::Engine::postgres, server_->url("books")}, db::Access::read_write);
        while (writing) (void)(*connection)->execute("INSERT INTO voucher(text) VALUES('while the dump runs')");
    });
    const auto set = back_up();
    writing = false;
    writer.join();
    expect_made(set);
    EXPECT_THAT(set.details, HasSubstr("public.voucher"));
    EXPECT_THAT(set.details, HasSubstr("Odd name.a table"));
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(test::run_command("ls -d /tmp/tilsyn-drill-" + full.id + " 2>/dev/null").output, "");
    EXPECT_EQ(drill(Extent::sample).outcome, "pass");
}
TEST_F(PostgresJob, RowsThatTheDumpDoesNotHold) {
    auto set = back_up();
    expect_made(set);
    const auto at = set.details.find("\"rows\":3000");
    ASSERT_NE(at, std::string::npos);
    set.details.replace(at, 11, "\"rows\":3001");
    ASSERT_TRUE(end_set(*committer_, set));
    expect_drill(drill(), "fail", "had 3001 rows and now has 3000");
}
TEST_F(PostgresJob, AnotherContentInAsManyRows) {
    auto set = back_up();
    const auto at = set.details.find("\"sum\":\"") + 7;
    set.details[at] = set.details[at] == '1' ? '2' : '1';
    ASSERT_TRUE(end_set(*committer_, set));
    expect_drill(drill(), "fail", "other content");
}
TEST_F(PostgresJob, ADatabaseThatIsNotThere) {
    plan_.database = server_->url("missing");
    expect_failed(back_up(), "cannot connect");
    server_->stop(true);
    expect_failed(back_up(), "cannot connect");
}
TEST_F(PostgresJob, ATableThatMayNotBeRead) {
    sql("books", "CREATE ROLE visitor LOGIN");
    plan_.database.replace(plan_.database.find("user=tilsyn"), 11, "user=visitor");
    expect_failed(back_up(), "permission denied");
}
TEST_F(PostgresJob, AnAddressThatHoldsAPassword) {
    for (const auto* url :
         {"postgresql://eva:secret@host/books", "postgresql:///books?password=secret", "host=/tmp", ""}) {
        plan_.database = url;
        expect_failed(back_up(), "does not name a database");
    }
}

class PostgresServerJob : public PostgresJob {
  protected:
    void SetUp() override {
        PostgresJob::SetUp();
        plan_.source = Source::postgresql_server;
        sql("postgres", "CREATE DATABASE \"Tenant 2\" TEMPLATE template0");
        sql("Tenant 2", "CREATE TABLE invoice AS SELECT g AS no, now() AS at FROM generate_series(1, 500) g");
    }
    void queries(const std::string& text) { put(data_ / "queries/books.toml", text); }
};

TEST_F(PostgresServerJob, IsCopiedWhileItIsWrittenToAndStartedOnTheRestoredCopy) {
    std::atomic<bool> writing = true;
    std::thread writer([&] {
        const auto connection = db::open({db::Engine::postgres, server_->url("books")}, db::Access::read_write);
        while (writing) (void)(*connection)->execute("INSERT INTO voucher(text) VALUES('while it is copied')");
    });
    queries(R"(
[[query]]
name = "Invoices"
database = "Tenant 2"
sql = "SELECT count(*) FROM invoice"
equals = 500
[[query]]
name = "Vouchers are there"
database = "books"
sql = "SELECT count(*) FROM voucher"
at_least = 3000
)");
    const auto set = back_up();
    writing = false;
    writer.join();
    expect_made(set);
    const auto counted = nlohmann::json::parse(set.details)["databases"].front();
    EXPECT_TRUE(counted["databases"]["books"]["tables"]["public.voucher"].value("moved", false)) << counted;
    EXPECT_FALSE(counted["databases"]["Tenant 2"]["tables"]["public.invoice"].value("moved", false));
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(nlohmann::json::parse(full.details)["queries"], 2);
    EXPECT_EQ(test::run_command("ls -d /tmp/tilsyn-drill-" + full.id + " 2>/dev/null").output, "");
}
TEST_F(PostgresServerJob, RowsThatTheCopyDoesNotHoldAndADatabaseThatIsNotInIt) {
    auto set = back_up();
    expect_made(set);
    auto details = nlohmann::json::parse(set.details);
    auto& databases = details["databases"].front()["databases"];
    databases["Tenant 2"]["tables"]["public.invoice"]["rows"] = 501;
    databases["tenant3"] = databases["Tenant 2"];
    set.details = details.dump();
    ASSERT_TRUE(end_set(*committer_, set));
    const auto tried = drill();
    expect_drill(tried, "fail", "had 501 rows and now has 500");
    expect_drill(tried, "fail", "does not have tenant3");
}
TEST_F(PostgresServerJob, WhatProductionWasToldIsNotDoneInATrial) {
    const auto trace = folder_.path() / "trace";
    sql("postgres", "ALTER SYSTEM SET archive_command = 'touch " + trace.string() + "'");
    sql("postgres", "ALTER SYSTEM SET archive_mode = 'on'");
    sql("postgres", "ALTER SYSTEM SET shared_preload_libraries = 'nosuchlibrary'");
    expect_made(back_up());
    EXPECT_EQ(drill().outcome, "pass");
    EXPECT_FALSE(std::filesystem::exists(trace));
}
TEST_F(PostgresServerJob, TablespacesAreRefusedByName) {
    const auto place = folder_.path() / "space";
    std::filesystem::create_directories(place);
    ASSERT_EQ(test::run_command("chmod 755 '" + folder_.path().string() + "'; chown postgres '" + place.string() +
                                "' 2>/dev/null || true")
                  .status,
              0);
    const auto connection = db::open({db::Engine::postgres, server_->url("postgres")}, db::Access::read_write);
    const auto made = (*connection)->execute("CREATE TABLESPACE apart LOCATION '" + place.string() + "'");
    ASSERT_TRUE(made) << render(made.error(), Lang::en);
    expect_failed(back_up(), "tablespaces");
}
TEST_F(PostgresServerJob, AnAccountThatMayNotCopy) {
    sql("books", "CREATE ROLE visitor LOGIN");
    plan_.database.replace(plan_.database.find("user=tilsyn"), 11, "user=visitor");
    expect_failed(back_up(), "permission denied");
}

}  // namespace
}  // namespace tilsyn::backup
