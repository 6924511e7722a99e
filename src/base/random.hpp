// Randomness from the operating system (libsodium), and the identifiers made of it.
#pragma once
#include <cstdint>
#include <span>
#include <string>

namespace tilsyn {

void random_bytes(std::span<std::uint8_t> out);
std::string random_id();  // 128 bits, 26 characters of Crockford's base32, lower case: fit for names in files and URLs

}  // namespace tilsyn
