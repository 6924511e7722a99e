#include "monitor/sketch.hpp"

#include <bit>
#include <cmath>

#include "monitor/varint.hpp"

namespace tilsyn::monitor {
namespace {

constexpr char version = 1;
constexpr unsigned bits = 5;  // 32 buckets a doubling
constexpr std::uint32_t last_bucket = (64 - bits) * 32 + 31;

std::uint32_t bucket_of(std::uint64_t value) {
    if (value < 32) return std::uint32_t(value);
    const auto shift = unsigned(std::bit_width(value)) - bits - 1;
    return std::uint32_t((shift + 1) * 32 + ((value >> shift) - 32));
}

std::uint64_t middle_of(std::uint32_t bucket) {
    if (bucket < 32) return bucket;
    const auto shift = bucket / 32 - 1;
    const auto low = std::uint64_t(bucket % 32 + 32) << shift;
    return low + (shift == 0 ? 0 : std::uint64_t(1) << (shift - 1));
}

Fail damaged() {
    return fail(Code::corrupt, "monitor.sketch-damaged").hint("monitor.damaged-hint");
}

}  // namespace

void Sketch::add(std::uint64_t micros, std::uint64_t count) {
    if (count == 0) return;
    buckets_[bucket_of(micros)] += count;
    count_ += count;
}

void Sketch::merge(const Sketch& other) {
    for (const auto& [bucket, count] : other.buckets_) buckets_[bucket] += count;
    count_ += other.count_;
}

std::optional<std::uint64_t> Sketch::quantile(double q) const {
    if (count_ == 0) return std::nullopt;
    const auto rank = std::max<std::uint64_t>(1, std::uint64_t(std::ceil(q * double(count_))));
    std::uint64_t seen = 0;
    for (const auto& [bucket, count] : buckets_)
        if ((seen += count) >= rank) return middle_of(bucket);
    return middle_of(buckets_.rbegin()->first);
}

std::string Sketch::encode() const {
    std::string out(1, version);
    std::uint32_t next = 0;
    for (const auto& [bucket, count] : buckets_) {
        put_varint(out, bucket - next);
        put_varint(out, count);
        next = bucket + 1;
    }
    return out;
}

Result<Sketch> Sketch::decode(std::string_view bytes) {
    if (bytes.empty() || bytes.front() != version) return damaged();
    bytes.remove_prefix(1);
    Sketch sketch;
    for (std::uint64_t next = 0; !bytes.empty();) {
        const auto skipped = take_varint(bytes);
        const auto count = take_varint(bytes);
        if (!skipped || !count || *count == 0 || *skipped > last_bucket || next + *skipped > last_bucket)
            return damaged();
        if (*count > (std::uint64_t(1) << 62) || sketch.count_ > (std::uint64_t(1) << 62)) return damaged();
        const auto bucket = next + *skipped;
        sketch.buckets_[std::uint32_t(bucket)] = *count;
        sketch.count_ += *count;
        next = bucket + 1;
    }
    return sketch;
}

}  // namespace tilsyn::monitor
