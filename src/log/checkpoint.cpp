#include "log/checkpoint.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::log {
namespace {

Fail malformed(std::string_view what) {
    return fail(Code::invalid, "log.bad-checkpoint").detail(std::string(what));
}

}  // namespace

Result<std::int64_t> parse_decimal(std::string_view text) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0 || text.starts_with('-') ||
        (text.size() > 1 && text.starts_with('0')))
        return malformed("a number is malformed");
    return value;
}

Result<Hash> parse_hash(std::string_view base64) {
    const auto bytes = crypto::parse_base64(base64);
    Hash hash{};
    if (!bytes || bytes->size() != hash.size()) return malformed("a hash is malformed");
    std::ranges::copy(*bytes, hash.begin());
    return hash;
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
    if (!text.ends_with('\n')) return malformed("it does not end with a line");
    const auto lines = split(text.substr(0, text.size() - 1), '\n');
    if (lines.size() < 3) return malformed("it has fewer than three lines");
    Checkpoint checkpoint;
    checkpoint.origin = lines[0];
    if (checkpoint.origin.empty()) return malformed("it has no origin");
    TRY(checkpoint.size, parse_decimal(lines[1]));
    TRY(checkpoint.root, parse_hash(lines[2]));
    for (std::size_t i = 3; i < lines.size(); ++i) {
        if (lines[i].empty()) return malformed("it has an empty line");
        checkpoint.extensions.emplace_back(lines[i]);
    }
    return checkpoint;
}

std::string to_text(const Checkpoint& checkpoint) {
    auto out = fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size, crypto::base64(checkpoint.root));
    for (const auto& line : checkpoint.extensions) out += line + "\n";
    return out;
}

Result<SignedCheckpoint> open_checkpoint(std::string_view bytes, const VerifierKey& log) {
    SignedCheckpoint out;
    TRY(out.note, parse_note(bytes));
    TRY(out.checkpoint, parse_checkpoint(out.note.text));
    if (out.checkpoint.origin != log.name)
        return fail(Code::invalid, "log.other-origin", {{"origin", out.checkpoint.origin}, {"expected", log.name}});
    TRY_VOID(open_note(out.note, {&log, 1}));
    return out;
}

}  // namespace tilsyn::log
