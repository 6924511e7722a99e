// Hashing and the text forms of bytes. SHA-256 through OpenSSL's EVP with the algorithm fetched once.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tilsyn::crypto {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::string_view data);
Sha256 sha256(std::initializer_list<std::string_view> parts);  // of the parts one after another

inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string hex(std::span<const std::uint8_t> bytes);  // lower case
std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text);
std::string base64(std::span<const std::uint8_t> bytes);  // RFC 4648 section 4, padded
std::optional<std::vector<std::uint8_t>> parse_base64(
    std::string_view text);                                  // strict: padded, canonical, no white space
std::string base64url(std::span<const std::uint8_t> bytes);  // section 5, no padding

// Takes the same time whatever the contents.
bool equal_in_constant_time(std::string_view a, std::string_view b);

}  // namespace tilsyn::crypto
