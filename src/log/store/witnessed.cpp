#include "log/store/witnessed.hpp"

#include <algorithm>

#include "base/file.hpp"

namespace tilsyn::log {
namespace {

constexpr std::uint64_t most_policy_bytes = 1u << 20;

Result<std::vector<VerifierKey>> witnesses_of(db::Connection& connection, std::int64_t size) {
    std::vector<VerifierKey> keys;
    TRY_VOID(connection.each("SELECT witness FROM log_cosignature WHERE size = ? ORDER BY witness",
                             std::array<db::Value, 1>{size}, [&](const db::Row& row) -> Result<bool> {
                                 TRY(auto key, parse_vkey(row.text(0)));
                                 keys.push_back(std::move(key));
                                 return true;
                             }));
    return keys;
}

Result<std::optional<Witnessed>> judge(db::Connection& connection, std::int64_t size, const WitnessPolicy* policy) {
    TRY(auto stored, checkpoint_covering(connection, size, false));
    if (!stored || stored->size != size) return std::nullopt;
    TRY(const auto keys, policy != nullptr ? policy->witness_keys() : witnesses_of(connection, size));
    TRY(const auto note, parse_note(stored->note));
    const auto good = open_note(note, keys);
    if (!good && good.error().code == Code::corrupt) return std::unexpected(good.error());
    if (!good || (policy != nullptr && !policy->satisfied(*good))) return std::nullopt;
    Witnessed out{*std::move(stored), {}, {}};
    for (const auto& signature : *good) {
        out.at = std::max(out.at, signature.at);
        out.by.push_back(signature.key.name);
    }
    return out;
}

// `sql` gives sizes in the order they are to be looked at.
Result<std::optional<Witnessed>> first(db::Connection& connection, std::string_view sql, std::vector<db::Value> values,
                                       const std::optional<WitnessPolicy>& policy) {
    std::vector<std::int64_t> sizes;
    TRY_VOID(connection.each(std::string(sql), values, [&](const db::Row& row) -> Result<bool> {
        sizes.push_back(row.integer(0));
        return true;
    }));
    const auto* asked = policy && policy->asks_for_witnesses() ? &*policy : nullptr;
    for (const auto size : sizes) {
        TRY(auto found, judge(connection, size, asked));
        if (found) return found;
    }
    return std::nullopt;
}

}  // namespace

Result<std::optional<WitnessPolicy>> read_witness_policy(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) return std::nullopt;
    TRY(const auto text, read_file(file, most_policy_bytes));
    return WitnessPolicy::parse(text, file.string());
}

// When a witness of the quorum is long gone, no newer checkpoint counts: the search has to end somewhere. A day of
// cosignatures, one every five minutes, is 288.
Result<std::optional<Witnessed>> newest_witnessed(db::Connection& connection,
                                                  const std::optional<WitnessPolicy>& policy) {
    return first(connection, "SELECT DISTINCT size FROM log_cosignature ORDER BY size DESC LIMIT 1000", {}, policy);
}

Result<std::optional<Witnessed>> oldest_witnessed(db::Connection& connection, std::int64_t size,
                                                  const std::optional<WitnessPolicy>& policy) {
    return first(connection, "SELECT DISTINCT size FROM log_cosignature WHERE size >= ? ORDER BY size LIMIT 1000",
                 {size}, policy);
}

}  // namespace tilsyn::log
