// What the hot path costs, beside the limit measured in the same run: ./dev bench
//   tilsyn_bench raw|runs|paced|program|appends|proofs|backup-mixed|backup-many|alert sqlite|postgres [subjects]
// Each line of output is one figure; `run` starts every part in a process of its own, so that memory means something.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "app/init.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "bench_alert.hpp"
#include "bench_backup.hpp"
#include "bench_log.hpp"
#include "bench_watch.hpp"
#include "findings/verdict.hpp"
#include "support/scheduling.hpp"
#include "support/small_policy.hpp"

namespace tilsyn {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

double seconds_since(Steady::time_point begun) {
    return std::chrono::duration<double>(Steady::now() - begun).count();
}

double resident_mib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
    return 0;
}

// The limit: the same rows as a run writes (entry, private part, history, state), by one thread, in the same batches,
// without anything around them.
void raw(db::Engine engine, int count) {
    test::FreshDatabase database(engine);
    SystemClock clock;
    test::Schedule schedule(database.location(), clock);
    auto& connection = *schedule.connection;
    const std::string body(330, 'x');
    const db::Blob leaf(32, 7);
    constexpr int batch = 1'000;
    auto begun = Steady::now();
    for (int start = 0; start < count; start += batch) {
        std::vector<std::vector<db::Value>> entries;
        for (std::int64_t i = start; i < start + batch; ++i) entries.push_back({i, leaf, body});
        if (!connection.begin() ||
            !connection.execute_each("INSERT INTO log_entry(idx, leaf, body) VALUES(?, ?, ?)", entries) ||
            !connection.commit())
            std::abort();
    }
    fmt::print("{:9} raw inserts of the log entries alone      {:>10.0f} /s   (limit, batches of {})\n",
               test::engine_name(engine), count / seconds_since(begun), batch);
}

void runs(db::Engine engine, int subjects) {
    test::FreshDatabase database(engine);
    SystemClock clock;
    test::Schedule schedule(database.location(), clock);
    schedule.add_rows("servers", subjects);
    auto begun = Steady::now();
    schedule.use({test::control("a", "null", "1 day", "servers")});
    fmt::print("{:9} plan of {} subjects                     {:>10.2f} s\n", test::engine_name(engine), subjects,
               seconds_since(begun));
    auto engine_object = schedule.engine();
    begun = Steady::now();
    if (!engine_object->run_due(Deadline::in(600s))) std::abort();
    const auto took = seconds_since(begun);
    fmt::print("{:9} runs: due -> claimed -> checked -> logged  {:>10.0f} /s   (aim on SQLite: 20,000)\n",
               test::engine_name(engine), subjects / took);
    begun = Steady::now();
    const auto reader = db::open(database.location(), db::Access::read_only).value();
    const auto verdicts = findings::verdicts(*reader, schedule.plan->policy, clock.now()).value();
    fmt::print("{:9} verdict over {} pairs                   {:>10.1f} ms\n", test::engine_name(engine),
               verdicts[0].population, seconds_since(begun) * 1000);
    begun = Steady::now();
    if (!log::verify_tail(*reader)) std::abort();
    fmt::print("{:9} check of the log's head at start           {:>10.1f} ms\n", test::engine_name(engine),
               seconds_since(begun) * 1000);
    engine_object->stop(5s);
    fmt::print("{:9} most memory held                           {:>10.1f} MiB  (aim: 150)\n", test::engine_name(engine),
               resident_mib());
}

// 1,000 runs a second, evenly, for half a minute: how long from due to durably logged?
void paced(db::Engine engine, int subjects) {
    test::FreshDatabase database(engine);
    SystemClock clock;
    test::Schedule schedule(database.location(), clock);
    schedule.add_rows("servers", subjects);
    auto control = test::control("a", "null", fmt::format("{}s", subjects / 1000), "servers");
    schedule.use({control});
    auto engine_object = schedule.engine();
    if (!engine_object->run_due(Deadline::in(60s))) std::abort();
    const auto before = engine_object->stats();
    engine_object->start();
    std::this_thread::sleep_for(20s);  // a benchmark may wait; a test may not
    const auto after = engine_object->stats();
    engine_object->stop(5s);
    std::int64_t total = 0;
    for (std::size_t i = 0; i < after.lag.size(); ++i) total += after.lag[i] - before.lag[i];
    std::int64_t seen = 0;
    std::size_t median = 0, p99 = 0;
    for (std::size_t i = 0; i < after.lag.size(); ++i) {
        seen += after.lag[i] - before.lag[i];
        if (seen * 2 < total) median = i + 1;
        if (seen * 100 < total * 99) p99 = i + 1;
    }
    fmt::print("{:9} paced at {:.0f} runs/s: due to logged        p50 < {} ms, p99 < {} ms   (aim: p99 < 100)\n",
               test::engine_name(engine), double(total) / 20, 1L << median, 1L << p99);
}

// The program itself on a data folder with many pairs: how long a person waits.
void program(int subjects) {
    test::TemporaryFolder folder;
    const auto data = folder.path() / "data";
    SystemClock clock;
    if (!app::init({data, ""}, clock)) std::abort();
    std::filesystem::remove_all(data / "policy");
    std::filesystem::create_directories(data / "policy");
    const auto policy = test::small_policy(R"([control.each]
title = { da = "Hver", en = "Each" }
promises = ["P1"]
subjects = "servers"
every = "1 day"
owner = "it"
[control.each.check]
kind = "query"
sql = "select id as subject from servers where name = 'bad'"
)");
    if (!write_file(data / "policy" / "policy.toml", policy)) std::abort();
    {
        auto app = app::App::open({data, ""}, clock).value();
        std::vector<Error> faults;
        if (!app->apply_policy(data / "policy" / "policy.toml", "bench", faults)) std::abort();
        std::string csv = "id,name,status\n";
        for (int i = 0; i < subjects; ++i) csv += fmt::format("s{},server {},in_use\n", i, i);
        const auto begun = Steady::now();
        const auto report = app->registers()->import("servers", csv, registers::Format::csv, "bench", false);
        if (!report || !report->applied) std::abort();
        fmt::print("sqlite    CSV import of {} rows                     {:>10.2f} s\n", subjects, seconds_since(begun));
        auto& engine = app->engine();
        if (!engine.join() || !engine.run_due(Deadline::in(600s))) std::abort();
        engine.stop(5s);
    }
    for (const auto& [name, arguments] :
         {std::pair{"tilsyn status", "status"}, {"tilsyn log head (start-up alone)", "log head"}}) {
        double best = 1e9;
        for (int i = 0; i < 5; ++i) {
            const auto begun = Steady::now();
            if (std::system(
                    fmt::format("'{}' {} --data '{}' > /dev/null", TILSYN_PROGRAM, arguments, data.string()).c_str()) <
                0)
                std::abort();
            best = std::min(best, seconds_since(begun));
        }
        fmt::print("sqlite    {:36} {:>14.0f} ms   (aim: status 200, start-up 500; {} pairs)\n", name, best * 1000,
                   subjects);
    }
}

int all(const char* self) {
    for (const char* engine : {"sqlite", "postgres"})
        for (const std::string part : {"raw 100000", "runs 100000", "paced 5000", "appends 0"}) {
            const auto words = split(part, ' ');
            const auto command = fmt::format("'{}' {} {} {}", self, words[0], engine, words[1]);
            if (std::system(command.c_str()) != 0) return 1;
        }
    for (const char* part : {"program sqlite 100000", "proofs sqlite 1000000", "backup-mixed sqlite 2048",
                             "backup-many sqlite 1000000", "alert sqlite 10", "watch sqlite 1000", "watch sqlite 5000"})
        if (std::system(fmt::format("'{}' {}", self, part).c_str()) != 0) return 1;
    return 0;
}

}  // namespace
}  // namespace tilsyn

int main(int argc, char** argv) {
    using namespace tilsyn;
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    if (argc < 4) return all(argv[0]);
    const std::string part = argv[1];
    const auto engine = std::string(argv[2]) == "postgres" ? db::Engine::postgres : db::Engine::sqlite;
    const int count = std::atoi(argv[3]);
    if (part == "raw") raw(engine, count);
    if (part == "runs") runs(engine, count);
    if (part == "paced") paced(engine, count);
    if (part == "program") program(count);
    if (part == "appends") bench::appends(engine);
    if (part == "proofs") bench::proofs(count);
    if (part == "backup-mixed") bench::backup_mixed(count);
    if (part == "backup-many") bench::backup_many(count);
    if (part == "alert") bench::alert(count);
    if (part == "watch") bench::watch(argv[0], count);
    if (argc >= 6 && part == "watch-bare")
        bench::watch_with_bare_loop(std::atoi(argv[2]), count, std::atoi(argv[4]), std::atoi(argv[5]));
    if (argc >= 6 && part == "watch-monitor")
        bench::watch_with_monitor(std::atoi(argv[2]), count, std::atoi(argv[4]), std::atoi(argv[5]));
    return 0;
}
