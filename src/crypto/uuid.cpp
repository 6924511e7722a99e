#include "crypto/uuid.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <cstdlib>

#include "crypto/hash.hpp"

namespace tilsyn::crypto {

// SHA-1 is what version 5 is made of; nothing is protected by it.
Uuid uuid5(const Uuid& name_space, std::string_view name) {
    std::string input(as_text(name_space));
    input += name;
    std::array<std::uint8_t, 20> digest{};
    if (EVP_Digest(input.data(), input.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) std::abort();
    Uuid out;
    std::copy_n(digest.begin(), out.size(), out.begin());
    out[6] = std::uint8_t((out[6] & 0x0f) | 0x50);
    out[8] = std::uint8_t((out[8] & 0x3f) | 0x80);
    return out;
}

std::string uuid_text(const Uuid& uuid) {
    auto text = hex(uuid);
    for (const std::size_t at : {20, 16, 12, 8}) text.insert(at, "-");
    return text;
}

}  // namespace tilsyn::crypto
