// What the hot path costs, beside the limit measured in the same run: ./dev bench
//   tilsyn_bench raw|runs|paced|memory sqlite|postgres [subjects]
// Each line of output is one figure; `run` starts every part in a process of its own, so that memory means something.
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "base/text.hpp"
#include "findings/verdict.hpp"
#include "support/scheduling.hpp"

namespace tilsyn {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

double seconds_since(Steady::time_point begun) { return std::chrono::duration<double>(Steady::now() - begun).count(); }

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
        if (!connection.begin() || !connection.execute_each("INSERT INTO log_entry(idx, leaf, body) VALUES(?, ?, ?)", entries) || !connection.commit()) std::abort();
    }
    fmt::print("{:9} raw inserts of the log entries alone      {:>10.0f} /s   (limit, batches of {})\n", test::engine_name(engine), count / seconds_since(begun), batch);
}

void runs(db::Engine engine, int subjects) {
    test::FreshDatabase database(engine);
    SystemClock clock;
    test::Schedule schedule(database.location(), clock);
    schedule.add_rows("servers", subjects);
    auto begun = Steady::now();
    schedule.use({test::control("a", "null", "1 day", "servers")});
    fmt::print("{:9} plan of {} subjects                     {:>10.2f} s\n", test::engine_name(engine), subjects, seconds_since(begun));
    auto engine_object = schedule.engine();
    begun = Steady::now();
    if (!engine_object->run_due(Deadline::in(600s))) std::abort();
    const auto took = seconds_since(begun);
    fmt::print("{:9} runs: due -> claimed -> checked -> logged  {:>10.0f} /s   (aim on SQLite: 20,000)\n", test::engine_name(engine), subjects / took);
    begun = Steady::now();
    const auto reader = db::open(database.location(), db::Access::read_only).value();
    const auto verdicts = findings::verdicts(*reader, schedule.plan->policy, clock.now()).value();
    fmt::print("{:9} verdict over {} pairs                   {:>10.1f} ms\n", test::engine_name(engine), verdicts[0].population, seconds_since(begun) * 1000);
    begun = Steady::now();
    if (!log::verify_tail(*reader)) std::abort();
    fmt::print("{:9} check of the log's head at start           {:>10.1f} ms\n", test::engine_name(engine), seconds_since(begun) * 1000);
    engine_object->stop(5s);
    fmt::print("{:9} most memory held                           {:>10.1f} MiB  (aim: 150)\n", test::engine_name(engine), resident_mib());
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
    fmt::print("{:9} paced at {:.0f} runs/s: due to logged        p50 < {} ms, p99 < {} ms   (aim: p99 < 100)\n", test::engine_name(engine), double(total) / 20, 1L << median, 1L << p99);
}

int all(const char* self) {
    for (const char* engine : {"sqlite", "postgres"})
        for (const std::string part : {"raw 100000", "runs 100000", "paced 5000"}) {
            const auto words = split(part, ' ');
            const auto command = fmt::format("'{}' {} {} {}", self, words[0], engine, words[1]);
            if (std::system(command.c_str()) != 0) return 1;
        }
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
    return 0;
}
