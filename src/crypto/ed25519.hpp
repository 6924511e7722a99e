// Ed25519 signatures (RFC 8032) through libsodium: deterministic, so that one key signs one text in one way only.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace tilsyn::crypto {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

// A private key. Wiped from memory when it goes.
class SigningKey {
  public:
    using Seed = std::array<std::uint8_t, 32>;

    static SigningKey generate();
    explicit SigningKey(const Seed& seed);
    ~SigningKey();
    SigningKey(const SigningKey&) = default;
    SigningKey& operator=(const SigningKey&) = default;

    const PublicKey& public_key() const { return public_; }
    Seed seed() const;
    Signature sign(std::string_view message) const;

  private:
    SigningKey() = default;
    PublicKey public_{};
    std::array<std::uint8_t, 64> secret_{};
};

bool verify(const PublicKey& key, std::string_view message, std::span<const std::uint8_t, 64> signature);

}  // namespace tilsyn::crypto
