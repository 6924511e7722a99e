#include "monitor/samples.hpp"

#include "monitor/varint.hpp"

namespace tilsyn::monitor {

// Sums wrap as unsigned numbers: what a damaged file holds must not be undefined.
void SampleWriter::add(const Sample& sample) {
    const auto distance = std::int64_t(std::uint64_t(sample.at) - std::uint64_t(last_));
    put_varint(bytes_, zigzag(std::int64_t(std::uint64_t(distance) - std::uint64_t(distance_))));
    put_varint(bytes_, packed(sample));
    // From the first on, what is compared is the distance between two: 1970 is no neighbour.
    distance_ = count_ == 0 ? 0 : distance;
    last_ = sample.at;
    ++count_;
}

Result<std::vector<Sample>> read_samples(std::string_view bytes) {
    const auto damaged = [] { return fail(Code::corrupt, "monitor.samples-damaged").hint("monitor.damaged-hint"); };
    if (bytes.empty() || bytes.front() != 1) return damaged();
    bytes.remove_prefix(1);
    std::vector<Sample> out;
    std::uint64_t last = 0, distance = 0;
    while (!bytes.empty()) {
        const auto change = take_varint(bytes);
        const auto rest = take_varint(bytes);
        Sample sample;
        if (!change || !rest || !unpack(*rest, sample)) return damaged();
        const auto step = distance + std::uint64_t(unzigzag(*change));
        last += step;
        distance = out.empty() ? 0 : step;
        sample.at = std::int64_t(last);
        out.push_back(sample);
    }
    return out;
}

}  // namespace tilsyn::monitor
