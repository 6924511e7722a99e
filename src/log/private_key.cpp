#include "log/private_key.hpp"

#include <fmt/format.h>

#include <cstring>

#include "crypto/hash.hpp"

namespace tilsyn::log {
namespace {

constexpr std::string_view prefix = "PRIVATE+KEY+";

}  // namespace

Result<PrivateKey> parse_private_key(std::string_view line, KeyType type) {
    const auto refuse = [] { return fail(Code::invalid, "log.bad-key"); };
    if (!line.starts_with(prefix)) return refuse();
    const auto parts = line.substr(prefix.size());
    const auto first = parts.find('+');
    const auto second = first == parts.npos ? first : parts.find('+', first + 1);
    if (second == parts.npos) return refuse();
    auto bytes = crypto::parse_base64(parts.substr(second + 1));
    if (!bytes || bytes->size() != 33 || bytes->front() != std::uint8_t(type)) return refuse();
    crypto::SigningKey::Seed seed{};
    std::memcpy(seed.data(), bytes->data() + 1, seed.size());
    PrivateKey key{std::string(parts.substr(0, first)), type, crypto::SigningKey(seed)};
    if (!valid_key_name(key.name)) return refuse();
    if (fmt::format("{:08x}", key.verifier().id) != parts.substr(first + 1, second - first - 1)) return refuse();
    return key;
}

std::string to_string(const PrivateKey& key) {
    const auto seed = key.key.seed();
    std::string bytes(1, char(key.type));
    bytes += crypto::as_text(seed);
    return fmt::format("{}{}+{:08x}+{}", prefix, key.name, key.verifier().id, crypto::base64(crypto::as_bytes(bytes)));
}

}  // namespace tilsyn::log
