// Signed notes: a text and the signatures of it that fit on a line each. Format: C2SP signed-note v1.0.
//
// A note is text (UTF-8, ends in "\n", no other control characters), an empty line, and one or more lines
// "— NAME BASE64(key id, 4 bytes || signature)". Key id = first 4 bytes of SHA-256(name || "\n" || type || public key).
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "crypto/ed25519.hpp"

namespace tilsyn::log {

// Signatures of other types (RFC 6962, ML-DSA-44 ...) are passed over, as the format demands.
enum class KeyType : std::uint8_t {
    ed25519 = 0x01,      // signs the text
    cosignature = 0x04,  // Ed25519 over "cosignature/v1\ntime <t>\n" and the text: C2SP tlog-cosignature
};

// Who signs, as others know them: "NAME+KEYID+BASE64(type || public key)", the vkey of a note.
struct VerifierKey {
    std::string name;
    std::uint32_t id = 0;
    KeyType type = KeyType::ed25519;
    crypto::PublicKey key{};
    bool operator==(const VerifierKey&) const = default;
};
VerifierKey verifier_key(std::string_view name, KeyType type, const crypto::PublicKey& key);
Result<VerifierKey> parse_vkey(std::string_view text);
std::string to_string(const VerifierKey& key);
// Not empty, no Unicode space, no "+", no control characters.
bool valid_key_name(std::string_view name);

struct NoteSignature {
    std::string name;
    std::uint32_t id = 0;
    std::string bytes;  // without the key id
};

struct Note {
    std::string text;  // with its final "\n": these are the signed bytes
    std::vector<NoteSignature> signatures;
};

inline constexpr std::size_t most_note_bytes = 1'000'000;
inline constexpr std::size_t most_note_signatures = 100;

Result<Note> parse_note(std::string_view bytes, std::size_t most_bytes = most_note_bytes);
std::string to_string(const Note& note);
std::string to_line(const NoteSignature& signature);  // with its "\n"
// A line as a witness answers with it, "\n" included or not.
Result<NoteSignature> parse_signature_line(std::string_view line);

NoteSignature sign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key);
NoteSignature cosign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key,
                          Timestamp at);  // whole seconds count

// A signature that held.
struct GoodSignature {
    VerifierKey key;
    Timestamp at{};  // of a cosignature; else the epoch
};
// Looks for signatures by these keys. One that is known and wrong makes the whole note wrong (Code::corrupt); what is
// unknown is passed over; each key is counted once. Nobody known has signed: Code::unauthorized.
Result<std::vector<GoodSignature>> open_note(const Note& note, std::span<const VerifierKey> known);

}  // namespace tilsyn::log
