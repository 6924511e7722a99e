// How much of a time a service was up, with the bounds within which that is known. Pure. The method has a number;
// figures say by which they were made. docs/monitoring.md describes it with an example.
#pragma once
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "monitor/spans.hpp"

namespace tilsyn::monitor {

inline constexpr int uptime_method = 1;

using Interval = std::pair<std::int64_t, std::int64_t>;  // milliseconds since 1970: from, to (not included)

struct Uptime {
    std::int64_t period = 0;    // ms that were asked for
    std::int64_t measured = 0;  // of them measured
    std::int64_t down_lo = 0, down_hi = 0;
    std::int64_t outages = 0;  // spans that touch the period
    std::int64_t longest = 0;  // ms of the longest outage, at most
    // Shares of the measured time, 0 to 1. Without any: no figure at all.
    bool known() const { return measured > 0; }
    double share() const { return 1 - double(down_lo + down_hi) / 2 / double(measured); }
    double share_lo() const { return 1 - double(down_hi) / double(measured); }
    double share_hi() const { return 1 - double(down_lo) / double(measured); }
    double coverage() const { return period > 0 ? double(measured) / double(period) : 0; }
};

// `spans`: those that touch the period, in order. `left_out`: planned maintenance, which counts neither for nor
// against; may overlap, and need not be in order.
Uptime uptime(Interval period, std::span<const Span> spans, std::vector<Interval> left_out = {});

}  // namespace tilsyn::monitor
