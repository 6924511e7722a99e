#include "checks/query/lint.hpp"

#include <gtest/gtest.h>

#include "base/embedded.hpp"
#include "checks/kind.hpp"
#include "policy/load.hpp"

namespace tilsyn::checks {
namespace {

std::string faults_of(std::string_view sql) {
    std::string out;
    for (const auto& fault : lint_sql(sql))
        out += (out.empty() ? "" : " ") + std::to_string(fault.line) + ":" + std::to_string(fault.column) + " " +
               fault.message.key.substr(11);
    return out;
}

TEST(SqlLint, AcceptsThePortableSubset) {
    for (const char* sql : {
             "select id as subject from servers where status = 'active'",
             "SELECT s.id AS subject, 'no backup since ' || coalesce(b.at, 'ever') AS reason FROM servers s "
             "LEFT JOIN backups b ON b.server = s.id",
             "with late as (select id from people where left_on < {today - 30 days}), other(id, n) as "
             "(select id, count(*) from late group by id) select * from other",
             "select id from people where id in (select person from grants) and not exists (select 1 from "
             "keys k where k.person = people.id)",
             "select case when sum(n) > 3 then 'many' else 'few' end from runs union all select 'x' order by "
             "1 limit 5 offset 2",
             "select count(distinct id), min(a), max(b), avg(c), abs(-1), round(2.5), nullif(a, ''), "
             "replace(a, 'x', 'y'), substr(a, 1, 2) from t group by d having count(*) > 1",
             "select * from (a join b on a.x = b.x) cross join c, d where a.y is not null and b.z is null "
             "and a.q between 1 and 2",
             "select cast(substr(x, 1, 4) as integer) + 1 as n from t -- why: the year; not the day?\n /* "
             "'a' { ? */ where x <> '' and y != 2 and z <= 3",
             "select 1 where '; drop table x --' = 'it''s {today}'",
             "select a.update_at, b.\nuser from a, b",
             "select x from t where y like '%a' escape '!' or y not like 'b%'",
             "select id from t where lower(name) in ('a', 'b') and {now - 2 hours} > at and {today + 1 "
             "working day} > day",
         })
        EXPECT_EQ(faults_of(sql), "") << sql;
}

TEST(SqlLint, NamesWhatIsOutsideItAndWhere) {
    const std::pair<const char*, const char*> cases[] = {
        {"", "0:1 empty"},
        {" -- nothing\n", "0:1 empty"},
        {"delete from people", "0:1 not-select 0:1 word"},
        {"select 1; select 2", "0:9 one-statement"},
        {"select 1;", "0:9 one-statement"},
        {"select *\nfrom a\nwhere x = ?", "2:11 symbol"},
        {"select a from t where b = $1 and c = :x", "0:27 symbol 0:38 symbol"},
        {"select x::text from t", "0:9 symbol 0:10 symbol"},
        {"select a, pg_sleep(10) from t", "0:11 internal"},
        {"select a, load_extension('x') from t", "0:11 function"},
        {"select a, random(), sleep(1)", "0:11 function 0:21 function"},
        {"select lowr(a) from t", "0:8 function-near"},
        {"select * from generate_series(1, 9)", "0:15 function"},
        {"select * from sqlite_master", "0:15 internal"},
        {"select * from information_schema.tables", "0:15 internal"},
        {"select * from facts.people", "0:15 schema"},
        {"select * from a, facts.people", "0:18 schema"},
        {"select * from a join main.people p on p.id = a.id", "0:22 schema"},
        {"select * from (a, facts.b)", "0:19 schema"},
        {"select a.b.c from a", "0:10 schema"},
        {"select a.f(1) from a", "0:10 schema"},
        {"select date('now'), current_date", "0:8 function 0:21 clock"},
        {"select a from t where d > date '2020-01-01' or x = e'\\n'", "0:27 typed-text 0:52 typed-text"},
        {"select \"name\" from t", "0:8 quoted"},
        {"select `name`, [x] from t", "0:8 symbol 0:13 symbol 0:16 symbol 0:18 symbol"},
        {"select a from t where b = true or c == 1", "0:27 boolean 0:37 symbol"},
        {"select a from t where b is 1 or b is not 2", "0:25 is 0:35 is"},
        {"select a from t where b is distinct from c", "0:25 is"},
        {"select a from t where b ilike 'x' or b glob 'x' or b ~ 'x'", "0:25 word 0:40 word 0:54 symbol"},
        {"select max(a, b), coalesce(a), count(), round(a, 2) from t", "0:8 arity 0:19 arity 0:32 arity 0:41 arity"},
        {"select cast(a as date), cast(b as varchar(10)) from t", "0:18 cast 0:35 cast 0:35 function"},
        {"select trim(both from a) from t", "0:18 word"},
        {"select a from t where b = any (select 1) or c > all (select 2)", "0:27 word 0:49 word"},
        {"with recursive r as (select 1) select * from r", "0:6 word"},
        {"select a into b from t for update", "0:10 word 0:24 word 0:28 word"},
        {"select distinct on (a) a from t", "0:8 word"},
        {"select count(*) over () from t", "0:17 function"},
        {"select 0x10, 1e5", "0:8 number 0:14 number"},
        {"select a -> 'b', a << 1, a & 1, a | 1", "0:10 symbol 0:20 symbol 0:28 symbol 0:35 symbol"},
        {"select (a from t", "0:8 parenthesis"},
        {"select a) from t", "0:9 parenthesis"},
        {"select 'abc from t", "0:8 unterminated"},
        {"select a /* from t", "0:10 unterminated"},
        {"select {today from t", "0:8 unterminated"},
        {"select {yesterday}, {today - 2 hours}, {now - 1 fortnight}, {}",
         "0:8 placeholder 0:21 placeholder 0:40 placeholder 0:61 placeholder"},
        {"explain select 1", "0:1 not-select 0:1 word"},
        {"values (1)", "0:1 not-select"},
        {"select user, session_user from t", "0:8 word 0:14 word"},
    };
    for (const auto& [sql, expected] : cases) EXPECT_EQ(faults_of(sql), expected) << sql;
}

TEST(SqlLint, SaysWhatWouldDo) {
    const auto text = [](std::string_view sql) { return render(lint_sql(sql).at(0).message, Lang::en); };
    EXPECT_EQ(text("select lenght(a) from t"),
              "the function “lenght” is not among those that both databases share; did you mean “length”?");
    EXPECT_EQ(text("select a from t where b = TRUE"), "“TRUE”: flags are numbers here; write 1");
    EXPECT_EQ(text("select substr(a) from t"), "substr takes 2-3 values here, not 1");
    EXPECT_NE(text("select {today - 3 moons}")
                  .find("{today - 3 moons} is no moment (try today or now in braces, such as {today - 30 days}"),
              std::string::npos);
}

TEST(SqlLint, StopsCountingAtTwenty) {
    std::string sql = "select ";
    for (int i = 0; i < 100; ++i) sql += "? ";
    EXPECT_EQ(lint_sql(sql).size(), 20U);
    EXPECT_EQ(lint_sql(std::string(5000, '(')).size(), 1U + 1U);  // not a SELECT, and never closed
}

// What ships must pass what it is measured by; the kinds' own validation included.
TEST(SqlLint, TheStarterPolicyHasNoFault) {
    std::vector<std::pair<std::string, std::string>> files;
    for (const auto& file : embedded::policy_files())
        if (file.name.starts_with("starter/")) files.emplace_back(file.name.substr(8), file.content);
    ASSERT_FALSE(files.empty());
    auto main = std::ranges::find(files, std::string("policy.toml"), [](const auto& file) { return file.first; });
    for (std::size_t at = 0; (at = main->second.find("# \"packs/", at)) != std::string::npos;)
        main->second.erase(at, 2);  // every pack on
    const auto loaded = policy::load(files, "policy.toml", kind_specs());
    std::string faults;
    for (const auto& fault : loaded.faults) faults += render(fault, Lang::en) + "\n";
    EXPECT_EQ(faults, "");
    EXPECT_GT(loaded.policy.controls.size(), 200U);
}

}  // namespace
}  // namespace tilsyn::checks
