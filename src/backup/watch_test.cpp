// Repositories that another program writes to: its sets are found, held against the source, and restored.
#include "backup/job_fixture.hpp"

namespace tilsyn::backup {
namespace {

class Watching : public Job {
  protected:
    SystemClock now_;
    int made_ = 0;
    void SetUp() override {
        Job::SetUp();
        house_.clock = &now_;
        plan_.run_by = RunBy::watched;
        plan_.sets_named = "books-";
    }
    // As somebody's own script would. Its clock is ahead a little: what was written just now counts as unchanged since.
    void somebody_backs_up(const std::string& name, const std::string& more = "") {
        const auto at = format_utc_seconds(now_.now() + std::chrono::seconds(60 + made_++)).substr(0, 19);
        const auto ran = test::run_command("cd / && TZ=UTC BORG_BASE_DIR='" + (folder_.path() / "somebody").string() +
                                           "' BORG_PASSPHRASE=correct BORG_RELOCATED_REPO_ACCESS_IS_OK=yes borg "
                                           "create --timestamp " +
                                           at + " " + more + " '" + place_.string() + "::" + name + "' '" +
                                           source_.string().substr(1) + "' 2>&1");
        ASSERT_EQ(ran.status, 0) << ran.output;
    }
    void somebody_deletes(const std::string& name) {
        const auto ran =
            test::run_command("BORG_BASE_DIR='" + (folder_.path() / "somebody").string() +
                              "' BORG_PASSPHRASE=correct borg delete '" + place_.string() + "::" + name + "' 2>&1");
        ASSERT_EQ(ran.status, 0) << ran.output;
    }
    Watched look() {
        auto room = JobRoom::enter(house_);
        auto seen = watch_repository(*room, house_, plan_);
        EXPECT_TRUE(seen) << render(seen.error(), Lang::en);
        return seen.value_or(Watched{});
    }
    std::vector<Set> ledger() {
        const auto reader = readers_.get();
        return *sets_of(**reader, plan_.id);
    }
};

TEST_F(Watching, SetsAreFoundOnceAndTheNewestIsHeldAgainstTheSource) {
    EXPECT_EQ(look().found, 0);
    somebody_backs_up("books-1");
    somebody_backs_up("mail-1");
    somebody_backs_up("books-2");
    const auto seen = look();
    EXPECT_EQ(seen.found, 2);
    ASSERT_TRUE(seen.newest);
    expect_made(*seen.newest);
    EXPECT_EQ(seen.newest->files, 41);
    EXPECT_EQ(look().found, 0);
    EXPECT_EQ(ledger().size(), 2u);
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(full.files, 41);
    EXPECT_EQ(drill(Extent::sample).outcome, "pass");
}

TEST_F(Watching, WhatItsOwnerLeavesOutIsMissing) {
    somebody_backs_up("books-1", "--exclude '*/years/2'");
    expect_made(*look().newest);
    const auto full = drill();
    expect_drill(full, "fail", "11 of 47");  // ten files and their folder, of all there is
    EXPECT_EQ(full.lost, 11);
    plan_.left_out = {(source_ / "years/2").string()};  // said, and then it is no surprise
    somebody_backs_up("books-2", "--exclude '*/years/2'");
    look();
    EXPECT_EQ(drill().outcome, "pass");
}

TEST_F(Watching, WhatHasChangedSinceIsNoFault) {
    somebody_backs_up("books-1");
    // Later than the set, as far as anybody can tell: its time is a minute ahead, so the look must be from another one.
    const auto at = format_utc_seconds(now_.now() - 3600s).substr(0, 19);
    somebody_deletes("books-1");
    ASSERT_EQ(test::run_command("cd / && TZ=UTC BORG_BASE_DIR='" + (folder_.path() / "somebody").string() +
                                "' BORG_PASSPHRASE=correct borg create --timestamp " + at + " '" + place_.string() +
                                "::books-2' '" + source_.string().substr(1) + "'")
                  .status,
              0);
    put(source_ / "ledger.txt", "another");
    put(source_ / "new", "n");
    std::filesystem::remove_all(source_ / "years/3");
    const auto seen = look();
    ASSERT_TRUE(seen.newest);
    expect_made(*seen.newest);
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
}

TEST_F(Watching, ThisIsSomebodyElsesRepository) {
    somebody_backs_up("books-1");
    look();
    const auto before = test::run_command("cd '" + place_.string() + "' && find . -type f | sort | xargs sha256sum");
    EXPECT_EQ(drill().outcome, "pass");
    EXPECT_TRUE(check_repository(*JobRoom::enter(house_), house_, plan_));
    const auto after = test::run_command("cd '" + place_.string() + "' && find . -type f | sort | xargs sha256sum");
    EXPECT_EQ(before.output, after.output);
}

TEST_F(Watching, DataThatLiesElsewhereComesBackAndIsNotSuddenlyMuchLess) {
    plan_.paths.clear();
    plan_.must_hold = {(source_ / "ledger.txt").string()};
    somebody_backs_up("books-1");
    const auto seen = look();
    ASSERT_TRUE(seen.newest);
    EXPECT_EQ(seen.newest->manifest, "");
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(full.files, 41);
    EXPECT_EQ(drill(Extent::sample).outcome, "unknown");
    somebody_backs_up("books-2", "--exclude '*/years'");
    look();
    expect_drill(drill(), "fail", "1 files where there were 41");
    std::filesystem::remove(source_ / "ledger.txt");
    somebody_backs_up("books-3");
    look();
    expect_drill(drill(), "fail", "ledger.txt");
}

TEST_F(Watching, SetsThatGoAreForgottenUnlessThePlanKeepsThem) {
    plan_.keep = {.daily = 1};
    somebody_backs_up("books-1");
    look();
    somebody_backs_up("books-2");
    look();
    somebody_deletes("books-1");
    EXPECT_EQ(look().gone, 1);
    auto all = ledger();
    EXPECT_TRUE(all[1].forgotten);
    EXPECT_FALSE(all[1].lost);
    somebody_deletes("books-2");
    EXPECT_EQ(look().gone, 1);
    EXPECT_TRUE(ledger()[0].lost);
}

TEST_F(Watching, ARepositoryThatIsGoneIsAnErrorAndNothingIsForgotten) {
    somebody_backs_up("books-1");
    look();
    std::filesystem::rename(place_, folder_.path() / "away");
    const auto room = JobRoom::enter(house_);
    const auto seen = watch_repository(*room, house_, plan_);
    ASSERT_FALSE(seen);
    EXPECT_EQ(seen.error().code, Code::not_found);
    EXPECT_FALSE(ledger()[0].lost);
}

}  // namespace
}  // namespace tilsyn::backup
