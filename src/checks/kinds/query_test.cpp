// query on both databases: what rows mean, the moments of time, and the fences.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "checks/check_fixture.hpp"
#include "checks/query/lint.hpp"
#include "checks/query/moments.hpp"
#include "log/store/committer.hpp"
#include "support/databases.hpp"

namespace tilsyn::checks {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

policy::Calendar copenhagen(std::vector<Date> extra = {}) {
    return policy::Calendar(Zone::find("Europe/Copenhagen").value(), "DK", std::move(extra));
}

class Query : public testing::TestWithParam<db::Engine> {
  protected:
    Query()
        : database_(GetParam()),
          readers_(database_.location(), db::Access::read_only, 2),
          queries_(database_.location(), db::Access::query, 2) {
        connection_ = db::open(database_.location(), db::Access::read_write).value();
        std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
        all.insert(all.end(), registers::migrations().begin(), registers::migrations().end());
        EXPECT_TRUE(db::migrate(*connection_, all, clock_.now()));
        auto transaction = db::Transaction::begin(*connection_).value();
        EXPECT_TRUE(registers::create_views(*connection_, registers::builtin()));
        EXPECT_TRUE(transaction.commit());
        // A table of secrets, as Tilsyn has its own.
        EXPECT_TRUE(connection_->script("CREATE TABLE api_key(id TEXT PRIMARY KEY, hash TEXT)"));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
        service_.emplace(registers::builtin(), readers_, *committer_);
        environment_.clock = &clock_;
        environment_.query_pool = &queries_;
        environment_.readers = &readers_;
    }
    void add(const std::string& name, const std::string& id, const registers::Fields& fields) {
        const auto added = service_->add(name, id, fields, "test");
        ASSERT_TRUE(added) << render(added.error(), Lang::en);
    }
    void add_suppliers(int count) {
        for (int i = 0; i < count; ++i)
            add("suppliers", "s" + std::to_string(i),
                {{"name", "S" + std::to_string(i)}, {"kind", "other"}, {"country", "DK"}});
    }
    static policy::Control rule(const std::string& sql, const std::string& register_name = {},
                                std::int64_t max_rows = 10000) {
        policy::Control control;
        control.id = "c";
        control.kind = "query";
        control.subjects.register_name = register_name;
        policy::ParamValue text, rows;
        text.text = sql;
        rows.integer = max_rows;
        control.params.set("sql", text);
        control.params.set("max_rows", rows);
        return control;
    }
    std::vector<Judgement> look(const policy::Control& control, const std::vector<std::string>& ids = {"company"},
                                Deadline deadline = Deadline::in(20s)) {
        std::vector<Subject> subjects;
        for (const auto& id : ids) subjects.push_back({id, {}});
        return run(*find_kind("query"), {&control, subjects, {}, deadline, &environment_, &calendar_});
    }
    std::string company(const std::string& sql) { return said(look(rule(sql)).at(0)); }
    // The only value of the only row.
    std::string value(const std::string& sql) {
        const auto judgement = look(rule("select " + sql + " as reason")).at(0);
        return judgement.outcome == Outcome::fail ? judgement.details.at("rows").at(0).value("reason", "NULL")
                                                  : said(judgement);
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};  // a Monday, 09:00 in Copenhagen
    test::FreshDatabase database_;
    db::Pool readers_, queries_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<log::Committer> committer_;
    std::optional<registers::Service> service_;
    Environment environment_;
    policy::Calendar calendar_ = copenhagen();
};

TEST_P(Query, EverySubjectThatIsNotReturnedPasses) {
    add_suppliers(3);
    const auto got = look(
        rule("SELECT id AS subject, 'no agreement with ' || name AS reason, country FROM suppliers WHERE id <> 's1'",
             "suppliers"),
        {"suppliers/s0", "suppliers/s1", "suppliers/s2"});
    EXPECT_EQ(said(got[0]), "fail: no agreement with S0");
    EXPECT_EQ(got[0].details, (json{{"row", {{"country", "DK"}}}}));
    EXPECT_EQ(got[1].outcome, Outcome::pass);
    EXPECT_EQ(got[1].details, json::object()) << "of a pass nothing is kept";
    EXPECT_EQ(said(got[2]), "fail: no agreement with S2");
}

TEST_P(Query, AFaultNeedsNoReason) {
    add_suppliers(1);
    EXPECT_EQ(said(look(rule("SELECT id AS subject FROM suppliers", "suppliers"), {"suppliers/s0"})[0]),
              "fail: breaks the rule");
    EXPECT_EQ(
        said(look(rule("SELECT id AS subject, gdpr_proof AS reason FROM suppliers", "suppliers"), {"suppliers/s0"})[0]),
        "fail: breaks the rule")
        << "NULL";
    EXPECT_EQ(said(look(rule("SELECT id AS Subject, 'x' AS REASON FROM suppliers", "suppliers"), {"suppliers/s0"})[0]),
              "fail: x")
        << "capitals";
}

TEST_P(Query, SeveralRowsOfOneSubjectAreCounted) {
    add_suppliers(1);
    const auto got = look(rule("SELECT id AS subject, 'one' AS reason FROM suppliers UNION ALL SELECT id, 'two' FROM "
                               "suppliers ORDER BY reason",
                               "suppliers"),
                          {"suppliers/s0"});
    EXPECT_EQ(said(got[0]), "fail: 2 faults; the first: one");
    EXPECT_EQ(got[0].details.value("count", 0), 2);
}

TEST_P(Query, OfTheCompanyAnyRowIsAFault) {
    EXPECT_EQ(company("SELECT id FROM suppliers"), "pass: nothing breaks the rule");
    add_suppliers(25);
    EXPECT_EQ(company("SELECT name FROM suppliers WHERE id = 's1'"), "fail: 1 row breaks the rule");
    EXPECT_EQ(company("SELECT id AS subject FROM suppliers WHERE id = 's1'"), "fail: s1");
    EXPECT_EQ(company("SELECT id, NULL AS reason FROM suppliers WHERE id = 's1'"), "fail: 1 row breaks the rule");
    const auto all = look(rule("SELECT id, 'because ' || id AS reason FROM suppliers ORDER BY id"))[0];
    EXPECT_EQ(said(all), "fail: 25 faults; the first: because s0");
    EXPECT_EQ(all.details.value("count", 0), 25);
    EXPECT_EQ(all.details["rows"].size(), 20U);
}

TEST_P(Query, ManyRowsAreCutAndWhatWasNotReadIsUnknown) {
    add_suppliers(5);
    const auto got = look(rule("SELECT id AS subject, 'x' AS reason FROM suppliers ORDER BY id", "suppliers", 2),
                          {"suppliers/s0", "suppliers/s1", "suppliers/s2"});
    EXPECT_EQ(got[0].outcome, Outcome::fail);
    EXPECT_EQ(got[1].outcome, Outcome::fail);
    EXPECT_EQ(said(got[2]), "unknown: more rows break the rule than are read");
    EXPECT_EQ(said(look(rule("SELECT id FROM suppliers", "", 2))[0]), "fail: at least 2 rows break the rule");
    const auto exact =
        look(rule("SELECT id AS subject FROM suppliers WHERE id IN ('s0', 's1')", "suppliers", 2), {"suppliers/s2"});
    EXPECT_EQ(exact[0].outcome, Outcome::pass) << "all there were";
}

TEST_P(Query, RowsThatBelongToNobodyAreUnknown) {
    add_suppliers(2);
    EXPECT_EQ(said(look(rule("SELECT id FROM suppliers", "suppliers"), {"suppliers/s0"})[0]),
              "unknown: the query gives no column “subject”, so its rows belong to nobody");
    EXPECT_EQ(said(look(rule("SELECT id FROM suppliers WHERE 1 = 0", "suppliers"), {"suppliers/s0"})[0]),
              "unknown: the query gives no column “subject”, so its rows belong to nobody")
        << "also when it returns none today";
    EXPECT_EQ(look(rule("SELECT name AS subject FROM suppliers", "suppliers"), {"suppliers/s0"})[0].why.key,
              "checks.query-stranger");
    EXPECT_EQ(look(rule("SELECT NULL AS subject FROM suppliers", "suppliers"), {"suppliers/s0"})[0].why.key,
              "checks.query-stranger");
    const auto others =
        look(rule("SELECT id AS subject FROM suppliers WHERE id = 's1'", "suppliers"), {"suppliers/s0"});
    EXPECT_EQ(others[0].outcome, Outcome::pass) << "a row of the register that is not asked for now is no stranger";
}

TEST_P(Query, DetailsAreBounded) {
    std::string columns;
    for (int i = 0; i < 40; ++i)
        columns += (i == 0 ? "'" : ", '") + std::string(1000, 'x') + "' AS c" + std::to_string(i);
    const auto row = look(rule("SELECT " + columns))[0].details.at("rows").at(0);
    EXPECT_EQ(row.size(), 20U);
    EXPECT_LE(row["c0"].get<std::string>().size(), 310U);
}

TEST_P(Query, ValuesAreWrittenAlike) {
    EXPECT_EQ(value("7 / 2"), "3");
    EXPECT_EQ(value("2.5"), "2.5");
    EXPECT_EQ(value("NULL"), "NULL");
    EXPECT_EQ(value("'Æ' || 'ø'"), "Æø");
}

// --- moments ------------------------------------------------------------------------------------------------------

TEST_P(Query, MomentsAreFilledIn) {
    EXPECT_EQ(value("{today}"), "2026-11-23");
    EXPECT_EQ(value("{now}"), "2026-11-23T08:00:00Z");
    EXPECT_EQ(value("{today - 3 working days}"), "2026-11-18") << "Wednesday before the weekend";
    EXPECT_EQ(value("{today + 1 working day}"), "2026-11-24");
    EXPECT_EQ(value("{ today-1 day }"), "2026-11-22");
    EXPECT_EQ(value("{now - 2 hours}"), "2026-11-23T06:00:00Z");
    EXPECT_EQ(value("{now + 90 minutes}"), "2026-11-23T09:30:00Z");
    EXPECT_EQ(
        company("SELECT id FROM suppliers WHERE {today - 1 week} > '2026-11-16' -- {today - 1 week}\n /* ? {now} */"),
        "pass: nothing breaks the rule");
    EXPECT_EQ(value("'{today} ?'"), "{today} ?") << "in a text it is text";
}

TEST_P(Query, TheDayIsThatOfThePolicysZone) {
    clock_.jump(parse_utc("2026-11-22T23:30:00Z").value() - clock_.now());
    EXPECT_EQ(value("{today}"), "2026-11-23") << "half past midnight in Copenhagen";
    EXPECT_EQ(value("{now}"), "2026-11-22T23:30:00Z");
}

TEST_P(Query, BadSqlIsUnknownInTheDatabasesWords) {
    const auto missing = company("SELECT id FROM no_such_view");
    EXPECT_TRUE(missing.starts_with("unknown: the query could not be run: ")) << missing;
    EXPECT_NE(missing.find("no_such_view"), std::string::npos) << missing;
    EXPECT_EQ(missing.find("LIMIT"), std::string::npos) << "not the SQL around it: " << missing;
    EXPECT_EQ(company("SELECT 1 WHERE {yesterday} = 'x'").substr(0, 7), "unknown");
}

// --- fences: each holds by itself, whatever the lint would have said
// --------------------------------------------------

TEST_P(Query, CannotWrite) {
    add_suppliers(1);
    for (const auto* sql : {"DELETE FROM register_row", "UPDATE register_row SET id = 'x'",
                            "INSERT INTO api_key VALUES('a', 'b')", "DROP TABLE register_row", "CREATE TABLE x(y int)",
                            "SELECT 1) AS a; DELETE FROM register_row; SELECT * FROM (SELECT 1",
                            "WITH gone AS (DELETE FROM register_row RETURNING id) SELECT id FROM gone"}) {
        EXPECT_EQ(company(sql).substr(0, 7), "unknown") << sql;
        EXPECT_FALSE(lint_sql(sql).empty()) << sql;
    }
    EXPECT_EQ(connection_->one("SELECT count(*) FROM register_row").value()->integer(0), 1);
    EXPECT_EQ(connection_->one("SELECT count(*) FROM api_key").value()->integer(0), 0);
}

TEST_P(Query, CannotSeeTables) {
    ASSERT_TRUE(connection_->execute("INSERT INTO api_key VALUES('k', 'secret')"));
    add_suppliers(1);
    for (const auto* sql : {"SELECT hash AS reason FROM api_key", "SELECT body AS reason FROM register_row",
                            "SELECT body AS reason FROM log_entry", "SELECT (SELECT max(hash) FROM api_key) AS reason",
                            "SELECT hash AS reason FROM main.api_key", "SELECT hash AS reason FROM public.api_key",
                            "SELECT sql AS reason FROM sqlite_master", "SELECT rolpassword AS reason FROM pg_authid",
                            "SELECT usename AS reason FROM pg_shadow", "SELECT pg_read_file('/etc/passwd') AS reason",
                            "SELECT readfile('/etc/passwd') AS reason"}) {
        // PostgreSQL hides what is outside the views' schema only from plain names; other names stop at the language.
        const std::string text = sql;
        if (GetParam() == db::Engine::postgres &&
            (text.find("public.") != text.npos || text.find("pg_") != text.npos)) {
            EXPECT_FALSE(lint_sql(sql).empty()) << sql;
            continue;
        }
        const auto got = company(sql);
        EXPECT_EQ(got.substr(0, 7), "unknown") << sql << " -> " << got;
    }
}

TEST_P(Query, IsCutOffInTime) {
    const std::string endless =
        "SELECT count(*) FROM eea_countries a, eea_countries b, eea_countries c, eea_countries d, eea_countries e, "
        "eea_countries f, eea_countries g, eea_countries h";
    EXPECT_TRUE(lint_sql(endless).empty()) << "the language allows it";
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(said(look(rule(endless), {"company"}, Deadline::in(200ms))[0]),
              "unknown: the query was not done in time");
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    EXPECT_EQ(company("SELECT id FROM suppliers"), "pass: nothing breaks the rule")
        << "the connection is good for the next";
}

TEST_P(Query, TheExamplesOnThePageRun) {
    const auto page = read_file("docs/checks/query.md").value();
    int found = 0;
    for (std::size_t at = 0; (at = page.find("\nsql = \"", at)) != page.npos; ++at) {
        const bool many = page.compare(at + 7, 3, "\"\"\"") == 0;
        const auto begin = at + (many ? 10 : 8);
        const auto sql = page.substr(begin, page.find(many ? "\"\"\"" : "\"", begin) - begin);
        ++found;
        EXPECT_TRUE(lint_sql(sql).empty()) << sql;
        const auto got = look(rule(sql))[0];
        EXPECT_NE(got.outcome, Outcome::unknown) << said(got) << sql;
    }
    EXPECT_EQ(found, 2);
}

INSTANTIATE_ENGINES(Query);

// --- without a database -------------------------------------------------------------------------------------------

std::string moment(const std::string& placeholder, const std::string& now,
                   const policy::Calendar& calendar = copenhagen()) {
    const auto bound = bind_moments("select {" + placeholder + "}", parse_utc(now).value(), calendar);
    return bound ? std::get<std::string>(bound->values.at(0)) : bound.error().message.key;
}

TEST(Moments, MonthsEndWhereTheyEnd) {
    EXPECT_EQ(moment("today - 1 month", "2026-03-31T10:00:00Z"), "2026-02-28");
    EXPECT_EQ(moment("today - 1 month", "2028-03-31T10:00:00Z"), "2028-02-29");
    EXPECT_EQ(moment("today + 3 months", "2026-11-30T10:00:00Z"), "2027-02-28");
    EXPECT_EQ(moment("today - 1 year", "2028-02-29T10:00:00Z"), "2027-02-28");
    EXPECT_EQ(moment("today - 14 months", "2026-01-15T10:00:00Z"), "2024-11-15");
}

TEST(Moments, WorkingDaysLeaveOutHolidays) {
    EXPECT_EQ(moment("today + 1 working day", "2026-12-24T10:00:00Z"), "2026-12-28")
        << "two days of Christmas and a Sunday";
    EXPECT_EQ(moment("today - 1 working day", "2026-04-07T10:00:00Z"), "2026-04-01") << "Easter";
    EXPECT_EQ(moment("today + 1 working day", "2026-11-23T10:00:00Z", copenhagen({parse_date("2026-11-24").value()})),
              "2026-11-25")
        << "the policy's own";
    EXPECT_EQ(moment("today + 0 working days", "2026-11-22T10:00:00Z"), "2026-11-22");
}

TEST(Moments, ADayIsTheSameTimeOnTheDayBefore) {
    // Summer time ended on 25 October 2026 at 03:00 and began on 29 March.
    EXPECT_EQ(moment("now - 1 day", "2026-10-25T11:00:00Z"), "2026-10-24T10:00:00Z");
    EXPECT_EQ(moment("now - 24 hours", "2026-10-25T11:00:00Z"), "2026-10-24T11:00:00Z");
    EXPECT_EQ(moment("now - 1 day", "2026-03-29T10:00:00Z"), "2026-03-28T11:00:00Z");
    EXPECT_EQ(moment("today", "2026-10-24T22:30:00Z"), "2026-10-25") << "summer time still";
    EXPECT_EQ(moment("today", "2026-10-25T22:30:00Z"), "2026-10-25") << "winter time already";
}

TEST(Moments, OtherWordsAreNone) {
    for (const auto* word : {"yesterday", "today - 2 hours", "today 3 days", "now - days", "now - -1 days",
                             "today - 100001 days", "today - 3 moons", "", "today - 1 days ago"})
        EXPECT_EQ(moment(word, "2026-11-23T08:00:00Z"), "checks.sql-placeholder") << word;
}

TEST(QueryPolicy, AFaultIsNamedWhereItStandsInTheFile) {
    EXPECT_EQ(faults_of_check("kind = \"query\"\nsql = \"select date('now')\""), "2:15 checks.sql-function");
    EXPECT_EQ(faults_of_check("kind = \"query\"\nsql = \"\"\"\nselect id\nfrom sqlite_master\n\"\"\""),
              "4:6 checks.sql-internal");
    EXPECT_NE(faults_of_check("kind = \"query\"\nsql = \"select 1\"\nmax_rows = 0"), "");
    EXPECT_EQ(faults_of_check("kind = \"query\"\nsql = \"select 1\""), "");
}

}  // namespace
}  // namespace tilsyn::checks
