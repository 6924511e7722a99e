#include "log/tlog_proof.hpp"

#include <fmt/format.h>

#include "crypto/hash.hpp"
#include "log/checkpoint.hpp"
#include "log/note.hpp"

namespace tilsyn::log {
namespace {

constexpr std::string_view heading = "c2sp.org/tlog-proof@v1";
constexpr std::size_t most_hashes = 63;

Fail malformed(std::string_view what) {
    return fail(Code::invalid, "log.bad-proof").detail(std::string(what));
}

}  // namespace

Result<TlogProof> parse_tlog_proof(std::string_view text) {
    if (text.size() > 2 * most_note_bytes) return fail(Code::too_large, "log.note-too-large");
    const auto line = [&text]() -> Result<std::string_view> {
        const auto end = text.find('\n');
        if (end == text.npos) return malformed("it ends too soon");
        const auto found = text.substr(0, end);
        text.remove_prefix(end + 1);
        return found;
    };
    TlogProof proof;
    TRY(const auto first, line());
    if (first != heading) return malformed("its first line is not that of a proof");
    TRY(auto next, line());
    if (next.starts_with("extra ")) {
        const auto bytes = crypto::parse_base64(next.substr(6));
        if (!bytes) return malformed("the line \"extra\" is malformed");
        proof.extra = crypto::as_text(*bytes);
        TRY(next, line());
    }
    if (!next.starts_with("index ")) return malformed("the line \"index\" is missing");
    TRY(proof.index, parse_decimal(next.substr(6)));
    for (;;) {
        TRY(next, line());
        if (next.empty()) break;
        if (proof.hashes.size() == most_hashes) return malformed("it has more than 63 hashes");
        TRY(const auto hash, parse_hash(next));
        proof.hashes.push_back(hash);
    }
    if (text.empty()) return malformed("it has no checkpoint");
    proof.checkpoint = text;
    return proof;
}

std::string to_string(const TlogProof& proof) {
    std::string out(heading);
    out += '\n';
    if (!proof.extra.empty()) out += "extra " + crypto::base64(crypto::as_bytes(proof.extra)) + "\n";
    out += fmt::format("index {}\n", proof.index);
    for (const auto& hash : proof.hashes) out += crypto::base64(hash) + "\n";
    return out + "\n" + proof.checkpoint;
}

}  // namespace tilsyn::log
