// Asks every watched (control, subject) at its own pace, all on one thread, and writes down what it saw: results and
// spans several times a second, the control log's entries in the same transaction (what changed, and once an hour that
// it was looked at), an hour's results for good when it is over.
//
// One process of those that share a database does it: the one that holds the lease. Another takes it when that one has
// died (schedule's nodes say so). What a process has seen that lost the lease meanwhile is not written.
//
// Nothing here waits for anything slow: not the loop for the database, not a probe for another, and neither of them for
// the people who are told (notify).
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "monitor/store.hpp"
#include "schedule/state.hpp"

namespace tilsyn::monitor {

struct MonitorOptions {
    std::string node;                    // as in schedule's table of nodes
    std::size_t most_at_once = 8'192;    // probes under way; the rest waits its turn
    std::size_t most_pending = 500'000;  // results that the database has not taken; beyond it they are lost, aloud
    Retention retention;
};

struct MonitorStats {
    bool leading = false;
    std::int64_t targets = 0, asking = 0, waiting = 0;
    std::int64_t up = 0, down = 0, unmeasured = 0;  // results since the start
    std::int64_t pending = 0, lost = 0;             // results not yet durable; and given up
    std::int64_t late_ms = 0;                       // the worst delay of the thread itself in the last second
};

class Monitor {
  public:
    using Report = std::function<void(const Error&)>;  // what an operator should know. Any thread
    Monitor(log::Committer& committer, db::Pool& readers, checks::Environment environment, const Clock& clock,
            MonitorOptions options, Report report);
    ~Monitor();  // stop()

    // Reads what is to be watched under this plan, and takes the lease or keeps it. To be called every few seconds, by
    // one thread; it waits for the database.
    Result<void> refresh(std::shared_ptr<const schedule::Plan> plan);
    // Asks no more, and waits until what was seen is written, up to `limit`.
    void stop(std::chrono::milliseconds limit = std::chrono::seconds(5));
    MonitorStats stats() const;  // any thread

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tilsyn::monitor
