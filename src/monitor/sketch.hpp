// How long answers took: counts by log-linear buckets, as in HDR histograms (Tene) and Prometheus' native ones.
// Integers only, so that the same answers make the same bytes on every machine and an auditor can make them again;
// merging two is adding their counts, so an hour's, a day's and a month's figures are exactly those of all their
// answers.
//
// Values are microseconds. Below 32 each has a bucket of its own; above, every doubling is cut into 32 buckets of equal
// width, so that a quantile is at most 1/64 (1.6 %) away from the value it stands for.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tilsyn::monitor {

class Sketch {
  public:
    void add(std::uint64_t micros, std::uint64_t count = 1);
    void merge(const Sketch& other);
    std::uint64_t count() const { return count_; }
    // The value below which the share q of all lies (nearest rank; the middle of its bucket). Nothing: no values.
    std::optional<std::uint64_t> quantile(double q) const;

    // Version byte 1, then pairs of LEB128 numbers: buckets skipped since the last one, and its count.
    std::string encode() const;
    static Result<Sketch> decode(std::string_view bytes);

    bool operator==(const Sketch&) const = default;

  private:
    std::map<std::uint32_t, std::uint64_t> buckets_;
    std::uint64_t count_ = 0;
};

}  // namespace tilsyn::monitor
