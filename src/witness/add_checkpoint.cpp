#include "witness/add_checkpoint.hpp"

#include <fmt/format.h>

#include "crypto/hash.hpp"

namespace tilsyn::witness {
namespace {

constexpr std::string_view old_prefix = "old ";

Fail malformed(std::string_view what) {
    return fail(Code::invalid, "witness.bad-request").detail(std::string(what));
}

}  // namespace

Result<AddCheckpoint> parse_add_checkpoint(std::string_view body) {
    AddCheckpoint request;
    const auto line = [&]() -> std::optional<std::string_view> {
        const auto end = body.find('\n');
        if (end == body.npos) return std::nullopt;
        const auto text = body.substr(0, end);
        body.remove_prefix(end + 1);
        return text;
    };
    const auto first = line();
    if (!first || !first->starts_with(old_prefix)) return malformed("the first line is not \"old\" and a size");
    TRY(request.old_size, log::parse_decimal(first->substr(old_prefix.size())));
    for (;;) {
        const auto next = line();
        if (!next) return malformed("there is no empty line before the checkpoint");
        if (next->empty()) break;
        if (request.proof.size() == most_proof_hashes) return malformed("the proof has more than 63 hashes");
        TRY(const auto hash, log::parse_hash(*next));
        request.proof.push_back(hash);
    }
    TRY(request.note, log::parse_note(body));
    TRY(request.checkpoint, log::parse_checkpoint(request.note.text));
    return request;
}

std::string add_checkpoint_body(std::int64_t old_size, const std::vector<log::Hash>& proof, std::string_view note) {
    auto body = fmt::format("{}{}\n", old_prefix, old_size);
    for (const auto& hash : proof) body += crypto::base64(hash) + "\n";
    body += '\n';
    body += note;
    return body;
}

}  // namespace tilsyn::witness
