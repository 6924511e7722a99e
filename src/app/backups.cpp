#include "app/backups.hpp"

#include <algorithm>

#include "app/logging.hpp"
#include "backup/retention.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view by = "tilsyn";
constexpr auto soonest_again = std::chrono::minutes(10);  // after a failure
constexpr auto check_every = std::chrono::hours(24);
constexpr auto latest_again = std::chrono::hours(24);
constexpr auto look_again_after = std::chrono::hours(1);

bool is_whole_and_there(const backup::Set& set) {
    return set.state == backup::SetState::made && !set.forgotten && !set.lost;
}

// What the registers say of a plan follows from the ledger.
Result<void> update_plan(App& app, const backup::Plan& plan) {
    registers::Fields fields;
    {
        TRY(const auto reader, app.readers().get());
        TRY(const auto sets, backup::sets_of(*reader, plan.id));
        fields["sets_held"] = std::to_string(std::ranges::count_if(sets, is_whole_and_there));
        const auto made = std::ranges::find_if(sets, is_whole_and_there);
        if (made != sets.end()) {
            fields["succeeded_at"] = format_utc_seconds(made->started);
            if (!made->manifest.empty()) {
                fields["compared_at"] = format_utc_seconds(made->started);
                fields["everything_included"] = plan.left_out.empty() ? "true" : "false";
            }
        }
    }
    TRY_VOID(app.registers()->set("backup-plans", plan.id, fields, by));
    return {};
}

Result<void> enter_test(App& app, const backup::Plan& plan, const backup::Drill& drill) {
    const bool full = drill.extent == backup::Extent::full;
    registers::Fields fields{{"data_set", drill.data_set},
                             {"repository", drill.repository},
                             {"tested_at", format_utc_seconds(drill.started)},
                             {"extent", full ? "full" : "sample"},
                             {"succeeded", drill.outcome == "pass" ? "true" : "false"},
                             {"minutes", std::to_string((drill.took_ms + 59'999) / 60'000)},
                             {"compared_with", "manifest of set " + drill.set}};
    TRY_VOID(app.registers()->add("restore-tests", drill.id, fields, by));
    if (drill.outcome == "pass")
        TRY_VOID(app.registers()->set("backup-repositories", plan.repository,
                                      {{"read_at", format_utc_seconds(drill.started)}}, by));
    return {};
}

Result<backup::Drill> try_out(App& app, const backup::JobRoom& room, const backup::House& house,
                              const backup::Plan& plan, const backup::DrillRequest& request) {
    TRY(auto drill, backup::drill(room, house, plan, request));
    // What could not be tried is no test of the backup, passed or failed: it stays due.
    if (drill.outcome != "unknown") TRY_VOID(enter_test(app, plan, drill));
    return drill;
}

Duration again_after(Duration every) {
    return std::clamp<Duration>(every / 8, soonest_again, latest_again);
}

// When a repository that is watched was last looked into: by the service, or by a command.
std::filesystem::path last_look(const backup::House& house, const backup::Plan& plan) {
    return house.data / "backup" / "work" / (plan.id + ".looked");
}
bool look_is_due(const backup::House& house, const backup::Plan& plan) {
    const auto text = read_file(last_look(house, plan), 100);
    if (!text) return true;
    const auto at = parse_utc(trim(*text));
    const auto now = house.clock->now();
    return !at || *at > now || now - *at >= std::clamp<Duration>(plan.every / 8, soonest_again, look_again_after);
}
Result<void> looked_now(const backup::House& house, const backup::Plan& plan) {
    return write_file(last_look(house, plan), format_utc_seconds(house.clock->now()) + "\n", 0600);
}

// Once a day, whichever plan of the repository comes first.
Result<bool> check_is_due(App& app, const backup::Plan& plan) {
    TRY(const auto reader, app.readers().get());
    TRY(const auto ever, backup::ever_held(*reader, plan.repository));
    TRY(const auto checks, backup::checks_of(*reader, plan.repository, 1));
    return checks.empty() || (ever && app.clock().now() - checks.front().at >= check_every);
}

}  // namespace

backup::House house_of(App& app, const JobHooks& hooks, const std::string& plan) {
    backup::House house{.data = std::filesystem::absolute(app.data()),
                        .database = app.location(),
                        .committer = &app.committer(),
                        .readers = &app.readers(),
                        .clock = &app.clock(),
                        .stopping = hooks.stopping};
    house.machine = app.environment().hostname + ":" + house.data.string();
    if (hooks.progress)
        house.progress = [&hooks, plan](const backup::JobProgress& progress) { hooks.progress(plan, progress); };
    return house;
}

bool set_is_due(const backup::Plan& plan, const std::vector<backup::Set>& sets, Timestamp now) {
    for (const auto& set : sets) {
        if (set.started > now) continue;  // the clock was wrong then
        // A set that is only partial was an attempt, too: most causes do not go away within minutes.
        const auto wait = set.state == backup::SetState::made ? plan.every : again_after(plan.every);
        return now - set.started >= wait;
    }
    return true;
}

bool drill_is_due(const backup::Plan& plan, const std::vector<backup::Set>& sets,
                  const std::vector<backup::Drill>& drills, backup::Extent extent, Timestamp now) {
    if (std::ranges::none_of(sets, is_whole_and_there)) return false;
    // A sample is chosen from a manifest; of what another machine made there is none.
    const auto newest = std::ranges::find_if(sets, is_whole_and_there);
    if (extent == backup::Extent::sample && newest->manifest.empty()) return false;
    const auto every = extent == backup::Extent::full ? plan.drill_every : plan.sample_every;
    for (const auto& drill : drills) {
        // A full restore is more than a sample.
        if (drill.extent != extent && !(extent == backup::Extent::sample && drill.extent == backup::Extent::full))
            continue;
        if (drill.started > now) continue;
        return now - drill.started >= (drill.outcome == "pass" ? every : again_after(every));
    }
    return true;
}

std::string set_to_try(const std::vector<backup::Set>& sets, const std::vector<backup::Drill>& drills) {
    std::vector<backup::Drill> full;
    std::ranges::copy_if(drills, std::back_inserter(full),
                         [](const backup::Drill& drill) { return drill.extent == backup::Extent::full; });
    const auto newest = std::ranges::find_if(sets, is_whole_and_there);
    if (newest == sets.end()) return {};
    const auto of_an_older_one = [&](const backup::Drill& drill) {
        const auto set = std::ranges::find(sets, drill.set, &backup::Set::id);
        return std::ranges::any_of(sets, [&](const backup::Set& other) {
            return set != sets.end() && other.state == backup::SetState::made && other.started > set->started &&
                   other.started < drill.started;
        });
    };
    // First the newest one is known to come back, twice.
    if (full.size() < 2 || full[0].outcome != "pass" || full[1].outcome != "pass" || of_an_older_one(full[0]) ||
        of_an_older_one(full[1]))
        return newest->id;
    const auto tried = [&](const backup::Set& set) {
        const auto last = std::ranges::find(full, set.id, &backup::Drill::set);
        return last == full.end() ? Timestamp::min() : last->started;
    };
    const backup::Set* longest_ago = nullptr;
    for (const auto& set : std::ranges::subrange(std::next(newest), sets.end()))
        if (is_whole_and_there(set) && !set.manifest.empty() &&
            (longest_ago == nullptr || tried(set) < tried(*longest_ago)))
            longest_ago = &set;
    return longest_ago != nullptr ? longest_ago->id : newest->id;
}

Result<backup::Drill> run_drill(App& app, const backup::Plan& plan, const backup::DrillRequest& request,
                                const JobHooks& hooks) {
    const auto house = house_of(app, hooks, plan.id);
    TRY(const auto room, backup::JobRoom::enter(house));
    return try_out(app, room, house, plan, request);
}

Result<PlanRun> run_plan(App& app, const backup::Plan& plan, const JobHooks& hooks, bool even_if_not) {
    using backup::Extent, backup::RunBy;
    PlanRun run;
    if (plan.run_by == RunBy::reported) return run;  // it is done elsewhere, and told to us
    const auto house = house_of(app, hooks, plan.id);
    const auto ledger = [&](auto&& use) -> Result<bool> {
        TRY(const auto reader, app.readers().get());
        TRY(const auto sets, backup::sets_of(*reader, plan.id));
        TRY(const auto drills, backup::drills_of(*reader, plan.id));
        return use(sets, drills);
    };
    const auto set_due = [&](const auto& sets, const auto&) {
        if (plan.run_by == RunBy::watched) return even_if_not || look_is_due(house, plan);
        return even_if_not || set_is_due(plan, sets, app.clock().now());
    };
    const auto drill_due = [&](Extent extent) {
        return [&, extent](const auto& sets, const auto& drills) {
            return drill_is_due(plan, sets, drills, extent, app.clock().now());
        };
    };
    TRY(const bool backing_up, ledger(set_due));
    TRY(const bool full_due, ledger(drill_due(Extent::full)));
    TRY(const bool sample_due, ledger(drill_due(Extent::sample)));
    TRY(const bool check_due, check_is_due(app, plan));
    if (!backing_up && !full_due && !sample_due && !check_due) return run;
    TRY(const auto room, backup::JobRoom::enter(house));
    if (backing_up && plan.run_by == RunBy::watched) {
        TRY_VOID(looked_now(house, plan));
        TRY(auto look, backup::watch_repository(room, house, plan));
        run.found = look.found;
        run.gone = look.gone;
        run.set = std::move(look.newest);
        TRY_VOID(update_plan(app, plan));
    } else if (backing_up) {
        TRY(run.set, backup::back_up(room, house, plan));
        // Held against the ledger while the repository is known to answer.
        if (run.set->state != backup::SetState::failed) TRY_VOID(backup::look_at_repository(house, plan));
        TRY_VOID(update_plan(app, plan));
    }
    for (const auto extent : {Extent::full, Extent::sample}) {
        TRY(const bool due, ledger(drill_due(extent)));
        if (!due || (hooks.stopping && hooks.stopping())) continue;
        TRY(const auto chosen, [&]() -> Result<std::string> {
            if (extent != Extent::full) return std::string();
            TRY(const auto reader, app.readers().get());
            TRY(const auto sets, backup::sets_of(*reader, plan.id));
            TRY(const auto drills, backup::drills_of(*reader, plan.id));
            return set_to_try(sets, drills);
        }());
        TRY(auto drill, try_out(app, room, house, plan, {.set = chosen, .extent = extent}));
        run.drills.push_back(std::move(drill));
    }
    if (check_due && !(hooks.stopping && hooks.stopping())) {
        TRY(run.check, backup::check_repository(room, house, plan));
    }
    if (run.set && plan.run_by == RunBy::tilsyn) {
        TRY(run.forgotten, backup::forget_old(room, house, plan));
        if (run.forgotten > 0) TRY_VOID(update_plan(app, plan));
    }
    return run;
}

Result<int> try_key(App& app, const std::string& repository, std::string password, std::string_view actor) {
    TRY(const auto row, app.registers()->get("backup-repositories", repository));
    const auto field = [&](const char* name) {
        const auto found = row.fields.find(name);
        return found == row.fields.end() ? std::string() : found->second;
    };
    TRY(auto access,
        backup::access_to(std::filesystem::absolute(app.data()), repository, field("engine"), field("location")));
    access.password = std::move(password);
    TRY(const auto engine, backup::open_engine(std::move(access)));
    TRY(const auto sets, engine->sets({Deadline::in(10min), {}, {}}));
    const auto today = format_date(std::chrono::floor<std::chrono::days>(app.clock().now()));
    TRY_VOID(app.registers()->set("backup-repositories", repository, {{"key_drill_on", today}}, actor));
    return int(sets.size());
}

Result<backup::Set> report_backup(App& app, const backup::Plan& plan, const backup::Report& report) {
    std::optional<backup::Set> set;
    {
        TRY(const auto reader, app.readers().get());
        TRY(set, backup::enter_report(app.committer(), *reader, plan, report, app.clock().now()));
    }
    TRY_VOID(update_plan(app, plan));
    return std::move(*set);
}

Result<int> run_due_backups(App& app, const JobHooks& hooks) {
    TRY(const auto plans, backup::read_plans(*app.registers()));
    const auto here = lower_ascii(app.environment().hostname);
    int jobs = 0;
    for (const auto& plan : plans) {
        if (hooks.stopping && hooks.stopping()) break;
        // Several nodes share the registers; the data lies on one of them.
        if (!plan.machine.empty() && lower_ascii(plan.machine) != here) continue;
        const auto run = run_plan(app, plan, hooks);
        if (run)
            jobs += int(run->set.has_value()) + int(run->drills.size()) + int(run->check.has_value());
        else if (run.error().code != Code::busy && hooks.trouble)
            hooks.trouble(plan.id, run.error());
    }
    return jobs;
}

void JobBoard::show(const std::string& plan, const backup::JobProgress& progress, const Clock& clock) {
    const std::scoped_lock lock(mutex_);
    if (!job_ || job_->plan != plan || job_->progress.step != progress.step) {
        job_ = RunningJob{.plan = plan, .progress = {}, .since = clock.now()};
        step_began_ = clock.steady();
    }
    job_->progress = progress;
}

void JobBoard::clear() {
    const std::scoped_lock lock(mutex_);
    job_.reset();
}

std::optional<RunningJob> JobBoard::now(const Clock& clock) const {
    const std::scoped_lock lock(mutex_);
    auto job = job_;
    if (job) job->in_step = std::chrono::duration<double>(clock.steady() - step_began_).count();
    return job;
}

BackupThread::BackupThread(App& app, Duration every, std::shared_ptr<JobBoard> board)
    : app_(&app), every_(every), board_(std::move(board)), thread_([this] { work(); }) {}

BackupThread::~BackupThread() {
    stop();
    thread_.join();
}

void BackupThread::stop() {
    stopping_ = true;
    const std::scoped_lock lock(mutex_);
    changed_.notify_all();
}

void BackupThread::work() {
    Troubles troubles;
    const JobHooks hooks{
        .stopping = [this] { return stopping_.load(); },
        .progress = [this](const std::string& plan,
                           const backup::JobProgress& progress) { board_->show(plan, progress, app_->clock()); },
        .trouble = [&](const std::string& plan, const Error& error) { troubles.tell("backup", &error, plan); }};
    while (!stopping_) {
        const auto done = run_due_backups(*app_, hooks);
        board_->clear();
        troubles.tell("backup", done ? nullptr : &done.error());
        if (done && *done > 0) log_event(Level::info, "backup", {{"jobs", std::to_string(*done)}});
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, every_, [&] { return stopping_.load(); });
    }
}

}  // namespace tilsyn::app
