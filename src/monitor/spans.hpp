// From results to spans: when a service was down, and when nobody can say. A span knows its bounds: it began after the
// last good answer and no later than the first bad one, and it ended likewise. docs/monitoring.md, "Method 1".
#pragma once
#include <optional>
#include <vector>

#include "monitor/samples.hpp"

namespace tilsyn::monitor {

// Milliseconds since 1970. from_lo <= from_hi <= to_lo <= to_hi. Where one bound meets what is unmeasured, both are the
// same moment: no time is counted twice.
struct Span {
    Seen state = Seen::down;  // down or unmeasured
    std::int64_t from_lo = 0, from_hi = 0;
    std::int64_t to_lo = 0, to_hi = 0;  // of an open span: the newest result
    bool open = false;
    bool operator==(const Span&) const = default;
};

// What is to be written down after a result: the same `from_lo` and state again is the same span, further on.
class SpanTracker {
  public:
    // `longest_gap`: between two results further apart than this, nothing is known.
    explicit SpanTracker(std::int64_t longest_gap) : longest_gap_(longest_gap) {}
    // Taken up again after a restart: the newest result, and the span that was open.
    SpanTracker(std::int64_t longest_gap, const Sample& last, std::optional<Span> open)
        : longest_gap_(longest_gap), last_(last), open_(open) {}

    // Spans that began or ended by this result. One that goes on is not told again.
    std::vector<Span> take(const Sample& sample);
    const std::optional<Span>& open() const { return open_; }

  private:
    void close(std::vector<Span>& out, std::int64_t lo, std::int64_t hi);
    void begin(std::vector<Span>& out, Seen state, std::int64_t lo, std::int64_t hi);

    std::int64_t longest_gap_;
    std::optional<Sample> last_;
    std::optional<Span> open_;
};

}  // namespace tilsyn::monitor
