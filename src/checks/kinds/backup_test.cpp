// The kind `backup`: judged from recorded facts, and collected from a ledger on both engines.
#include "backup/ledger.hpp"

#include <gtest/gtest.h>

#include "checks/backup_facts.hpp"
#include "checks/check_fixture.hpp"
#include "support/databases.hpp"

namespace tilsyn::checks {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const Timestamp now = parse_utc("2026-11-23T12:00:00Z").value();

json good() {
    return {{"ours", true},
            {"every_s", 86400},
            {"newest", {{"set", "a"}, {"state", "made"}, {"started", "2026-11-23T02:00:00Z"}, {"why", json::array()}}},
            {"made", {{"set", "a"}, {"started", "2026-11-23T02:00:00Z"}, {"files", 12}, {"bytes", 34}}},
            {"wanted", 7},
            {"held", 7}};
}
Judgement judged(const json& seen, const std::string& more = {}) {
    return find_kind("backup")->judge(control_of("kind = \"backup\"\n" + more), Facts{seen, std::nullopt}, now);
}
std::string words(const Judgement& judgement) {
    return std::string(to_string(judgement.outcome)) + ": " + render(judgement.why, Lang::en);
}

TEST(BackupKind, PassesAFreshWholeSet) {
    EXPECT_EQ(words(judged(good())), "pass: a whole set of 2026-11-23T02:00:00Z with 12 files; 7 sets are kept");
}
TEST(BackupKind, SaysWhatSomethingElseCarriesOutIsNotItsToJudge) {
    EXPECT_EQ(judged({{"ours", false}}).outcome, Outcome::not_applicable);
}
TEST(BackupKind, FailsWhatWasNeverMade) {
    EXPECT_EQ(words(judged({{"ours", true}, {"every_s", 86400}, {"wanted", 0}, {"held", 0}})),
              "fail: no whole set was ever made, or none is left");
}
TEST(BackupKind, GivesTheReasonOfTheNewestAttempt) {
    auto seen = good();
    seen["newest"] = {{"state", "partial"}, {"why", {{{"key", "backup.why-empty"}, {"params", {{"path", "/srv/x"}}}}}}};
    EXPECT_EQ(words(judged(seen)), "fail: There is nothing in /srv/x: is something not mounted?");
    seen["newest"] = {{"state", "failed"}, {"why", json::array()}};
    EXPECT_EQ(words(judged(seen)), "fail: the newest set is not whole");
}
TEST(BackupKind, FailsAnOldSet) {
    auto seen = good();
    seen["made"]["started"] = "2026-11-22T10:00:01Z";
    EXPECT_EQ(judged(seen).outcome, Outcome::pass);  // 26 hours less a second
    seen["made"]["started"] = "2026-11-22T09:59:59Z";
    EXPECT_EQ(words(judged(seen)),
              "fail: the newest whole set is of 2026-11-22T09:59:59Z, and there should be one every 1d");
    EXPECT_EQ(judged(seen, "grace = \"3 hours\"").outcome, Outcome::pass);
}
TEST(BackupKind, FailsWhenSetsAreGone) {
    auto seen = good();
    seen["held"] = 5;
    EXPECT_EQ(words(judged(seen)), "fail: 2 of the 7 sets that the plan keeps are not in the repository any more");
}

class BackupKindCollects : public testing::TestWithParam<db::Engine> {};

TEST_P(BackupKindCollects, FromTheLedger) {
    const test::FreshDatabase database(GetParam());
    ManualClock clock(now);
    const auto connection = db::open(database.location(), db::Access::read_write).value();
    std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
    all.insert(all.end(), backup::migrations().begin(), backup::migrations().end());
    ASSERT_TRUE(db::migrate(*connection, all, clock.now()));
    ASSERT_TRUE(connection->script(
        "CREATE TABLE data_sets(id TEXT, criticality TEXT); INSERT INTO data_sets VALUES('books', 'high')"));
    const auto committer = log::Committer::start({database.location()}, clock).value();
    const auto record = [&](const std::string& id, backup::SetState state, Duration age) {
        backup::Set set{
            .id = id, .plan = "nightly", .data_set = "books", .repository = "r", .machine = "m", .started = now - age};
        ASSERT_TRUE(backup::begin_set(*committer, set));
        if (state == backup::SetState::running) return;
        set.state = state;
        set.engine_set = state == backup::SetState::failed ? "" : "engine-" + id;
        set.details = "{\"why\":[]}";
        set.files = 3;
        ASSERT_TRUE(backup::end_set(*committer, set));
    };
    record("old", backup::SetState::made, 49h);
    record("lost", backup::SetState::made, 25h);
    record("newest", backup::SetState::made, 1h);
    record("running", backup::SetState::running, 0h);
    ASSERT_TRUE(backup::mark_lost(*committer, {"lost"}));

    db::Pool readers(database.location(), db::Access::read_only, 2);
    Environment environment;
    environment.clock = &clock;
    environment.readers = &readers;
    const std::vector<Subject> subjects{
        {"backup-plans/nightly",
         {{"data_set", "books"}, {"run_by", "tilsyn"}, {"status", "in_use"}, {"keep_daily", "3"}}},
        {"backup-plans/theirs", {{"data_set", "books"}, {"run_by", "elsewhere"}}}};
    const auto control = control_of("kind = \"backup\"");
    CollectRequest request{.control = &control,
                           .subjects = subjects,
                           .planned = now,
                           .deadline = Deadline::in(10s),
                           .environment = &environment};
    const auto facts = find_kind("backup")->collect(request);
    ASSERT_TRUE(facts) << render(facts.error(), Lang::en);
    EXPECT_EQ((*facts)[0].seen["made"]["set"], "newest");
    EXPECT_EQ((*facts)[0].seen["newest"]["set"], "newest");
    EXPECT_EQ((*facts)[0].seen["wanted"], 3);
    EXPECT_EQ((*facts)[0].seen["held"], 2);
    EXPECT_EQ((*facts)[1].seen["ours"], false);
    EXPECT_EQ(words(find_kind("backup")->judge(control, (*facts)[0], now)),
              "fail: 1 of the 3 sets that the plan keeps is not in the repository any more");
}
INSTANTIATE_ENGINES(BackupKindCollects);

}  // namespace
}  // namespace tilsyn::checks
