#include "log/note.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::log {
namespace {

constexpr std::string_view dash = "\u2014 ";
constexpr std::size_t time_bytes = 8;

bool is_control(unsigned char c) {
    return c < 0x20 || c == 0x7f;
}

// U+0085, U+00A0, U+1680, U+2000-200A, U+2028, U+2029, U+202F, U+205F, U+3000: Unicode's spaces beyond ASCII.
bool holds_unicode_space(std::string_view text) {
    static constexpr std::string_view spaces[] = {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003",
                                                  "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a",
                                                  "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"};
    return std::ranges::any_of(spaces, [&](std::string_view space) { return text.find(space) != text.npos; });
}

std::string be32(std::uint32_t value) {
    return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}
std::uint32_t read_be32(std::string_view bytes) {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[std::size_t(i)]);
    return value;
}

std::uint32_t key_id(std::string_view name, std::string_view type_and_key) {
    return read_be32(crypto::as_text(crypto::sha256({name, "\n", type_and_key})));
}

std::string type_and_key(KeyType type, const crypto::PublicKey& key) {
    std::string bytes(1, char(type));
    return bytes.append(crypto::as_text(key));
}

std::string cosigned_text(std::uint64_t seconds, std::string_view text) {
    return fmt::format("cosignature/v1\ntime {}\n{}", seconds, text);
}

Fail malformed(std::string_view what) {
    return fail(Code::invalid, "log.bad-note").detail(std::string(what));
}

}  // namespace

bool valid_key_name(std::string_view name) {
    return !name.empty() && valid_utf8(name) && !holds_unicode_space(name) &&
           std::ranges::none_of(name, [](char c) { return c == '+' || c == ' ' || is_control(c); });
}

VerifierKey verifier_key(std::string_view name, KeyType type, const crypto::PublicKey& key) {
    return {std::string(name), key_id(name, type_and_key(type, key)), type, key};
}

std::string to_string(const VerifierKey& key) {
    return fmt::format("{}+{:08x}+{}", key.name, key.id,
                       crypto::base64(crypto::as_bytes(type_and_key(key.type, key.key))));
}

Result<VerifierKey> parse_vkey(std::string_view text) {
    const auto refuse = [&] { return fail(Code::invalid, "log.bad-vkey").hint("log.bad-vkey-hint"); };
    const auto first = text.find('+');
    if (first == text.npos) return refuse();
    const auto second = text.find('+', first + 1);
    if (second == text.npos) return refuse();
    const auto name = text.substr(0, first), id = text.substr(first + 1, second - first - 1);
    const auto id_bytes = crypto::parse_hex(id);
    const auto bytes = crypto::parse_base64(text.substr(second + 1));
    if (!valid_key_name(name) || !id_bytes || id_bytes->size() != 4 || !bytes || bytes->size() != 33) return refuse();
    const auto type = (*bytes)[0];
    if (type != std::uint8_t(KeyType::ed25519) && type != std::uint8_t(KeyType::cosignature))
        return fail(Code::unsupported, "log.vkey-type", {{"type", std::to_string(type)}});
    VerifierKey key{std::string(name), read_be32(crypto::as_text(*id_bytes)), KeyType(type), {}};
    std::copy(bytes->begin() + 1, bytes->end(), key.key.begin());
    if (key.id != key_id(name, crypto::as_text(*bytes)) || lower_ascii(id) != id) return refuse();
    return key;
}

Result<NoteSignature> parse_signature_line(std::string_view line) {
    if (line.ends_with('\n')) line.remove_suffix(1);
    if (!line.starts_with(dash)) return malformed("a signature line does not begin with a dash and a space");
    line.remove_prefix(dash.size());
    const auto space = line.find(' ');
    if (space == line.npos) return malformed("a signature line has no signature");
    const auto name = line.substr(0, space);
    const auto bytes = crypto::parse_base64(line.substr(space + 1));
    if (!valid_key_name(name) || !bytes || bytes->size() < 5) return malformed("a signature line is malformed");
    const auto text = crypto::as_text(*bytes);
    return NoteSignature{std::string(name), read_be32(text), std::string(text.substr(4))};
}

Result<Note> parse_note(std::string_view bytes, std::size_t most_bytes) {
    if (bytes.size() > most_bytes) return fail(Code::too_large, "log.note-too-large");
    if (!valid_utf8(bytes)) return malformed("it is not UTF-8");
    if (std::ranges::any_of(bytes, [](char c) { return c != '\n' && is_control(c); }))
        return malformed("it holds control characters");
    // The last empty line: a text may hold others.
    const auto blank = bytes.rfind("\n\n");
    if (blank == bytes.npos || !bytes.ends_with('\n')) return malformed("it has no signatures");
    Note note;
    note.text = bytes.substr(0, blank + 1);
    auto rest = bytes.substr(blank + 2);
    if (rest.empty()) return malformed("it has no signatures");
    while (!rest.empty()) {
        if (note.signatures.size() == most_note_signatures) return malformed("it has more than 100 signatures");
        const auto end = rest.find('\n');
        TRY(auto signature, parse_signature_line(rest.substr(0, end)));
        note.signatures.push_back(std::move(signature));
        rest.remove_prefix(end + 1);
    }
    return note;
}

std::string to_line(const NoteSignature& signature) {
    return fmt::format("{}{} {}\n", dash, signature.name,
                       crypto::base64(crypto::as_bytes(be32(signature.id) + signature.bytes)));
}

std::string to_string(const Note& note) {
    std::string out = note.text + "\n";
    for (const auto& signature : note.signatures) out += to_line(signature);
    return out;
}

NoteSignature sign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key) {
    const auto who = verifier_key(name, KeyType::ed25519, key.public_key());
    return {who.name, who.id, std::string(crypto::as_text(key.sign(text)))};
}

NoteSignature cosign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key, Timestamp at) {
    const auto who = verifier_key(name, KeyType::cosignature, key.public_key());
    const auto seconds = std::uint64_t(std::chrono::floor<std::chrono::seconds>(at).time_since_epoch().count());
    auto bytes = be32(std::uint32_t(seconds >> 32)) + be32(std::uint32_t(seconds));
    bytes.append(crypto::as_text(key.sign(cosigned_text(seconds, text))));
    return {who.name, who.id, std::move(bytes)};
}

namespace {

std::optional<GoodSignature> check(const Note& note, const NoteSignature& signature, const VerifierKey& key) {
    std::string_view bytes = signature.bytes;
    GoodSignature verified{key, {}};
    std::string cosigned;
    std::string_view text = note.text;
    if (key.type == KeyType::cosignature) {
        if (bytes.size() < time_bytes) return std::nullopt;
        const auto seconds = std::uint64_t(read_be32(bytes)) << 32 | read_be32(bytes.substr(4));
        // Far beyond any clock: would overflow in microseconds, and is nobody's time.
        if (seconds > 1ull << 40) return std::nullopt;
        cosigned = cosigned_text(seconds, note.text);
        text = cosigned;
        verified.at = Timestamp(std::chrono::seconds(seconds));
        bytes.remove_prefix(time_bytes);
    }
    crypto::Signature raw{};
    if (bytes.size() != raw.size()) return std::nullopt;
    std::memcpy(raw.data(), bytes.data(), raw.size());
    if (!crypto::verify(key.key, text, raw)) return std::nullopt;
    return verified;
}

}  // namespace

Result<std::vector<GoodSignature>> open_note(const Note& note, std::span<const VerifierKey> known) {
    std::vector<GoodSignature> verified;
    for (const auto& signature : note.signatures) {
        const auto key = std::ranges::find_if(
            known, [&](const VerifierKey& k) { return k.id == signature.id && k.name == signature.name; });
        if (key == known.end()) continue;
        if (std::ranges::any_of(verified, [&](const GoodSignature& v) { return v.key == *key; })) continue;
        auto held = check(note, signature, *key);
        if (!held) return fail(Code::corrupt, "log.bad-signature", {{"name", signature.name}});
        verified.push_back(*std::move(held));
    }
    if (verified.empty()) return fail(Code::unauthorized, "log.nobody-signed");
    return verified;
}

}  // namespace tilsyn::log
