// Whole jobs against a real engine and a real disk: what is healthy passes, and each way in which backups fail without
// anyone noticing is found by the right step and said in the right words.
#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "backup/job_fixture.hpp"
#include "backup/retention.hpp"
#include "backup/sample.hpp"

namespace tilsyn::backup {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST_F(Job, FromPlanToProvedRestore) {
    const auto set = back_up();
    expect_made(set);
    EXPECT_EQ(set.files, 41);
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(full.files, 41);
    EXPECT_EQ(full.faults, 0);
    const auto sample = drill(Extent::sample);
    EXPECT_EQ(sample.outcome, "pass") << sample.details;
    EXPECT_GT(sample.files, 20);
    const auto reader = readers_.get();
    EXPECT_THAT(**(*reader)->one("SELECT count(*) FROM log_entry"),
                testing::Truly([](const db::Row& row) { return row.integer(0) == 3; }));
    EXPECT_EQ(drills_of(**reader, "nightly")->size(), 2u);
    // Nothing is left of the work but the manifest, the lock and what the engine remembers.
    EXPECT_TRUE(std::filesystem::is_empty(data_ / "backup/staging"));
    EXPECT_TRUE(std::filesystem::exists(manifest_path(data_ / "backup/manifests", set.manifest)));
}

class EngineJob : public Job, public testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        Job::SetUp();
        std::filesystem::remove_all(place_);
        plan_.engine = GetParam();  // its repository is made by the first backup
    }
};
TEST_P(EngineJob, FromPlanToProvedRestore) {
    expect_made(back_up());
    put(source_ / "ledger.txt", "debit, credit and more\n");
    expect_made(back_up());
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(full.files, 41);
    EXPECT_EQ(drill(Extent::sample).outcome, "pass");
    const auto reader = readers_.get();
    EXPECT_EQ(sets_of(**reader, plan_.id)->size(), 2u);
}
INSTANTIATE_TEST_SUITE_P(Engines, EngineJob, testing::Values("restic", "borg", "rclone"),
                         [](const auto& info) { return std::string(info.param); });

TEST_F(Job, WhatLivesOnIsNoFault) {
    expect_made(back_up());
    put(source_ / "new", "n");
    std::filesystem::rename(source_ / "years/1", source_ / "years/one");
    meanwhile([&] {
        std::ofstream(source_ / "ledger.txt", std::ios::app) << "more\n";
        put(source_ / "years/2/late", "l");
        std::filesystem::remove(source_ / "years/3/voucher-3");
    });
    expect_made(back_up());
    house_.stopping = {};
    EXPECT_EQ(drill().outcome, "pass");
}

// --- the source ---

TEST_F(Job, EachSampleGoesOnWhereTheLastOneEnded) {
    plan_.sample_every = sample_period / 4;
    expect_made(back_up());
    std::string last;
    for (int turn = 0; turn < 4; ++turn) {
        clock_.advance(1h);
        const auto tried = drill(Extent::sample);
        EXPECT_EQ(tried.outcome, "pass") << tried.details;
        const auto part = nlohmann::json::parse(tried.details)["part"];
        EXPECT_GT(part["from"].get<std::string>(), last) << turn;
        last = part["until"];
        EXPECT_EQ(last.empty(), turn == 3) << tried.details;
        EXPECT_LE(part.value("all_in_s", std::int64_t{0}), 90 * 24 * 3600) << tried.details;
    }
}
TEST_F(Job, ASourceThatIsNotMounted) {
    expect_made(back_up());
    std::filesystem::remove_all(source_);
    std::filesystem::create_directories(source_);
    expect_partial(back_up(), "There is nothing in " + source_.string());
}
TEST_F(Job, OnlyAWholeSetIsTriedOutByItself) {
    const auto whole = back_up();
    plan_.must_hold = {(source_ / "missing").string()};
    const auto partial = back_up();
    EXPECT_EQ(partial.state, SetState::partial);
    EXPECT_EQ(drill().set, whole.id);
    EXPECT_EQ(drill(Extent::full, partial.id).set, partial.id);
}
TEST_F(Job, ASourceThatIsNotThere) {
    std::filesystem::remove_all(source_);
    expect_failed(back_up(), source_.string() + " is not there");
}
TEST_F(Job, SuddenlyMuchLess) {
    const auto whole = back_up();
    std::filesystem::remove_all(source_ / "years/0");
    std::filesystem::remove_all(source_ / "years/1");
    std::filesystem::remove(source_ / "years/2/voucher-2");
    const auto less = back_up();
    expect_partial(less, "20 files where there were 41");
    expect_partial(back_up(), "20 files where there were 41");  // until somebody has looked
    ASSERT_TRUE(accept_set(house_, less.id));
    expect_made(back_up());
    EXPECT_FALSE(accept_set(house_, whole.id));
}
TEST_F(Job, SomethingThatMustBeThere) {
    plan_.must_hold = {(source_ / "ledger.txt").string()};
    expect_made(back_up());
    std::filesystem::remove(source_ / "ledger.txt");
    expect_partial(back_up(), "ledger.txt must be in every backup");
}
TEST_F(Job, SomethingThatMustBeThereAndIsNamedWrongly) {
    plan_.must_hold = {"ledger.txt"};
    expect_failed(back_up(), "ledger.txt is not a path that can be backed up");
}
TEST_F(Job, APathLeftOutTooBroadly) {
    plan_.must_hold = {(source_ / "years/2/voucher-2").string()};
    plan_.left_out = {"voucher-2*"};
    expect_partial(back_up(), "voucher-2 must be in every backup");
}
TEST_F(Job, AFileTornWhileItWasBackedUp) {
    meanwhile([&] {
        std::fstream file(source_ / "ledger.txt", std::ios::in | std::ios::out);
        file << "D";
    });
    expect_partial(back_up(), "changed in place while it was backed up");
    house_.stopping = {};
}
TEST_F(Job, ADatabaseDamagedInProduction) {
    const auto file = source_ / "app.db";
    test::run_command("sqlite3 '" + file.string() +
                      "' 'create table t(a); insert into t select value from generate_series(1, 5000)'");
    {
        std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
        bytes.seekp(8192);
        bytes << std::string(4096, '\xff');
    }
    plan_.source = Source::sqlite;
    plan_.paths = {file.string()};
    EXPECT_EQ(back_up().state, SetState::failed);
}
TEST_F(Job, ADatabaseIsCopiedAsOfOneMomentAndCounted) {
    const auto file = source_ / "app.db";
    test::run_command("sqlite3 '" + file.string() +
                      "' 'pragma journal_mode=wal; create table t(a, b); insert into t select value, "
                      "hex(randomblob(20)) from generate_series(1, 5000)'");
    plan_.source = Source::sqlite;
    plan_.paths = {file.string()};
    const auto set = back_up();
    expect_made(set);
    EXPECT_THAT(set.details, HasSubstr("\"rows\":5000"));
    EXPECT_EQ(drill().outcome, "pass");
}
TEST_F(Job, AHookFreezesAndLetsGoWhateverHappens) {
    plan_.hook = "freeze";
    expect_failed(back_up(), "is not there");
    put(data_ / "hooks/freeze", "#!/bin/sh\necho $1 $2 >>" + (folder_.path() / "said").string() + "\n");
    std::filesystem::permissions(data_ / "hooks/freeze", std::filesystem::perms(0755));
    expect_made(back_up());
    EXPECT_EQ(test::run_command("cat " + (folder_.path() / "said").string()).output, "before books\nafter books\n");
    plan_.paths = {"/nowhere/at/all"};
    expect_failed(back_up(), "/nowhere/at/all is not there");
    EXPECT_EQ(test::run_command("tail -n 1 " + (folder_.path() / "said").string()).output, "after books\n");
    std::filesystem::permissions(data_ / "hooks/freeze", std::filesystem::perms(0777));
    expect_failed(back_up(), "can be changed by others");
    put(data_ / "hooks/freeze", "#!/bin/sh\necho no such volume >&2; exit 1\n");
    std::filesystem::permissions(data_ / "hooks/freeze", std::filesystem::perms(0755));
    expect_failed(back_up(), "no such volume");
    plan_.hook = "../../bin/sh";
    expect_failed(back_up(), "not the name of a program");
}

// --- the repository ---

TEST_F(Job, AWrongPasswordKept) {
    expect_made(back_up());
    password("wrong");
    expect_failed(back_up(), "does not open the repository shelf");
    expect_drill(drill(), "fail", "does not open the repository shelf");
}
TEST_F(Job, SecretsThatOthersCanRead) {
    std::filesystem::permissions(data_ / "secrets/shelf.toml", std::filesystem::perms(0644));
    expect_failed(back_up(), "can be read by others");
    std::filesystem::remove(data_ / "secrets/shelf.toml");
    expect_failed(back_up(), "is not there");
}
TEST_F(Job, SecretsAreNeverRepeatedInAnError) {
    put(data_ / "secrets/shelf.toml", "password = \"half a secr\n");
    const auto set = back_up();
    EXPECT_THAT(set.details, testing::Not(HasSubstr("secr\\n")));
    expect_failed(set, "is not a list of names and texts");
}
TEST_F(Job, ARepositoryReplacedByAnEmptyOne) {
    expect_made(back_up());
    std::filesystem::remove_all(place_);
    std::filesystem::remove_all(data_ / "backup/engines");
    create();
    const auto look = look_at_repository(house_, plan_);
    ASSERT_TRUE(look);
    EXPECT_EQ(look->lost, 1);
    const auto reader = readers_.get();
    EXPECT_TRUE(sets_of(**reader, "nightly")->front().lost);
    expect_drill(drill(), "fail", "does not hold that set");
}
TEST_F(Job, ARepositoryThatIsGone) {
    expect_made(back_up());
    std::filesystem::remove_all(place_);
    expect_failed(back_up(), "There is no repository shelf");
    expect_drill(drill(), "fail", "There is no repository shelf");
}
TEST_F(Job, ARepositorySetBack) {
    expect_made(back_up());
    std::filesystem::copy(place_, folder_.path() / "kept", std::filesystem::copy_options::recursive);
    put(source_ / "more", "m");
    const auto second = back_up();
    std::filesystem::remove_all(place_);
    std::filesystem::rename(folder_.path() / "kept", place_);
    EXPECT_EQ(back_up().state, SetState::failed);  // borg notices
    expect_drill(drill(Extent::full, second.id), "fail", "older than when it was last seen");
}
TEST_F(Job, ABitThatFlippedInTheRepository) {
    expect_made(back_up());
    for (const auto& file : std::filesystem::recursive_directory_iterator(place_ / "data"))
        if (file.is_regular_file() && file.file_size() > 2000) {
            std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
            bytes.seekp(std::streamoff(file.file_size() / 2));
            bytes << "xxxx";
        }
    expect_drill(drill(), "fail", "could not be restored");
}
TEST_F(Job, ASetThatSomebodyElseDeleted) {
    const auto set = back_up();
    const auto engine = open_engine(*access_to(data_, "shelf", "borg", plan_.location));
    ASSERT_TRUE((*engine)->forget({set.engine_set}, {Deadline::in(60s)}));
    EXPECT_EQ(look_at_repository(house_, plan_)->lost, 1);
}
TEST_F(Job, ASetThatNobodyKnows) {
    expect_made(back_up());
    const auto engine = open_engine(*access_to(data_, "shelf", "borg", plan_.location));
    ASSERT_TRUE((*engine)->store(
        {.run = "stranger", .data_set = "books", .host = "x", .roots = *make_roots({source_.string()})},
        {Deadline::in(60s)}));
    EXPECT_EQ(look_at_repository(house_, plan_)->unknown, 1);
}

// --- what the engine says is fine ---

TEST_F(Job, AnEngineThatStoresLessThanThereIs) {
    // A program of the same name that leaves something out and says all is well: as a wrapper with an exclusion, or a
    // bug, would. Our own manifest is not made by it.
    const auto set = back_up();
    expect_made(set);
    const auto engine = open_engine(*access_to(data_, "shelf", "borg", plan_.location));
    auto less = StoreRequest{.run = "less",
                             .data_set = "books",
                             .host = "here",
                             .roots = *make_roots({source_.string()}),
                             .exclusions = {.paths = {}, .names = {"voucher-7"}}};
    const auto stored = (*engine)->store(less, {Deadline::in(60s)});
    ASSERT_TRUE(stored);
    ASSERT_TRUE(committer_->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute("UPDATE backup_set SET engine_set = ? WHERE id = ?", {stored->set, set.id}));
        return {};
    }));
    expect_drill(drill(), "fail",
                 "1 of 47 restored files and folders is missing: " + (source_ / "years/3/voucher-7").string());
}
TEST_F(Job, ARestoreThatTakesLongerThanTheBusinessCanWait) {
    expect_made(back_up());
    plan_.max_downtime = 1h;
    house_.progress = [&](const JobProgress& progress) {
        if (progress.step == Step::comparing) clock_.advance(2h);
    };
    const auto slow = drill();
    house_.progress = {};
    expect_drill(slow, "fail", "the business can wait 1h");
    EXPECT_EQ(slow.lost, 0);
}
TEST_F(Job, ADatabaseThatOpensButLacksRows) {
    const auto file = source_ / "app.db";
    test::run_command("sqlite3 '" + file.string() +
                      "' 'create table t(a); insert into t select value from generate_series(1, 500)'");
    plan_.source = Source::sqlite;
    plan_.paths = {file.string()};
    auto set = back_up();
    expect_made(set);
    // As if more rows had been there than were stored.
    const auto at = set.details.find("\"rows\":500");
    ASSERT_NE(at, std::string::npos);
    set.details.replace(at, 10, "\"rows\":501");
    ASSERT_TRUE(end_set(*committer_, set));
    expect_drill(drill(), "fail", "table t of the restored database");
}
TEST_F(Job, AManifestThatSomebodyChanged) {
    const auto set = back_up();
    put(manifest_path(data_ / "backup/manifests", set.manifest), "no manifest");
    expect_drill(drill(), "fail", "is damaged");
}
TEST_F(Job, AClockThatWasWrong) {
    clock_.jump(30 * 24h);
    expect_made(back_up());
    clock_.jump(-30 * 24h);
    expect_partial(back_up(), "the clock was wrong");
}

// --- being interrupted ---

TEST_F(Job, WhatWasCutOffIsRecordedAndClearedAway) {
    ASSERT_TRUE(begin_set(*committer_, {.id = "cut",
                                        .plan = "nightly",
                                        .data_set = "books",
                                        .repository = "shelf",
                                        .machine = "here:/data",
                                        .started = clock_.now()}));
    ASSERT_TRUE(begin_set(*committer_, {.id = "other",
                                        .plan = "nightly",
                                        .data_set = "books",
                                        .repository = "shelf",
                                        .machine = "there:/data",
                                        .started = clock_.now()}));
    put(data_ / "backup/scratch/left/secret", "x");
    std::filesystem::permissions(data_ / "backup/scratch/left", std::filesystem::perms(0500));
    {
        EXPECT_TRUE(JobRoom::enter(house_));
    }
    const auto reader = readers_.get();
    EXPECT_EQ((*find_set(**reader, "cut"))->state, SetState::failed);
    EXPECT_THAT(words((*find_set(**reader, "cut"))->details), HasSubstr("cut off"));
    EXPECT_EQ((*find_set(**reader, "other"))->state, SetState::running);
    EXPECT_TRUE(std::filesystem::is_empty(data_ / "backup/scratch"));
}
TEST_F(Job, OnlyOneAtATime) {
    const auto room = JobRoom::enter(house_);
    ASSERT_TRUE(room);
    const auto second = JobRoom::enter(house_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, Code::busy);
}
TEST_F(Job, StoppedItGoesOnNextTime) {
    house_.stopping = [] { return true; };
    expect_failed(back_up(), "Stopped");
    house_.stopping = {};
    expect_made(back_up());
    EXPECT_EQ(drill().outcome, "pass");
}

// --- what is kept ---

TEST_F(Job, ForgetsWhatThePlanNoLongerKeeps) {
    plan_.keep = {.daily = 2};
    std::vector<Set> sets;
    for (int i = 0; i < 4; ++i) {
        clock_.advance(24h);
        put(source_ / "day", std::to_string(i));
        sets.push_back(back_up());
    }
    EXPECT_EQ(drill(Extent::full, sets[0].id).outcome, "pass");
    {
        auto room = JobRoom::enter(house_);
        EXPECT_EQ(forget_old(*room, house_, plan_).value_or(-1), 1);  // the first one is the one that was proved
    }
    const auto look = look_at_repository(house_, plan_);
    EXPECT_EQ(look->there, 3);
    EXPECT_EQ(look->lost, 0);
    // A set that is not whole holds the others.
    clock_.advance(24h);
    plan_.must_hold = {(source_ / "missing").string()};
    EXPECT_EQ(back_up().state, SetState::partial);
    auto room = JobRoom::enter(house_);
    EXPECT_EQ(forget_old(*room, house_, plan_).value_or(-1), 0);
}

TEST(Retention, KeepsTheNewestOfEachPeriod) {
    std::vector<Set> sets;
    const auto start = parse_utc("2026-01-01T02:00:00Z").value();
    for (int day = 0; day < 400; ++day)
        sets.push_back({.id = std::to_string(day),
                        .state = SetState::made,
                        .started = start + std::chrono::days(day),
                        .engine_set = "x"});
    std::ranges::reverse(sets);
    const auto gone = to_forget({.daily = 7, .weekly = 4, .monthly = 12, .yearly = 3}, sets, "5");
    const auto kept = [&](int day) { return std::ranges::find(gone, std::to_string(day)) == gone.end(); };
    for (int day = 393; day < 400; ++day) EXPECT_TRUE(kept(day)) << day;
    EXPECT_FALSE(kept(391));
    EXPECT_TRUE(kept(5));    // proved
    EXPECT_TRUE(kept(364));  // the last of 2026
    EXPECT_FALSE(kept(363));
    EXPECT_TRUE(kept(333));  // the last of November
    // Seven days; two weeks, ten months and no year that these do not stand for already; and the proved one.
    EXPECT_EQ(400 - gone.size(), 7u + 2 + 10 + 0 + 1);
    EXPECT_THAT(to_forget({}, sets, ""), IsEmpty());
    const auto here = held({.daily = 7, .weekly = 4, .monthly = 12, .yearly = 3}, sets);
    EXPECT_EQ(here.wanted, here.held);
    sets[3].lost = start;
    EXPECT_EQ(held({.daily = 7}, sets).held, 6);
    EXPECT_EQ(held({.daily = 7}, sets).wanted, 7);
}
TEST(Retention, NeverTheLastOneAndNotWhileNoneWasMade) {
    const auto at = parse_utc("2026-01-01T02:00:00Z").value();
    EXPECT_THAT(
        to_forget({.daily = 1}, {{.id = "p", .state = SetState::partial, .started = at, .engine_set = "x"}}, ""),
        IsEmpty());
    EXPECT_THAT(to_forget({.daily = 1},
                          {{.id = "m", .state = SetState::made, .started = at + 1h, .engine_set = "x"},
                           {.id = "p", .state = SetState::partial, .started = at, .engine_set = "x"}},
                          ""),
                ElementsAre("p"));
}

}  // namespace
}  // namespace tilsyn::backup
