// One (control, subject) as the monitor keeps it in memory: what to ask, what was seen, when to ask next.
#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <optional>

#include "monitor/spans.hpp"
#include "monitor/store.hpp"
#include "monitor/watcher.hpp"
#include "schedule/state.hpp"

namespace tilsyn::monitor {

struct Target {
    TargetId id = 0;
    std::shared_ptr<const schedule::Plan> plan;  // which `control` is of
    const policy::Control* control = nullptr;
    const checks::Kind* kind = nullptr;
    checks::Subject subject;
    Result<net::Probe> probe;  // an error: cannot be asked, and why
    std::uint64_t phase = 0;

    Watcher watcher;
    SpanTracker tracker;
    std::map<std::int64_t, SampleWriter> hours;  // not closed yet: this one, and for a minute the last
    bool asking = false;
    std::uint64_t turn = 0;  // of its timer: an older timer that fires is ignored

    // For the control log.
    std::optional<checks::Judgement> said;  // of the newest result that agrees with the state
    Timestamp entry_due{};                  // an entry is due though nothing changed
    std::int64_t looks = 0, good = 0;       // since the last entry

    // The first moment after `after` that is `every` from its neighbours, at this target's own place between them: a
    // thousand targets are spread evenly, and none of them drifts.
    Timestamp next_turn(Timestamp after) const;
};

// Further apart than this, two results say nothing of the time between them: two turns, the time an answer may take,
// and a little.
std::int64_t longest_gap_ms(const policy::Control& control);

Target make_target(TargetId id, const std::shared_ptr<const schedule::Plan>& plan, const schedule::Watched& watched,
                   const Recovered& recovered);
// A newer plan or row for the same pair. What was seen of it stays.
void renew(Target& target, const std::shared_ptr<const schedule::Plan>& plan, const schedule::Watched& watched);

}  // namespace tilsyn::monitor
