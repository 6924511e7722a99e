#include "log/proved_time.hpp"

#include <algorithm>
#include <tuple>

namespace tilsyn::log {
namespace {

Timestamp earliest_of(const WitnessedPoint& point) {
    return point.at - point.accuracy;
}
Timestamp latest_of(const WitnessedPoint& point) {
    return point.at + point.accuracy;
}

}  // namespace

std::optional<Timestamp> ProvedTime::earliest() const {
    return after == nullptr ? std::nullopt : std::optional(earliest_of(*after));
}
std::optional<Timestamp> ProvedTime::latest() const {
    return before == nullptr ? std::nullopt : std::optional(latest_of(*before));
}

ProvedTimes::ProvedTimes(std::vector<WitnessedPoint> points) : points_(std::move(points)) {
    std::ranges::sort(points_, {},
                      [](const WitnessedPoint& point) { return std::tie(point.size, point.at, point.by); });
    const auto count = points_.size();
    newest_.resize(count + 1);
    oldest_.resize(count + 1);
    for (std::size_t i = 1; i <= count; ++i) {
        const bool newer = i == 1 || earliest_of(points_[i - 1]) > earliest_of(points_[newest_[i - 1]]);
        newest_[i] = newer ? std::uint32_t(i - 1) : newest_[i - 1];
    }
    for (std::size_t i = count; i-- > 0;) {
        const bool older = i + 1 == count || latest_of(points_[i]) <= latest_of(points_[oldest_[i + 1]]);
        oldest_[i] = older ? std::uint32_t(i) : oldest_[i + 1];
    }
}

ProvedTime ProvedTimes::of(std::int64_t index, Timestamp claimed, Duration tolerance) const {
    // The first point that holds the entry; all before it do not.
    const auto first =
        std::size_t(std::ranges::upper_bound(points_, index, {}, &WitnessedPoint::size) - points_.begin());
    ProvedTime out;
    if (first > 0) out.after = &points_[newest_[first]];
    if (first < points_.size()) out.before = &points_[oldest_[first]];
    const bool too_early = out.after != nullptr && claimed + tolerance < earliest_of(*out.after);
    const bool too_late = out.before != nullptr && claimed - tolerance > latest_of(*out.before);
    if (too_early || too_late)
        out.verdict = TimeVerdict::outside;
    else if (out.after != nullptr && out.before != nullptr)
        out.verdict = TimeVerdict::inside;
    return out;
}

}  // namespace tilsyn::log
