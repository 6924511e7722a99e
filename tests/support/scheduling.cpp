#include "support/scheduling.hpp"

#include <condition_variable>
#include <map>
#include <mutex>

namespace tilsyn::test {

std::atomic<int> looks = 0;

namespace {

std::mutex mutex;
std::condition_variable released;
bool hanging_released = false;
std::map<std::string, int> seen;

std::vector<checks::Facts> facts(const checks::CollectRequest& request) {
    ++looks;
    std::vector<checks::Facts> result(request.subjects.size());
    for (std::size_t i = 0; i < result.size(); ++i) {
        const auto& subject = request.subjects[i];
        result[i].seen["subject"] = subject.id;
        result[i].seen["row"] = subject.id == schedule::company || subject.fields.contains("id");
    }
    return result;
}
checks::Judgement judged(checks::Outcome outcome) {
    checks::Judgement judgement;
    judgement.outcome = outcome;
    return judgement;
}
checks::Judgement pass(const policy::Control&, const checks::Facts& f, Timestamp) {
    return judged(f.seen.value("row", true) ? checks::Outcome::pass : checks::Outcome::fail);
}
checks::Judgement never(const policy::Control&, const checks::Facts&, Timestamp) {
    return judged(checks::Outcome::fail);
}

policy::KindSpec spec(const char* name, policy::Mode mode = policy::Mode::machine) {
    policy::KindSpec made;
    made.name = name;
    made.mode = mode;
    return made;
}

}  // namespace

void hold_hanging() {
    std::scoped_lock lock(mutex);
    hanging_released = false;
}
void release_hanging() {
    std::scoped_lock lock(mutex);
    hanging_released = true;
    released.notify_all();
}

std::span<const checks::Kind> made_up_kinds() {
    static const policy::KindSpec null_spec = spec("null"), flaky_spec = spec("flaky"), broken_spec = spec("broken"),
                                  hang_spec = spec("hang"), ask_spec = spec("ask", policy::Mode::person),
                                  many_spec = spec("many", policy::Mode::batch);
    static const checks::Kind kinds[] = {
        {&null_spec, [](const checks::CollectRequest& r) -> Result<std::vector<checks::Facts>> { return facts(r); },
         pass},
        {&flaky_spec,
         [](const checks::CollectRequest& r) -> Result<std::vector<checks::Facts>> {
             auto result = facts(r);
             std::scoped_lock lock(mutex);
             result[0].seen["good"] = ++seen[r.control->id + r.subjects[0].id] % 2 == 0;
             return result;
         },
         [](const policy::Control&, const checks::Facts& f, Timestamp) {
             return judged(f.seen["good"] == true ? checks::Outcome::pass : checks::Outcome::fail);
         }},
        {&broken_spec, [](const checks::CollectRequest& r) -> Result<std::vector<checks::Facts>> { return facts(r); },
         never},
        {&hang_spec,
         [](const checks::CollectRequest& r) -> Result<std::vector<checks::Facts>> {
             auto result = facts(r);
             std::unique_lock lock(mutex);
             released.wait(lock, [] { return hanging_released; });
             return result;
         },
         pass},
        {&many_spec, [](const checks::CollectRequest& r) -> Result<std::vector<checks::Facts>> { return facts(r); },
         [](const policy::Control&, const checks::Facts& f, Timestamp) {
             return judged(f.seen["subject"].get<std::string>().ends_with('7') ? checks::Outcome::fail
                                                                               : checks::Outcome::pass);
         }},
        {&ask_spec, nullptr, pass},
    };
    return kinds;
}

policy::Control control(const std::string& id, const std::string& kind, const std::string& every,
                        const std::string& register_name) {
    policy::Control made;
    made.id = id;
    made.title = {id, id};
    made.kind = kind;
    made.cadence = policy::parse_cadence(every).value();
    made.subjects.register_name = register_name;
    made.owner = "it";
    made.grace = std::chrono::hours(1);
    return made;
}

Schedule::Schedule(const db::Location& where, const Clock& time, std::span<const db::Migration> more)
    : location(where), clock(&time) {
    connection = db::open(location, db::Access::read_write).value();
    std::vector<db::Migration> all;
    for (const auto list :
         {log::migrations(), registers::migrations(), findings::migrations(), schedule::migrations(), more})
        all.insert(all.end(), list.begin(), list.end());
    const auto migrated = db::migrate(*connection, all, clock->now());
    if (!migrated) throw std::runtime_error(migrated.error().detail);
    readers = std::make_unique<db::Pool>(location, db::Access::read_only, 24);
    committer = log::Committer::start({location}, *clock).value();
}

void Schedule::add_rows(const std::string& register_name, int count, const std::string& prefix) {
    std::vector<std::vector<db::Value>> rows;
    const auto now = to_micros(clock->now());
    for (int i = 0; i < count; ++i) {
        const auto number_text = std::to_string(i);
        rows.push_back({register_name,
                        prefix + std::string(6 - std::min<std::size_t>(6, number_text.size()), '0') + number_text,
                        std::string("{}"), std::int64_t{1}, now, now, std::string("test")});
    }
    auto transaction = db::Transaction::begin(*connection).value();
    const auto added = connection->execute_each(
        "INSERT INTO register_row(register, id, body, version, created_at, updated_at, updated_by) VALUES(?, ?, ?, ?, "
        "?, ?, ?)",
        rows);
    if (!added) throw std::runtime_error(added.error().detail);
    if (!transaction.commit()) throw std::runtime_error("commit");
}

std::shared_ptr<const schedule::Plan> Schedule::use(std::vector<policy::Control> controls) {
    policy::Policy made;
    made.hash = "test";
    made.controls = std::move(controls);
    auto calendar = policy::Calendar(Zone::find("Europe/Copenhagen").value(), "DK");
    plan = std::make_shared<schedule::Plan>(
        schedule::Plan{std::move(made), registers::builtin(), std::move(calendar), "seed", made_up_kinds()});
    const auto synced = committer->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(schedule::sync(context, *plan));
        return {};
    });
    if (!synced) throw std::runtime_error(synced.error().detail);
    return plan;
}

std::unique_ptr<schedule::Engine> Schedule::engine(const schedule::EngineOptions& options,
                                                   schedule::Engine::Report report) {
    checks::Environment environment;
    auto made =
        std::make_unique<schedule::Engine>(*committer, *readers, environment, *clock, options, std::move(report));
    made->set_plan(plan);
    if (const auto joined = made->join(); !joined) throw std::runtime_error(joined.error().detail);
    return made;
}

std::int64_t Schedule::number(const std::string& sql) {
    return connection->one(sql).value()->integer(0);
}
std::string Schedule::text(const std::string& sql) {
    return connection->one(sql).value()->text(0);
}

}  // namespace tilsyn::test
