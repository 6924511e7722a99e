#include "log/pack/vouched.hpp"

#include <algorithm>
#include <map>

#include "crypto/hash.hpp"
#include "log/checkpoint.hpp"

namespace tilsyn::log::pack {
namespace {

constexpr std::string_view stamp_ending = ".tsr";
constexpr std::size_t most_proof_lines = 64;

// "log/stamps/<size>/<name>.tsr"
Result<std::pair<std::int64_t, std::string>> parse_stamp_name(std::string_view name) {
    const auto bad = [] { return fail(Code::corrupt, "log.pack-stamp-name"); };
    name.remove_prefix(stamps_folder.size());
    const auto slash = name.find('/');
    if (slash == name.npos || !name.ends_with(stamp_ending)) return bad();
    const auto size = parse_decimal(name.substr(0, slash));
    const auto authority = name.substr(slash + 1, name.size() - slash - 1 - stamp_ending.size());
    if (!size || authority.empty() || authority.find('/') != authority.npos) return bad();
    return std::pair(*size, std::string(authority));
}

}  // namespace

std::string stamp_name(std::int64_t size, std::string_view authority) {
    return std::string(stamps_folder) + std::to_string(size) + "/" + std::string(authority) + std::string(stamp_ending);
}

std::string authority_name(std::string_view authority) {
    return "log/tsa/" + std::string(authority) + ".pem";
}

std::string proof_lines(std::span<const Hash> proof) {
    std::string out;
    for (const auto& hash : proof) out.append(crypto::base64(hash)).append("\n");
    return out;
}

Result<std::vector<Hash>> parse_proof_lines(std::string_view text) {
    std::vector<Hash> proof;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == text.npos || proof.size() == most_proof_lines) return fail(Code::corrupt, "log.bad-proof");
        TRY(const auto hash, parse_hash(text.substr(0, end)));
        proof.push_back(hash);
        text.remove_prefix(end + 1);
    }
    return proof;
}

Vouched read_vouched(ZipReader& zip, std::span<const HeldCheckpoint> checkpoints,
                     std::span<const VerifierKey> witnesses, const std::optional<crypto::StampTrust>& own) {
    Vouched out;
    for (const auto& held : checkpoints) {
        const auto good = open_note(held.note, witnesses);
        if (good)
            for (const auto& cosigned : *good)
                out.points.push_back(
                    {held.size, cosigned.at, WitnessedPoint::Source::cosignature, cosigned.key.name, Duration(0)});
        else if (good.error().code == Code::corrupt)
            out.faults.emplace_back(held.name, good.error());
    }
    // A hostile pack may hold a great many stamps: what they share is looked up, and read, once.
    std::map<std::int64_t, const HeldCheckpoint*> by_size;
    for (const auto& held : checkpoints) by_size.emplace(held.size, &held);
    std::map<std::string, Result<crypto::StampTrust>> trusts;
    const auto trust_of = [&](const std::string& authority) -> const Result<crypto::StampTrust>& {
        const auto known = trusts.find(authority);
        if (known != trusts.end()) return known->second;
        const auto read = [&]() -> Result<crypto::StampTrust> {
            if (own) return *own;
            const auto* member = zip.find(authority_name(authority));
            if (member == nullptr)
                return fail(Code::corrupt, "log.pack-missing", {{"name", authority_name(authority)}});
            TRY(const auto pem, zip.read(*member));
            return crypto::StampTrust::parse(pem);
        };
        return trusts.emplace(authority, read()).first->second;
    };
    const auto stamp = [&](const std::string& name) -> Result<void> {
        TRY(const auto what, parse_stamp_name(name));
        const auto& [size, authority] = what;
        const auto held = by_size.find(size);
        if (held == by_size.end()) return fail(Code::corrupt, "stamp.no-checkpoint", {{"size", std::to_string(size)}});
        const auto& trust = trust_of(authority);
        if (!trust) return std::unexpected(trust.error());
        TRY(const auto bytes, zip.read(*zip.find(name)));
        TRY(const auto stamped, crypto::verify_stamp(bytes, held->second->note.text, *trust));
        out.points.push_back(
            {size, stamped.at, WitnessedPoint::Source::stamp, authority, stamped.accuracy.value_or(Duration(0))});
        if (std::ranges::find(out.authorities, authority) == out.authorities.end())
            out.authorities.push_back(authority);
        return {};
    };
    for (const auto& member : zip.members()) {
        if (!member.name.starts_with(stamps_folder)) continue;
        if (const auto good = stamp(member.name); !good) out.faults.emplace_back(member.name, good.error());
    }
    return out;
}

}  // namespace tilsyn::log::pack
