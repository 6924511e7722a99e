#include "crypto/ed25519.hpp"

#include <sodium.h>

#include <cstdlib>

#include "crypto/hash.hpp"

namespace tilsyn::crypto {
namespace {

void ready() {
    static const bool initialised = sodium_init() >= 0;
    if (!initialised) std::abort();  // no randomness: nothing that is signed could be trusted
}

}  // namespace

SigningKey SigningKey::generate() {
    ready();
    SigningKey key;
    crypto_sign_keypair(key.public_.data(), key.secret_.data());
    return key;
}

SigningKey::SigningKey(const Seed& seed) {
    ready();
    crypto_sign_seed_keypair(public_.data(), secret_.data(), seed.data());
}

SigningKey::~SigningKey() {
    sodium_memzero(secret_.data(), secret_.size());
}

SigningKey::Seed SigningKey::seed() const {
    Seed seed{};
    crypto_sign_ed25519_sk_to_seed(seed.data(), secret_.data());
    return seed;
}

Signature SigningKey::sign(std::string_view message) const {
    Signature signature{};
    crypto_sign_detached(signature.data(), nullptr, as_bytes(message).data(), message.size(), secret_.data());
    return signature;
}

bool verify(const PublicKey& key, std::string_view message, std::span<const std::uint8_t, 64> signature) {
    ready();
    return crypto_sign_verify_detached(signature.data(), as_bytes(message).data(), message.size(), key.data()) == 0;
}

}  // namespace tilsyn::crypto
