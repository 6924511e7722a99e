// Universally unique identifiers that are made from a name: the same name gives the same one (RFC 9562, version 5).
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tilsyn::crypto {

using Uuid = std::array<std::uint8_t, 16>;
Uuid uuid5(const Uuid& name_space, std::string_view name);
std::string uuid_text(const Uuid& uuid);  // 36 characters, small letters

inline constexpr Uuid uuid_namespace_url{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1,
                                         0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};

}  // namespace tilsyn::crypto
