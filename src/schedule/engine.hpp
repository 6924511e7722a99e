// Runs what is due: claims planned runs, has workers carry the checks out with deadlines and bounds, and records the
// outcomes. One engine a process; several processes share a database without doing a run twice.
#pragma once
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "schedule/state.hpp"

namespace tilsyn::schedule {

struct EngineOptions {
    std::string version;
    int threads = 16;
    int per_subject = 2;  // checks of one subject at the same time (the company has no bound)
    std::chrono::seconds heartbeat{5};
    std::chrono::seconds dead_after{15};    // a node whose heartbeat stands still this long is dead
    std::chrono::seconds cut_off_after{5};  // beyond its timeout, a check that has not come back is given up
    int cut_off_limit = 8;                  // checks that never come back, before the engine asks to be restarted
};

// Lag: from planned to durably logged. Bucket i counts lags below 2^i milliseconds.
struct EngineStats {
    std::int64_t runs = 0, attempts = 0, missed = 0, cut_off = 0, interrupted = 0, record_failures = 0, clock_steps = 0;
    std::int64_t in_flight = 0;
    std::array<std::int64_t, 24> lag{};
    std::int64_t lag_ms = 0;  // of all runs together
};

class Engine {
  public:
    // Told of what an operator should know (a cut-off check, a database that is away). Any thread.
    using Report = std::function<void(const Error&)>;

    Engine(log::Committer& committer, db::Pool& readers, checks::Environment environment, const Clock& clock,
           EngineOptions options, Report report);
    ~Engine();

    // The policy in force from now on. Runs under way finish under the one they began with.
    void set_plan(std::shared_ptr<const Plan> plan);
    std::shared_ptr<const Plan> plan() const;

    // Joins the nodes (log: node.start), takes over from dead ones.
    Result<void> join();
    // Runs everything that is due and returns; `progress` gets (done, known) now and then and may be empty.
    Result<void> run_due(Deadline deadline, const std::function<void(std::int64_t, std::int64_t)>& progress = {});
    // Keeps running in a thread of its own until stop().
    void start();
    // No new claims; waits for running checks up to `drain`, hands back the rest, leaves the nodes (log: node.stop).
    void stop(std::chrono::milliseconds drain);
    void wake();  // something may be due earlier than the engine thinks

    EngineStats stats() const;
    const std::string& node() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tilsyn::schedule
