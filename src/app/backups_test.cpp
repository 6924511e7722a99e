// The first data set is our own: planned by init, backed up and restored in full, and brought back on an empty machine
// from its repository and its password alone, with the log verified against its witness.
#include "app/backups.hpp"

#include <gmock/gmock.h>

#include "app/init.hpp"
#include "app/restore.hpp"
#include "app/status.hpp"
#include "app/witnessing.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "http/server.hpp"
#include "log/store/verify.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"
#include "witness/service.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// --- when something is due ---

const Timestamp now = parse_utc("2026-11-23T12:00:00Z").value();

backup::Set set_of(backup::SetState state, Duration age) {
    return {.id = "s",
            .state = state,
            .started = now - age,
            .engine_set = state == backup::SetState::failed ? "" : "e",
            .manifest = "m"};
}
backup::Drill drill_of(backup::Extent extent, const std::string& outcome, Duration age) {
    backup::Drill drill{.id = "d", .set = "s"};
    drill.extent = extent;
    drill.outcome = outcome;
    drill.started = now - age;
    return drill;
}

TEST(Due, ASetWhenItsTimeHasComeAndSoonerAfterAFailure) {
    using backup::SetState;
    const backup::Plan plan{.every = 24h};
    EXPECT_TRUE(set_is_due(plan, {}, now));
    EXPECT_FALSE(set_is_due(plan, {set_of(SetState::made, 24h - 1s)}, now));
    EXPECT_TRUE(set_is_due(plan, {set_of(SetState::made, 24h)}, now));
    EXPECT_FALSE(set_is_due(plan, {set_of(SetState::failed, 3h - 1s), set_of(SetState::made, 30h)}, now));
    EXPECT_TRUE(set_is_due(plan, {set_of(SetState::failed, 3h), set_of(SetState::made, 5h)}, now));
    EXPECT_TRUE(set_is_due(plan, {set_of(SetState::partial, 3h)}, now));
    // One that a wrong clock put into the future does not keep the others.
    EXPECT_TRUE(set_is_due(plan, {set_of(SetState::made, -1000h), set_of(SetState::made, 25h)}, now));
    EXPECT_FALSE(set_is_due(plan, {set_of(SetState::made, -1000h), set_of(SetState::made, 2h)}, now));
    EXPECT_FALSE(set_is_due({.every = 1h}, {set_of(SetState::failed, 9min)}, now));
}

TEST(Due, EveryThirdFullRestoreTriesAnOlderSet) {
    using backup::SetState;
    std::vector<backup::Set> sets;
    for (int day = 1; day <= 5; ++day) {
        sets.push_back(set_of(SetState::made, day * 24h));
        sets.back().id = "s" + std::to_string(day);
    }
    std::vector<backup::Drill> drills;
    const auto tried = [&](const std::string& id, Duration age, const std::string& outcome = "pass") {
        drills.insert(drills.begin(), drill_of(backup::Extent::full, outcome, age));
        drills.front().set = id;
    };
    EXPECT_EQ(set_to_try({}, {}), "");
    EXPECT_EQ(set_to_try(sets, drills), "s1");
    tried("s1", 5h);
    drills.insert(drills.begin(), drill_of(backup::Extent::sample, "pass", 4h));
    EXPECT_EQ(set_to_try(sets, drills), "s1");
    tried("s1", 4h);
    EXPECT_EQ(set_to_try(sets, drills), "s2");
    tried("s2", 3h);
    EXPECT_EQ(set_to_try(sets, drills), "s1");
    tried("s1", 3h);
    tried("s1", 2h);
    sets[2].forgotten = now;  // s3
    EXPECT_EQ(set_to_try(sets, drills), "s4");
    tried("s4", 1h, "fail");
    EXPECT_EQ(set_to_try(sets, drills), "s1");
}

TEST(Due, ARestoreWhenThereIsSomethingToRestore) {
    using backup::Extent, backup::SetState;
    const backup::Plan plan{.drill_every = 7 * 24h, .sample_every = 24h};
    const std::vector<backup::Set> sets{set_of(SetState::made, 1h)};
    const auto due = [&](Extent extent, const std::vector<backup::Drill>& drills) {
        return drill_is_due(plan, sets, drills, extent, now);
    };
    EXPECT_FALSE(drill_is_due(plan, {}, {}, Extent::full, now));
    EXPECT_FALSE(drill_is_due(plan, {set_of(SetState::failed, 1h)}, {}, Extent::full, now));
    EXPECT_FALSE(drill_is_due(plan, {set_of(SetState::partial, 1h)}, {}, Extent::full, now));
    EXPECT_TRUE(due(Extent::full, {}));
    EXPECT_TRUE(due(Extent::full, {drill_of(Extent::sample, "pass", 1h)}));
    EXPECT_FALSE(due(Extent::full, {drill_of(Extent::full, "pass", 6 * 24h)}));
    EXPECT_TRUE(due(Extent::full, {drill_of(Extent::full, "pass", 7 * 24h)}));
    EXPECT_FALSE(due(Extent::sample, {drill_of(Extent::full, "pass", 1h)}));  // more than a sample
    EXPECT_TRUE(due(Extent::sample, {drill_of(Extent::full, "pass", 24h)}));
    // What failed or could not be tried is tried again before its turn, and not at every look.
    EXPECT_FALSE(due(Extent::full, {drill_of(Extent::full, "unknown", 20h)}));
    EXPECT_TRUE(due(Extent::full, {drill_of(Extent::full, "unknown", 21h)}));
    EXPECT_TRUE(due(Extent::full, {drill_of(Extent::full, "fail", 24h)}));
}

// --- our own data ---

class OwnBackup : public testing::Test {
  protected:
    void SetUp() override {
        const auto made = init({.data = data(), .database = {}}, clock_);
        ASSERT_TRUE(made) << render(made.error(), Lang::en);
        password_ = made->backup_password;
        place_ = made->backup_location;
        app_ = App::open({.data = data(), .database = {}}, clock_).value();
    }
    std::filesystem::path data() const { return folder_.path() / "data"; }
    int run_due() {
        JobHooks hooks;
        hooks.trouble = [](const std::string& plan, const Error& error) {
            ADD_FAILURE() << plan << ": " << render(error, Lang::en);
        };
        return run_due_backups(*app_, hooks).value_or(-1);
    }
    std::string field(const std::string& register_name, const std::string& id, const std::string& name) {
        const auto row = app_->registers()->get(register_name, id);
        const auto found = row ? row->fields.find(name) : registers::Fields::const_iterator{};
        return row && found != row->fields.end() ? found->second : std::string();
    }
    // The others ask the machine and the network for more than a test has.
    void keep_only_the_section_on_backup() {
        const auto path = data() / "policy" / "policy.toml";
        std::string kept;
        for (const auto line : split(*read_file(path), '\n'))
            if (!trim(line).starts_with("\"sections/") || line.find("/backup.toml") != line.npos)
                kept += std::string(line) + "\n";
        ASSERT_TRUE(write_file(path, kept));
        std::vector<Error> faults;
        const auto applied = app_->apply_policy(path, "test", faults);
        ASSERT_TRUE(applied) << (faults.empty() ? render(applied.error(), Lang::en) : render(faults.front(), Lang::en));
    }
    Result<RestoreReport> restored_to(const std::filesystem::path& target, const std::string& password) {
        return restore({.data = target, .engine = "restic", .location = place_, .password = password}, clock_);
    }

    test::TemporaryFolder folder_;
    ManualClock clock_{SystemClock().now()};
    std::string password_, place_;
    std::unique_ptr<App> app_;
};

TEST_F(OwnBackup, IsTheFirstGreenControlOfANewInstallation) {
    EXPECT_EQ(run_due(), 3);  // a set, its restore in full, and a check of the repository
    EXPECT_EQ(run_due(), 0);
    EXPECT_EQ(field("backup-plans", "tilsyn-local", "sets_held"), "1");
    EXPECT_EQ(field("backup-plans", "tilsyn-local", "succeeded_at"), format_utc_seconds(clock_.now()));
    EXPECT_EQ(field("backup-repositories", "local", "read_at"), format_utc_seconds(clock_.now()));
    EXPECT_EQ(app_->registers()->list("restore-tests")->total, 1);
    keep_only_the_section_on_backup();
    auto& engine = app_->engine();
    ASSERT_TRUE(engine.join());
    ASSERT_TRUE(engine.run_due(Deadline::in(60s)));
    engine.stop(1s);
    int green = 0;
    for (const auto& status : status(*app_)->controls)
        if (status.control->kind == "backup" || status.control->kind == "restore_drill" ||
            status.control->kind == "backup_repository" || status.control->id == "backup-fresh" ||
            status.control->id == "restore-tested") {
            EXPECT_EQ(status.verdict.verdict, findings::Verdict::pass) << status.control->id;
            ++green;
        }
    EXPECT_EQ(green, 5);
    // The next day there is another set, and a sample of it.
    clock_.advance(24h);
    EXPECT_EQ(run_due(), 3);
    EXPECT_EQ(field("backup-plans", "tilsyn-local", "sets_held"), "2");
}

TEST_F(OwnBackup, ComesBackOnAnEmptyMachineAndItsWitnessKnowsIt) {
    auto witness = witness::Witness::open({folder_.path() / "w", "example.net/witness"}, clock_).value();
    ASSERT_TRUE(witness->add_log(app_->signer().value()->ring().verifier()));
    auto server = http::Server::start("127.0.0.1", 0, witness::routes(*witness), {}).value();
    ASSERT_TRUE(write_file(data() / "witnesses", "witness auditor " + log::to_string(witness->verifier()) +
                                                     " http://127.0.0.1:" + std::to_string(server->port()) +
                                                     "\nquorum auditor\n"));
    ASSERT_TRUE(app_->registers()->add("people", "eva", {{"name", "Eva"}, {"status", "active"}}, "test"));
    ASSERT_TRUE(app_->sign(**app_->readers().get()));
    ASSERT_EQ(run_due(), 3);
    const auto size = app_->committer().head().size;
    app_.reset();
    std::filesystem::remove_all(data());  // the machine is gone

    const auto target = folder_.path() / "new" / "data";
    const auto wrong = restored_to(target, "a guess");
    ASSERT_FALSE(wrong);
    EXPECT_EQ(wrong.error().code, Code::unauthorized);
    EXPECT_FALSE(std::filesystem::exists(target));

    const auto back = restored_to(target, password_);
    ASSERT_TRUE(back) << render(back.error(), Lang::en);
    EXPECT_GT(back->log_size, 10);
    EXPECT_LT(back->log_size, size);  // what was logged after the copy was taken is not in it
    app_ = App::open({.data = target, .database = {}}, clock_).value();
    EXPECT_EQ(field("people", "eva", "name"), "Eva");
    EXPECT_EQ(app_->plan()->policy.promises.size(), 126u);
    const auto reader = app_->readers().get();
    EXPECT_TRUE(log::verify_all(**reader));
    EXPECT_TRUE(app_->log_continues(**reader));
    // It signs on under the same name, and the witness, who knows the log from before, vouches for it.
    ASSERT_TRUE(app_->sign(**reader));
    Witnessing witnessing(app_->committer(), app_->readers(), app_->tree(),
                          {.policy = app_->witnesses(), .stopping = {}});
    const auto asked = witnessing.run_once(clock_.now());
    ASSERT_TRUE(asked);
    ASSERT_EQ(asked->size(), 1u);
    EXPECT_FALSE(asked->front().trouble) << render(*asked->front().trouble, Lang::en);
    EXPECT_TRUE(*app_->newest_witnessed(**reader));
    EXPECT_FALSE(std::filesystem::exists(target.string() + ".restoring"));
    // Where something is already, nothing is restored.
    EXPECT_EQ(restored_to(target, password_).error().code, Code::conflict);
}

TEST_F(OwnBackup, IsLeftToTheMachineThatHasTheData) {
    const auto server = field("data-sets", "tilsyn", "server");
    ASSERT_TRUE(app_->registers()->set("servers", server, {{"hostname", "another.example"}}, "test"));
    EXPECT_EQ(run_due(), 0);
}

TEST_F(OwnBackup, TheSpareKeyIsTriedWithTheKeyThatIsGiven) {
    ASSERT_EQ(run_due(), 3);
    EXPECT_EQ(try_key(*app_, "local", "not it", "eva").error().code, Code::unauthorized);
    EXPECT_EQ(field("backup-repositories", "local", "key_drill_on"), "");
    EXPECT_EQ(try_key(*app_, "local", password_, "eva").value_or(-1), 1);
    EXPECT_EQ(field("backup-repositories", "local", "key_drill_on"), format_utc(clock_.now()).substr(0, 10));
}

TEST_F(OwnBackup, IsFoundOutWhenItIsNotThereAnyMore) {
    ASSERT_EQ(run_due(), 3);
    std::filesystem::remove_all(place_);
    clock_.advance(24h);
    EXPECT_EQ(run_due(), 3);  // an attempt, a restore and a check that say why not
    const auto reader = app_->readers().get();
    const auto sets = backup::sets_of(**reader, "tilsyn-local");
    EXPECT_EQ(sets->front().state, backup::SetState::failed);
    EXPECT_THAT(backup::reasons(sets->front().details, Lang::en),
                testing::ElementsAre(HasSubstr("There is no repository local")));
    EXPECT_FALSE(std::filesystem::exists(place_)) << "an empty repository in the place of one that is gone hides that";
}

TEST(OwnBackupOnPostgresql, IsProvedAndComesBackInAnotherDatabase) {
    const test::PostgresServer server;
    const auto sql = [&](const std::string& database, const std::string& statement) {
        const auto connection = db::open({db::Engine::postgres, server.url(database)}, db::Access::read_write).value();
        const auto done = connection->execute(statement);
        ASSERT_TRUE(done) << render(done.error(), Lang::en);
    };
    for (const auto* name : {"tilsyn_live", "tilsyn_back"})
        sql("postgres", "CREATE DATABASE " + std::string(name) + " TEMPLATE template0");
    const test::TemporaryFolder folder;
    const auto data = folder.path() / "data", target = folder.path() / "back";
    const ManualClock clock{SystemClock().now()};
    // As people write it, with the password in the address.
    auto url = server.url("tilsyn_live");
    url += "&password=p%40ss";
    const auto made = init({.data = data, .database = url}, clock);
    ASSERT_TRUE(made) << render(made.error(), Lang::en);
    {
        const auto app = App::open({.data = data, .database = url}, clock).value();
        ASSERT_TRUE(app->registers()->add("people", "eva", {{"name", "Eva"}, {"status", "active"}}, "test"));
        ASSERT_TRUE(app->sign(**app->readers().get()));
        EXPECT_EQ(run_due_backups(*app, {}).value_or(-1), 3);
        const auto reader = app->readers().get();
        const auto sets = backup::sets_of(**reader, "tilsyn-local").value();
        ASSERT_EQ(sets.size(), 1u);
        EXPECT_EQ(sets[0].state, backup::SetState::made) << sets[0].details;
        EXPECT_THAT(sets[0].details, testing::AllOf(HasSubstr("log_entry"), testing::Not(HasSubstr("p@ss"))));
        const auto drills = backup::drills_of(**reader, "tilsyn-local").value();
        ASSERT_EQ(drills.size(), 1u);
        EXPECT_EQ(drills[0].outcome, "pass") << drills[0].details;
    }
    std::filesystem::remove_all(data);
    RestoreOptions options{
        .data = target, .engine = "restic", .location = made->backup_location, .password = made->backup_password};
    EXPECT_EQ(restore(options, clock).error().message.key, "app.restore-needs-database");
    options.database = server.url("tilsyn_live");
    EXPECT_EQ(restore(options, clock).error().message.key, "backup.database-not-empty");
    EXPECT_FALSE(std::filesystem::exists(target));
    options.database = server.url("tilsyn_back");
    const auto back = restore(options, clock);
    ASSERT_TRUE(back) << render(back.error(), Lang::en);
    EXPECT_GT(back->log_size, 10);
    const auto app = App::open({.data = target, .database = options.database}, clock).value();
    EXPECT_EQ(app->registers()->get("people", "eva")->fields.at("name"), "Eva");
    const auto reader = app->readers().get();
    EXPECT_TRUE(log::verify_all(**reader));
    EXPECT_TRUE(app->log_continues(**reader));
}

}  // namespace
}  // namespace tilsyn::app
