// One result of one probe, and an hour of them as bytes.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::monitor {

enum class Seen : std::uint8_t {
    up = 0,          // answered as it should
    down = 1,        // did not, or not rightly
    unmeasured = 2,  // nothing can be said of it: our own network, clock or processor was at fault
};

struct Sample {
    std::int64_t at = 0;  // when the probe began: milliseconds since 1970, UTC
    Seen seen = Seen::unmeasured;
    std::uint32_t tens_of_micros = 0;  // how long it took, in units of 10 µs; of a failure, until it was known
    bool operator==(const Sample&) const = default;
};

// Samples in order of time. About 4 bytes each. Version byte 1; then for each sample two LEB128 numbers: the change of
// the distance in time to the one before (zig-zag; the first: its time), and duration * 4 + what was seen.
class SampleWriter {
  public:
    void add(const Sample& sample);
    const std::string& bytes() const { return bytes_; }
    std::size_t count() const { return count_; }

  private:
    std::string bytes_{char(1)};
    std::int64_t last_ = 0, distance_ = 0;
    std::size_t count_ = 0;
};

Result<std::vector<Sample>> read_samples(std::string_view bytes);

// Duration and what was seen, as one number.
inline std::uint64_t packed(const Sample& sample) {
    return std::uint64_t(sample.tens_of_micros) << 2 | std::uint64_t(sample.seen);
}
// False: no number that packed() makes.
inline bool unpack(std::uint64_t number, Sample& sample) {
    if (number >> 34 != 0 || (number & 3) > 2) return false;
    sample.seen = Seen(number & 3);
    sample.tens_of_micros = std::uint32_t(number >> 2);
    return true;
}

inline std::int64_t to_ms(Timestamp t) {
    return std::chrono::floor<std::chrono::milliseconds>(t).time_since_epoch().count();
}

}  // namespace tilsyn::monitor
