// The kind `restore_drill`, judged from recorded facts. Drills themselves are in src/backup/job_test.cpp.
#include <gtest/gtest.h>

#include "checks/check_fixture.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;

const Timestamp now = parse_utc("2026-11-23T12:00:00Z").value();

json drill(const std::string& outcome, const std::string& started, json why = json::array()) {
    return {{"drill", "d"},         {"set", "s"},  {"outcome", outcome}, {"started", started},
            {"files", 41},          {"bytes", 99}, {"took_ms", 2300},    {"not_compared", json::array()},
            {"why", std::move(why)}};
}
json with(const json& full, const json& sample = {}, const json& passed = {}) {
    json seen{{"ours", true}, {"every_s", 7 * 86400}};
    if (!full.is_null()) seen["full"] = full;
    if (!sample.is_null()) seen["sample"] = sample;
    if (!passed.is_null())
        seen["passed"] = passed;
    else if (full.is_object() && full["outcome"] == "pass")
        seen["passed"] = full;
    return seen;
}
std::string judged(const json& seen) {
    const auto judgement =
        find_kind("restore_drill")->judge(control_of("kind = \"restore_drill\""), Facts{seen, std::nullopt}, now);
    return std::string(to_string(judgement.outcome)) + ": " + render(judgement.why, Lang::en);
}
const json missing = {
    {{"key", "backup.found-missing"}, {"params", {{"count", "3"}, {"total", "41"}, {"path", "/srv/x/inbox"}}}}};

TEST(RestoreDrillKind, PassesWhatWasRestoredInFull) {
    EXPECT_EQ(judged(with(drill("pass", "2026-11-20T02:00:00Z"))),
              "pass: all of it, 41 files, was restored on 2026-11-20T02:00:00Z in 3s and is as it was");
}
TEST(RestoreDrillKind, SaysWhatWasNotCompared) {
    auto full = drill("pass", "2026-11-20T02:00:00Z");
    full["not_compared"] = {"owners"};
    EXPECT_NE(judged(with(full)).find("owners could not be compared"), std::string::npos);
}
TEST(RestoreDrillKind, FailsWithWhatDiffers) {
    EXPECT_EQ(judged(with(drill("fail", "2026-11-20T02:00:00Z", missing))),
              "fail: 3 of 41 restored files and folders are missing; the first is /srv/x/inbox");
}
TEST(RestoreDrillKind, ASampleThatDiffersFailsWhateverTheFullOneSaid) {
    EXPECT_EQ(judged(with(drill("pass", "2026-11-20T02:00:00Z"), drill("fail", "2026-11-23T02:00:00Z", missing))),
              "fail: 3 of 41 restored files and folders are missing; the first is /srv/x/inbox");
}
TEST(RestoreDrillKind, ASampleIsNoFullRestore) {
    EXPECT_EQ(judged(with({}, drill("pass", "2026-11-23T02:00:00Z"))), "fail: it has never been restored in full");
}
TEST(RestoreDrillKind, FailsWhatWasRestoredLongAgo) {
    EXPECT_EQ(judged(with(drill("pass", "2026-11-14T18:00:01Z"))).substr(0, 4), "pass");  // a week and a quarter
    EXPECT_EQ(judged(with(drill("pass", "2026-11-14T17:59:59Z"))),
              "fail: it was last restored in full on 2026-11-14T17:59:59Z, and should be every 1w");
}
TEST(RestoreDrillKind, DoesNotKnowWhatCouldNotBeTried) {
    const json no_room = {{{"key", "backup.no-room-to-restore"}, {"params", {{"needed", "900"}, {"there", "12"}}}}};
    EXPECT_EQ(judged(with(drill("unknown", "2026-11-23T02:00:00Z", no_room), {}, drill("pass", "2026-11-20T02:00:00Z")))
                  .substr(0, 4),
              "pass");
    EXPECT_EQ(
        judged(with(drill("unknown", "2026-11-23T02:00:00Z", no_room), {}, drill("pass", "2026-11-01T02:00:00Z"))),
        "unknown: A restore needs 900 MiB of room, and there are 12");
}
TEST(RestoreDrillKind, LeavesWhatSomethingElseCarriesOut) {
    EXPECT_EQ(judged({{"ours", false}}).substr(0, 14), "not_applicable");
}

}  // namespace
}  // namespace tilsyn::checks
