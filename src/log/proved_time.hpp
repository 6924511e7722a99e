// When an entry was logged, as far as others can vouch for it: witnesses by their cosignatures, time-stamp authorities
// by their stamps, each of a checkpoint at a time.
//
// A point (size, time) says: the log had its first `size` entries by then. An entry was therefore logged
//   before the oldest point that holds it (size > index): a proof, whoever runs the log;
//   after the newest point that does not (size <= index): the entry came after all that the checkpoint holds, and
//   nobody outside had seen the log with it. This leans on checkpoints being shown when they are new, as they are here:
//   a log that has an old checkpoint stamped late makes its own entries look later than they are, never earlier.
// "Oldest" and "newest" are by time, whatever the size. Points that contradict each other (a small checkpoint seen
// after a large one) leave an interval that ends before it begins; no time lies in it.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace tilsyn::log {

struct WitnessedPoint {
    enum class Source : std::uint8_t { cosignature, stamp };
    std::int64_t size = 0;  // entries in the checkpoint
    Timestamp at{};
    Source source = Source::cosignature;
    std::string by;        // the witness, or the authority
    Duration accuracy{0};  // the true time is within `at` plus or minus this
};

// Clocks differ, and a checkpoint is on its way for a while: a claimed time may lie this far outside.
inline constexpr Duration proved_time_tolerance = std::chrono::minutes(5);

enum class TimeVerdict {
    inside,     // bounded on both sides, and within the bounds
    outside,    // contradicted on one side at least
    unbounded,  // not contradicted, but on one side, or on both, nobody vouches
};

struct ProvedTime {
    // The points that bound it; null: unbounded on that side. They belong to the ProvedTimes.
    const WitnessedPoint* after = nullptr;
    const WitnessedPoint* before = nullptr;
    TimeVerdict verdict = TimeVerdict::unbounded;
    // With the accuracy of each source, without the tolerance.
    std::optional<Timestamp> earliest() const;
    std::optional<Timestamp> latest() const;
};

// Made once for a log: O(points log points). Then O(log points) for each entry, without allocating; any thread.
class ProvedTimes {
  public:
    // In any order. The caller has verified them: the signature, and that the checkpoint is one of this log.
    explicit ProvedTimes(std::vector<WitnessedPoint> points);
    // `claimed` is the entry's own time.
    ProvedTime of(std::int64_t index, Timestamp claimed, Duration tolerance = proved_time_tolerance) const;

  private:
    std::vector<WitnessedPoint> points_;  // by size
    std::vector<std::uint32_t> newest_;   // [i]: which of the first i points is the newest
    std::vector<std::uint32_t> oldest_;   // [i]: which of the points from i on is the oldest
};

}  // namespace tilsyn::log
