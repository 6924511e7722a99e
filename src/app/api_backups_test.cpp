// Backups through the API: each answer is held to the contract by the fixture.
#include <gmock/gmock.h>

#include "app/api_fixture.hpp"

namespace tilsyn::app {
namespace {

using http::Method;
using nlohmann::json;
using testing::HasSubstr;

class BackupRoutes : public Api {
  protected:
    void SetUp() override {
        row("data-sets", "books", {{"name", "Books"}, {"status", "in_use"}});
        row("backup-repositories", "vault", {{"name", "Vault"}, {"status", "in_use"}});
        row("backup-plans", "night", {{"data_set", "books"}, {"repository", "vault"}, {"run_by", "reported"}});
    }
    void row(const std::string& name, const std::string& id, const json& fields) {
        const auto added =
            send(Method::put, "/api/v1/registers/" + name + "/rows/" + id, json{{"fields", fields}}.dump());
        ASSERT_EQ(added.status, 201) << added.text;
    }
    Answer report(const json& body) { return send(Method::post, "/api/v1/backups/night/reports", body.dump()); }
};

TEST_F(BackupRoutes, WhatIsReportedIsListedDrawnAndInTheRegister) {
    EXPECT_EQ(get("/api/v1/backups").body["plans"][0]["newest_set"], nullptr);
    const auto made =
        report({{"engine", "other"}, {"exit_code", 0}, {"output", R"({"files":12,"bytes":34,"set":"x1"})"}});
    ASSERT_EQ(made.status, 201) << made.text;
    EXPECT_EQ(made.body["state"], "made");
    // Whoever did not get the answer tells it again.
    EXPECT_EQ(
        report({{"engine", "other"}, {"exit_code", 0}, {"output", R"({"files":12,"bytes":34,"set":"x1"})"}}).body["id"],
        made.body["id"]);
    EXPECT_EQ(report({{"engine", "restic"}, {"exit_code", 1}, {"output", ""}}).body["state"], "failed");
    const auto sets = get("/api/v1/backups/night/sets").body;
    EXPECT_EQ(sets["sets"].size(), 2u);
    EXPECT_EQ(sets["more"], false);
    EXPECT_EQ(get("/api/v1/backups/night/restores").body["restores"], json::array());
    const auto plan = get("/api/v1/backups").body["plans"][0];
    EXPECT_EQ(plan["run_by"], "reported");
    EXPECT_EQ(plan["sets"], 1);
    EXPECT_EQ(get("/api/v1/registers/backup-plans/rows/night").body["fields"]["sets_held"], "1");
    const auto picture = get("/api/v1/data-sets/books/time-line");
    EXPECT_EQ(picture.status, 200);
    EXPECT_THAT(picture.text, HasSubstr("Backups of Books"));
}

TEST_F(BackupRoutes, WhatCannotBeTakenIsRefused) {
    EXPECT_EQ(report({{"engine", "tar"}, {"exit_code", 0}, {"output", ""}}).status, 422);
    EXPECT_EQ(report({{"engine", "restic"}, {"exit_code", 256}, {"output", ""}}).status, 400);
    EXPECT_EQ(report({{"engine", "restic"}, {"exit_code", 0}}).status, 400);
    row("backup-plans", "other", {{"data_set", "books"}, {"repository", "vault"}, {"run_by", "elsewhere"}});
    const json good{{"engine", "other"}, {"exit_code", 0}, {"output", R"({"files":1})"}};
    EXPECT_EQ(send(Method::post, "/api/v1/backups/other/reports", good.dump()).status, 409);
    EXPECT_EQ(send(Method::post, "/api/v1/backups/none/reports", good.dump()).status, 404);
    EXPECT_EQ(ask({.method = Method::post, .path = "/api/v1/backups/night/reports", .key = read_, .body = good.dump()})
                  .status,
              403);
    EXPECT_EQ(get("/api/v1/backups/none/sets").status, 404);
    EXPECT_EQ(get("/api/v1/data-sets/none/time-line").status, 404);
    EXPECT_EQ(get("/api/v1/restores/none/report").status, 404);
}

TEST_F(BackupRoutes, WhatIsUnderWayIsShownWithItsRateAndTheTimeLeft) {
    EXPECT_EQ(get("/api/v1/backups").body["running"], nullptr);
    hooks_.backup_running = [this] {
        return RunningJob{.plan = "night",
                          .progress = {backup::Step::restoring, 10, 4000, 0, 10'000},
                          .since = clock_.now(),
                          .in_step = 2};
    };
    router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    const auto running = get("/api/v1/backups").body["running"];
    EXPECT_EQ(running["step"], "restoring");
    EXPECT_EQ(running["bytes_per_second"], 2000);
    EXPECT_EQ(running["seconds_left"], 3);
    EXPECT_EQ(running["files_total"], nullptr);
}

TEST(JobBoard, CountsTheTimeOfAStep) {
    ManualClock clock(*parse_utc("2026-11-23T04:05:06Z"));
    JobBoard board;
    EXPECT_FALSE(board.now(clock));
    board.show("a", {.step = backup::Step::reading, .files = 1}, clock);
    clock.advance(std::chrono::seconds(5));
    board.show("a", {.step = backup::Step::reading, .files = 2}, clock);
    EXPECT_EQ(board.now(clock)->in_step, 5);
    EXPECT_EQ(board.now(clock)->progress.files, 2u);
    board.show("a", {.step = backup::Step::storing}, clock);
    EXPECT_EQ(board.now(clock)->in_step, 0);
    board.clear();
    EXPECT_FALSE(board.now(clock));
}

}  // namespace
}  // namespace tilsyn::app
