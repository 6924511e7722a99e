// backup_repository, judged from recorded facts, and collected from a ledger.
#include <gtest/gtest.h>

#include "backup/ledger.hpp"
#include "checks/check_fixture.hpp"
#include "support/databases.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;

const Timestamp now = parse_utc("2026-11-23T12:00:00Z").value();

std::string judged(const json& seen) {
    const auto judgement = find_kind("backup_repository")
                               ->judge(control_of("kind = \"backup_repository\""), Facts{seen, std::nullopt}, now);
    return std::string(to_string(judgement.outcome)) + ": " + render(judgement.why, Lang::en);
}
json checked(const std::string& outcome, const std::string& at, json why = json::array()) {
    return {{"ours", true},
            {"newest", {{"at", at}, {"outcome", outcome}, {"part", 3}, {"parts", 14}, {"why", std::move(why)}}}};
}

TEST(BackupRepository, PassesAWholeOne) {
    EXPECT_EQ(judged(checked("pass", "2026-11-23T02:00:00Z")),
              "pass: whole on 2026-11-23T02:00:00Z, when part 3 of 14 was read");
}
TEST(BackupRepository, FailsADamagedOneWithTheReason) {
    const json why = {{{"key", "backup.check-failed"}, {"params", {{"repository", "vault"}, {"program", "restic"}}}}};
    EXPECT_EQ(judged(checked("fail", "2026-11-23T02:00:00Z", why)),
              "fail: The repository vault is damaged, says restic");
}
TEST(BackupRepository, FailsAnOldCheck) {
    EXPECT_EQ(judged(checked("pass", "2026-11-21T10:00:01Z")).substr(0, 4), "pass");
    EXPECT_EQ(judged(checked("pass", "2026-11-21T09:59:59Z")), "fail: last checked on 2026-11-21T09:59:59Z");
}
TEST(BackupRepository, DoesNotKnowWhatWasNotChecked) {
    EXPECT_EQ(judged({{"ours", true}}), "unknown: it has not been checked yet");
    const json why = {{{"key", "backup.unreachable"}, {"params", {{"repository", "vault"}}}}};
    EXPECT_EQ(judged(checked("unknown", "2026-11-23T02:00:00Z", why)),
              "unknown: The repository vault cannot be reached");
    EXPECT_EQ(judged({{"ours", false}}).substr(0, 14), "not_applicable");
}

class BackupRepositoryCollects : public testing::TestWithParam<db::Engine> {};

TEST_P(BackupRepositoryCollects, TheNewestCheck) {
    const test::FreshDatabase database(GetParam());
    ManualClock clock(now);
    const auto connection = db::open(database.location(), db::Access::read_write).value();
    std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
    all.insert(all.end(), backup::migrations().begin(), backup::migrations().end());
    ASSERT_TRUE(db::migrate(*connection, all, clock.now()));
    const auto committer = log::Committer::start({database.location()}, clock).value();
    for (int part = 1; part <= 3; ++part)
        ASSERT_TRUE(backup::record_check(
            *committer, {std::to_string(part), "vault", now + std::chrono::minutes(part), "pass", part, 14, 0, "{}"}));
    db::Pool readers(database.location(), db::Access::read_only, 2);
    Environment environment;
    environment.readers = &readers;
    const std::vector<Subject> subjects{{"backup-repositories/vault", {{"engine", "restic"}}},
                                        {"backup-repositories/tapes", {}}};
    const auto control = control_of("kind = \"backup_repository\"");
    CollectRequest request{.control = &control,
                           .subjects = subjects,
                           .planned = now,
                           .deadline = Deadline::in(std::chrono::seconds(10)),
                           .environment = &environment};
    const auto facts = find_kind("backup_repository")->collect(request);
    ASSERT_TRUE(facts) << render(facts.error(), Lang::en);
    EXPECT_EQ((*facts)[0].seen["newest"]["part"], 3);
    EXPECT_EQ((*facts)[1].seen["ours"], false);
}
INSTANTIATE_ENGINES(BackupRepositoryCollects);

}  // namespace
}  // namespace tilsyn::checks
