// What is told of a backup, taken at its word as far as it goes; and how sets and restores are shown to people.
#include "backup/report.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "backup/drill_report.hpp"
#include "backup/time_line.hpp"
#include "base/file.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn::backup {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const Timestamp now = *parse_utc("2026-11-23T04:05:06Z");
const Plan plan{.id = "night", .data_set = "books", .repository = "vault", .run_by = RunBy::reported};
const std::string summary =
    R"({"message_type":"summary","files_new":1,"total_files_processed":1131,"total_bytes_processed":4096000,)"
    R"("data_added":512,"total_duration":61.5,"snapshot_id":"1a2b3c4d"})";

Set judged(const std::string& engine, int code, const std::string& output, const std::vector<Set>& earlier = {}) {
    auto set =
        judge_report(plan, {.engine = engine, .exit_code = code, .output = output, .by = "key:cron"}, now, earlier);
    EXPECT_TRUE(set);
    return set.value_or(Set{});
}
std::string words(const Set& set) {
    std::string out;
    for (const auto& reason : reasons(set.details, Lang::en)) out += reason + "\n";
    return out;
}

TEST(BackupReport, ResticSaysWhatItHasMade) {
    const auto set = judged("restic", 0, "{\"message_type\":\"status\",\"percent_done\":1}\n" + summary + "\n");
    EXPECT_EQ(set.state, SetState::made) << set.details;
    EXPECT_EQ(set.files, 1131);
    EXPECT_EQ(set.bytes, 4'096'000);
    EXPECT_EQ(set.added, 512);
    EXPECT_EQ(set.engine_set, "1a2b3c4d");
    EXPECT_EQ(set.started, now - std::chrono::milliseconds(61'500));
    EXPECT_THAT(set.details, HasSubstr("key:cron"));
}

TEST(BackupReport, BorgToo) {
    const auto set = judged("borg", 0,
                            R"({"archive":{"id":"ab","name":"x","duration":3.5,"stats":{"nfiles":7,)"
                            R"("original_size":70,"deduplicated_size":5}},"repository":{}})");
    EXPECT_EQ(set.state, SetState::made) << set.details;
    EXPECT_EQ(set.files, 7);
    EXPECT_EQ(set.engine_set, "ab");
}

TEST(BackupReport, AnExitCodeOutweighsFineWords) {
    auto set = judged("restic", 3, summary);
    EXPECT_EQ(set.state, SetState::partial);
    EXPECT_THAT(words(set), HasSubstr("exit code 3"));
    set = judged("restic", 1, summary);
    EXPECT_EQ(set.state, SetState::failed);
    set = judged("borg", 1, R"({"archive":{"id":"ab","stats":{"nfiles":7}}})");
    EXPECT_EQ(set.state, SetState::partial);
    set = judged("borg", 2, R"({"archive":{"id":"ab","stats":{"nfiles":7}}})");
    EXPECT_EQ(set.state, SetState::failed);
}

TEST(BackupReport, NothingSaidIsNothingMade) {
    for (const auto* output :
         {"", "all well\n", "{}", "[]", "null", "{\"message_type\":\"status\"}", "{\"archive\":[]}",
          "{\"archive\":{\"stats\":7}}", "{\"files\":\"many\"}", "{\"files\":-1}"})
        for (const auto* engine : {"restic", "borg", "other"}) {
            const auto set = judged(engine, 0, output);
            EXPECT_EQ(set.state, SetState::failed) << engine << ": " << output;
            EXPECT_THAT(words(set), HasSubstr("not that it had made a set"));
        }
}

TEST(BackupReport, NoFilesOrSuddenlyFewIsSaid) {
    auto set = judged("other", 0, R"({"files":0,"bytes":0})");
    EXPECT_EQ(set.state, SetState::partial);
    EXPECT_THAT(words(set), HasSubstr("no files at all"));
    Set before{.id = "b", .state = SetState::made, .files = 1000, .bytes = 5000};
    set = judged("other", 0, R"({"files":700,"bytes":5000})", {before});
    EXPECT_EQ(set.state, SetState::partial);
    EXPECT_THAT(words(set), HasSubstr("700 files where there were 1000"));
    set = judged("other", 0, R"({"files":900,"bytes":4000,"started_at":"2026-11-23T04:00:00Z"})", {before});
    EXPECT_EQ(set.state, SetState::made) << set.details;
    EXPECT_EQ(format_utc_seconds(set.started), "2026-11-23T04:00:00Z");
    set = judged("other", 0, R"({"files":900,"bytes":4000,"started_at":"2027-11-23T04:00:00Z"})", {before});
    EXPECT_EQ(set.state, SetState::partial);  // somebody's clock is wrong
}

TEST(BackupReport, AnotherProgramIsNotUnderstood) {
    const auto set = judge_report(plan, {.engine = "tar", .output = "{}"}, now, {});
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, Code::invalid);
}

Set set_at(int day, SetState state) {
    return {.id = "s" + std::to_string(day), .state = state, .started = now - std::chrono::days(day), .files = day};
}
Drill drill_at(int day, const std::string& outcome) {
    Drill drill{.id = "d" + std::to_string(day), .set = "s", .data_set = "books", .outcome = outcome};
    drill.started = now - std::chrono::days(day);
    return drill;
}

TEST(TimeLinePicture, ShowsEachSetAndRestoreAndIsWellFormed) {
    TimeLine line{.title = "Books & <vouchers>", .from = now - std::chrono::days(90), .to = now};
    Lane lane{.name = "a-plan-with-a-very-long-name-indeed-æøå"};
    lane.sets = {set_at(1, SetState::made), set_at(2, SetState::partial), set_at(3, SetState::failed),
                 set_at(4, SetState::made), set_at(5, SetState::made),    set_at(100, SetState::made)};
    lane.sets[3].forgotten = now;
    lane.sets[4].lost = now;
    lane.drills = {drill_at(1, "pass"), drill_at(8, "fail"), drill_at(9, "unknown"), drill_at(9, "running")};
    line.lanes = {lane, {.name = "empty"}};
    for (const auto lang : {Lang::da, Lang::en}) {
        const auto svg = time_line_svg(line, Zone::utc(), lang);
        const auto count = [&](const std::string& text) {
            int n = 0;
            for (auto at = svg.find(text); at != svg.npos; at = svg.find(text, at + 1)) ++n;
            return n;
        };
        // Each once in the lane, and once in the legend; what lies before the line is not on it.
        for (const auto* kind : {"made", "partial", "failed", "gone", "lost", "restored", "broken", "unknown"})
            EXPECT_EQ(count("<g class=\"" + std::string(kind) + "\">"), 2) << kind;
        EXPECT_THAT(svg, AllOf(HasSubstr("Books &amp; &lt;vouchers&gt;"), Not(HasSubstr("<script")), HasSubstr("…")));
        const test::TemporaryFolder folder;
        ASSERT_TRUE(write_file(folder.path() / "line.svg", svg));
        const auto parsed =
            test::run_command("python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' '" +
                              (folder.path() / "line.svg").string() + "' 2>&1");
        EXPECT_EQ(parsed.status, 0) << parsed.output;
    }
}

TEST(DrillReport, SaysWhatItMeansInBothLanguages) {
    auto drill = drill_at(0, "fail");
    drill.files = 1131;
    drill.bytes = 4'200'000'000;
    drill.lost = drill.faults = 3;
    drill.took_ms = 125'000;
    drill.details =
        R"({"why":[{"key":"backup.found-missing","params":{"count":"3","total":"1131","path":"/srv/x/inbox/a"}}],
        "found":[{"what":"missing","path":"/srv/x/inbox/a"},{"what":"missing","path":"/srv/x/inbox/b"}],
        "not_compared":["owners","modes"],"engine":"restic 0.14.0","max_downtime_ms":14400000,"age_ms":3600000,"moved":2,"databases":1})";
    Set set{.id = "set1", .started = now, .engine_set = "abcd", .manifest = std::string(64, 'a')};
    const auto english = drill_report(drill, set, "Books", Zone::utc(), Lang::en);
    EXPECT_THAT(english,
                AllOf(HasSubstr("Restore of Books, tried 2026-11-23 04:05"), HasSubstr("would not have been enough"),
                      HasSubstr("4.2 GB"), HasSubstr("who owns the files, permissions"), HasSubstr("/srv/x/inbox/b"),
                      HasSubstr("What to do"), HasSubstr(std::string(64, 'a')), HasSubstr("4 hours")));
    const auto danish = drill_report(drill, set, "Bøger", Zone::utc(), Lang::da);
    EXPECT_THAT(danish, AllOf(HasSubstr("Genskabelse af Bøger"), HasSubstr("4,2 GB"), HasSubstr("Hvad nu"),
                              HasSubstr("3 af 1131"), Not(HasSubstr("What"))));
    drill.outcome = "pass";
    drill.lost = drill.faults = 0;
    drill.details = R"({"confined":false,"part":{"all_in_s":7776000},"streamed":true,"queries":2})";
    EXPECT_THAT(drill_report(drill, set, "Books", Zone::utc(), Lang::en),
                AllOf(HasSubstr("Landlock"), HasSubstr("in 3 months every file"), HasSubstr("on its way out"),
                      HasSubstr("2 questions of your own")));
    drill.details = "{}";
    EXPECT_THAT(drill_report(drill, set, "Books", Zone::utc(), Lang::en),
                AllOf(HasSubstr("everything came back as it was"), Not(HasSubstr("What to do"))));
    drill.outcome = "unknown";
    drill.details = "not JSON";
    EXPECT_THAT(drill_report(drill, set, "Books", Zone::utc(), Lang::en), HasSubstr("nothing is known"));
}

}  // namespace
}  // namespace tilsyn::backup
