#include "monitor/uptime.hpp"

#include <algorithm>

namespace tilsyn::monitor {
namespace {

std::int64_t common(Interval a, Interval b) {
    return std::max<std::int64_t>(0, std::min(a.second, b.second) - std::max(a.first, b.first));
}

// In order, and no two of them touching.
std::vector<Interval> united(std::vector<Interval> all) {
    std::ranges::sort(all);
    std::vector<Interval> out;
    for (const auto& one : all) {
        if (one.second <= one.first) continue;
        if (!out.empty() && one.first <= out.back().second)
            out.back().second = std::max(out.back().second, one.second);
        else
            out.push_back(one);
    }
    return out;
}

}  // namespace

Uptime uptime(Interval period, std::span<const Span> spans, std::vector<Interval> left_out) {
    const auto windows = united(std::move(left_out));
    // How much of it lies in the period and in no window.
    const auto counted = [&](std::int64_t from, std::int64_t to) {
        const Interval part{std::max(from, period.first), std::min(to, period.second)};
        if (part.second <= part.first) return std::int64_t{0};
        auto length = part.second - part.first;
        for (const auto& window : windows) length -= common(part, window);
        return length;
    };
    Uptime out;
    out.period = counted(period.first, period.second);
    out.measured = out.period;
    for (const auto& span : spans) {
        if (span.state == Seen::unmeasured) {
            out.measured -= counted(span.from_lo, span.to_hi);
            continue;
        }
        const auto most = counted(span.from_lo, span.to_hi);
        if (most == 0 && span.to_hi > span.from_lo) continue;  // in a window, or outside of the period
        out.down_lo += counted(span.from_hi, span.to_lo);
        out.down_hi += most;
        ++out.outages;
        out.longest = std::max(out.longest, most);
    }
    return out;
}

}  // namespace tilsyn::monitor
