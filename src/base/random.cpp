#include "base/random.hpp"

#include <sodium.h>

#include <array>
#include <cstdlib>

namespace tilsyn {

void random_bytes(std::span<std::uint8_t> out) {
    static const bool ready = sodium_init() >= 0;
    if (!ready) std::abort();  // no randomness from the kernel: nothing that follows would be safe
    randombytes_buf(out.data(), out.size());
}

std::string random_id() {
    constexpr char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
    std::array<std::uint8_t, 17> bytes{};
    random_bytes(std::span(bytes).first(16));
    std::string out;
    for (std::size_t bit = 0; bit < 130; bit += 5) {
        const unsigned pair = unsigned(bytes[bit / 8]) << 8 | bytes[std::min<std::size_t>(bit / 8 + 1, 16)];
        out += alphabet[(pair >> (11 - bit % 8)) & 31];
    }
    return out;
}

}  // namespace tilsyn
