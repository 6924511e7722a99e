// Unsigned LEB128 numbers, and zig-zag for signed ones: the alphabet of what this slice stores.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tilsyn::monitor {

inline void put_varint(std::string& out, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += char(0x80 | (value & 0x7f));
    out += char(value);
}

// Takes it off the front. Nothing: cut short, or longer than 64 bits.
inline std::optional<std::uint64_t> take_varint(std::string_view& in) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !in.empty(); shift += 7) {
        const auto byte = static_cast<unsigned char>(in.front());
        in.remove_prefix(1);
        if (shift == 63 && byte > 1) return std::nullopt;
        value |= std::uint64_t(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
    }
    return std::nullopt;
}

inline std::uint64_t zigzag(std::int64_t value) {
    return (std::uint64_t(value) << 1) ^ std::uint64_t(value >> 63);
}
inline std::int64_t unzigzag(std::uint64_t value) {
    return std::int64_t(value >> 1) ^ -std::int64_t(value & 1);
}

}  // namespace tilsyn::monitor
