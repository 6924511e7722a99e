// Private keys as text, "PRIVATE+KEY+NAME+ID+BASE64(type || seed)": the form that Go's note package writes.
#pragma once
#include <string>
#include <string_view>

#include "log/note.hpp"

namespace tilsyn::log {

struct PrivateKey {
    std::string name;  // of who signs with it; of a log: its origin
    KeyType type = KeyType::ed25519;
    crypto::SigningKey key;
    VerifierKey verifier() const { return verifier_key(name, type, key.public_key()); }
};
// Code::invalid: it is none, or of another type than asked for.
Result<PrivateKey> parse_private_key(std::string_view line, KeyType type);
std::string to_string(const PrivateKey& key);  // without a "\n"

}  // namespace tilsyn::log
