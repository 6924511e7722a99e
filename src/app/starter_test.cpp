// A company's first day: a new data folder with the policy that ships, run on both databases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "app/init.hpp"
#include "app/keys.hpp"
#include "app/status.hpp"
#include "base/embedded.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "support/databases.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;
using findings::Verdict;
using testing::Contains;

class FirstDay : public testing::TestWithParam<db::Engine> {
  protected:
    FirstDay() : database_(GetParam()) {
        options_.data = folder_.path() / "data";
        if (GetParam() == db::Engine::postgres) options_.database = database_.location().target;
    }
    void begin() {
        auto made = init(options_, clock_);
        ASSERT_TRUE(made) << render(made.error(), Lang::en);
        made_ = *made;
        app_ = App::open({options_.data, {}}, clock_).value();
    }
    StatusReport look() { return status(*app_).value(); }
    std::int64_t number(const std::string& sql) { return (*app_->readers().get())->one(sql).value()->integer(0); }
    // All that machines check, but nothing outside this machine.
    void run_machines() {
        for (const auto* name : {"services", "servers"})
            for (const auto& row : app_->registers()->list(name).value().rows)
                ASSERT_TRUE(app_->registers()->set(name, row.id, {{"status", "retired"}}, "test"));
        auto& engine = app_->engine();
        ASSERT_TRUE(engine.join());
        const auto ran = engine.run_due(Deadline::in(120s));
        ASSERT_TRUE(ran) << render(ran.error(), Lang::en);
        engine.stop(5s);
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    Options options_;
    InitReport made_;
    std::unique_ptr<App> app_;
};

TEST_P(FirstDay, HasEverythingAndNothingIsGreenYet) {
    begin();
    EXPECT_EQ(made_.promises, 126);
    EXPECT_GT(made_.controls, 126);
    EXPECT_EQ(made_.policy_version, 1);
    EXPECT_THAT(made_.registered, Contains("data-sets/tilsyn"));
    const auto report = look();
    EXPECT_EQ(report.promises, 126);
    EXPECT_EQ(report.controls.size(), std::size_t(made_.controls));
    EXPECT_FALSE(report.anything_fails());
    EXPECT_FALSE(report.totals.contains(Verdict::pass)) << "nothing has been looked at";
    EXPECT_GT(report.promises_by_machine * 2, report.promises) << "a machine checks more than half";
    EXPECT_LT(report.promises_by_machine, report.promises) << "persons sign the rest";
    EXPECT_EQ(check_key(**app_->readers().get(), made_.key)->role, KeyRole::admin);
}

TEST_P(FirstDay, TheFolderIsItsOwnersAlone) {
    begin();
    using std::filesystem::perms;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(options_.data))
        EXPECT_EQ(entry.status().permissions() & (perms::group_all | perms::others_all), perms::none) << entry.path();
    EXPECT_EQ(std::filesystem::status(options_.data).permissions() & perms::all, perms::owner_all);
    EXPECT_EQ(std::filesystem::exists(options_.data / "tilsyn.db"), GetParam() == db::Engine::sqlite);
}

TEST_P(FirstDay, OnlyWhatWasSeenIsGreen) {
    begin();
    run_machines();
    const auto report = look();
    std::int64_t passed = 0;
    for (const auto& status : report.controls) {
        if (status.verdict.verdict != Verdict::pass) continue;
        ++passed;
        EXPECT_NE(report.plan->mode(*status.control), policy::Mode::person)
            << status.control->id << ": nobody has signed";
        EXPECT_GT(status.verdict.population, 0) << status.control->id;
        EXPECT_TRUE(status.verdict.newest) << status.control->id;
        EXPECT_GE(number("SELECT count(*) FROM observation WHERE outcome = 'pass' AND control = '" +
                         status.control->id + "'"),
                  status.verdict.population)
            << status.control->id;
    }
    EXPECT_GT(passed, 0);
    EXPECT_EQ(number("SELECT count(*) FROM observation"),
              number("SELECT count(*) FROM log_entry WHERE body LIKE '%\"k\":\"control.outcome\"%' OR body LIKE "
                     "'%\"k\":\"control.attempt\"%'"));
    EXPECT_EQ(number("SELECT count(*) FROM observation o WHERE o.outcome = 'unknown' AND EXISTS (SELECT 1 FROM "
                     "subject_state s WHERE s.control = o.control AND s.kind = 'query')"),
              0)
        << "every query of the policy can be run";
    const auto log =
        std::ranges::find(report.controls, "control_log", [](const auto& status) { return status.control->kind; });
    ASSERT_NE(log, report.controls.end());
    EXPECT_EQ(log->verdict.verdict, Verdict::pass);
}

TEST_P(FirstDay, AFolderIsNotMadeTwice) {
    begin();
    const auto again = init(options_, clock_);
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().message.key, "app.data-exists");
    EXPECT_EQ(look().policy_version, 1);
}

TEST_P(FirstDay, ApplyingTheSamePolicyChangesNothing) {
    begin();
    std::vector<Error> faults;
    const auto same = app_->apply_policy(options_.data / "policy/policy.toml", "eva", faults);
    ASSERT_TRUE(same);
    EXPECT_FALSE(same->changed);
    auto text = read_file(options_.data / "policy/policy.toml").value();
    ASSERT_TRUE(write_file(options_.data / "policy/policy.toml", text + "\n[control.broken]\nevery = \"soon\"\n"));
    const auto bad = app_->apply_policy(options_.data / "policy/policy.toml", "eva", faults);
    ASSERT_FALSE(bad);
    EXPECT_EQ(bad.error().message.key, "app.policy-faults");
    EXPECT_GT(faults.size(), 1U);
    EXPECT_EQ(look().policy_version, 1) << "the policy in force stays";
}

// Every pack on: what a query names must exist as a view, with those columns, in both databases.
TEST_P(FirstDay, EveryQueryOfThePolicyCompiles) {
    begin();
    const auto path = options_.data / "policy/policy.toml";
    auto text = read_file(path).value();
    for (std::size_t at = 0; (at = text.find("# \"packs/", at)) != text.npos;) text.erase(at, 2);
    ASSERT_TRUE(write_file(path, text));
    std::vector<Error> faults;
    const auto applied = app_->apply_policy(path, "eva", faults);
    ASSERT_TRUE(applied) << (faults.empty() ? render(applied.error(), Lang::en) : render(faults.front(), Lang::en));
    const auto plan = app_->plan();
    const auto environment = app_->environment();
    int queries = 0;
    for (const auto& control : plan->policy.controls) {
        if (control.kind != "query") continue;
        ++queries;
        const checks::Subject subject{
            control.subjects.register_name.empty() ? "company" : control.subjects.register_name + "/none", {}};
        const auto judged = checks::run(*plan->kind(control),
                                        {&control, {&subject, 1}, {}, Deadline::in(20s), &environment, &plan->calendar})
                                .at(0);
        EXPECT_NE(judged.outcome, checks::Outcome::unknown) << control.id << ": " << render(judged.why, Lang::en);
    }
    EXPECT_GT(queries, 100);
}

INSTANTIATE_ENGINES(FirstDay);

// --- how it reads ---------------------------------------------------------------------------------------------------

class Rendered : public FirstDay {};

TEST_P(Rendered, FitsTheTerminalInBothLanguages) {
    begin();
    run_machines();
    for (const auto later : {0min, 12min, 180min, 60min * 24 * 3, 60min * 24 * 25, 60min * 24 * 500}) {
        clock_.advance(later);
        const auto report = look();
        for (const auto lang : {Lang::en, Lang::da})
            for (const std::size_t width : {80UL, 120UL}) {
                const auto text = render(report, lang, {false, width});
                EXPECT_EQ(text.find('\033'), text.npos) << "no colour was asked for";
                EXPECT_EQ(text.find("app."), text.npos) << "a text is missing";
                EXPECT_TRUE(valid_utf8(text));
                for (const auto line : split(text, '\n')) EXPECT_LE(display_width(line), width) << line;
                for (const auto& section : report.plan->policy.sections)
                    EXPECT_NE(text.find("\n" + section.title.in(lang) + "\n"), text.npos) << section.id;
            }
    }
}

TEST_P(Rendered, SaysEachControlOnceWithItsPopulation) {
    begin();
    run_machines();
    const auto report = look();
    const auto text = render(report, Lang::en, {false, 140});
    std::size_t lines = 0;
    static const std::regex control_line("^  (✗|!|\\?|~|✓|○|–) \\S"), totals_line("^  \\S+ [0-9]+ ");
    for (const auto line : split(text, '\n'))
        if (std::regex_search(std::string(line), control_line) && !std::regex_search(std::string(line), totals_line))
            ++lines;
    EXPECT_EQ(lines, report.controls.size());
    EXPECT_NE(text.find("126 promises, " + std::to_string(report.controls.size()) + " controls; a machine checks " +
                        std::to_string(report.promises_by_machine)),
              text.npos)
        << text;
    EXPECT_NE(text.find("What to do next"), text.npos);
    EXPECT_NE(render(report, Lang::da, {false, 140}).find("Næste skridt"), std::string::npos);
}

TEST_P(Rendered, ColoursAreTheSameTextWithCodes) {
    begin();
    const auto report = look();
    const auto plain = render(report, Lang::da, {false, 100}), colored = render(report, Lang::da, {true, 100});
    EXPECT_NE(plain, colored);
    EXPECT_EQ(std::regex_replace(colored, std::regex("\033\\[[0-9;]*m"), ""), plain);
}

TEST_P(Rendered, TheJsonSaysTheSame) {
    begin();
    const auto report = look();
    const auto json = to_json(report);
    EXPECT_EQ(json["promises"], 126);
    EXPECT_EQ(json["controls"].size(), report.controls.size());
    std::int64_t sum = 0;
    for (const auto& [verdict, count] : json["totals"].items()) sum += count.get<std::int64_t>();
    EXPECT_EQ(sum, std::int64_t(report.controls.size()));
    EXPECT_EQ(json["at"], "2026-11-23T08:00:00Z");
    EXPECT_EQ(json["policy"]["version"], 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, Rendered, testing::Values(db::Engine::sqlite));

TEST(Init, LeavesNothingBehindWhenItFails) {
    const test::TemporaryFolder folder;
    const ManualClock clock{parse_utc("2026-11-23T08:00:00Z").value()};
    Options options;
    options.data = folder.path() / "data";
    options.database = "postgresql:///none?host=" + (folder.path() / "nowhere").string();
    ASSERT_FALSE(init(options, clock));
    EXPECT_FALSE(std::filesystem::exists(options.data));
    options.database.clear();
    EXPECT_TRUE(init(options, clock)) << "the next attempt starts clean";
}

TEST(Open, SaysWhatToDoWithoutAFolder) {
    const test::TemporaryFolder folder;
    const ManualClock clock{Timestamp{}};
    const auto opened = App::open({folder.path() / "none", {}}, clock);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().code, Code::not_found);
    ASSERT_TRUE(opened.error().hint);
    EXPECT_NE(render(*opened.error().hint, Lang::en).find("tilsyn init --data"), std::string::npos);
}

}  // namespace
}  // namespace tilsyn::app
