#include "log/store/witnessed.hpp"

#include <algorithm>
#include <map>

#include "base/file.hpp"

namespace tilsyn::log {
namespace {

constexpr std::uint64_t most_policy_bytes = 1u << 20;

constexpr int most_sizes = 1000;  // a day of cosignatures, one every five minutes, is 288

const WitnessPolicy* asked(const std::optional<WitnessPolicy>& policy) {
    return policy && policy->asks_for_witnesses() ? &*policy : nullptr;
}

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

// The first of these sizes that enough witnesses have cosigned, as far as the names beside the lines say: anybody may
// ask for this, so no signature is verified on the way. `sql` gives size and witness, by size.
Result<std::optional<std::int64_t>> first_claimed(db::Connection& connection, std::string_view sql,
                                                  std::vector<db::Value> values, const WitnessPolicy* policy) {
    std::map<std::string, VerifierKey> named;
    if (policy != nullptr)
        for (const auto& key : policy->witness_keys()) named.emplace(to_string(key), key);
    std::optional<std::int64_t> size;
    std::vector<GoodSignature> claimed;
    bool found = false;
    int sizes = 0;
    TRY_VOID(connection.each(std::string(sql), values, [&](const db::Row& row) -> Result<bool> {
        if (size != row.integer(0)) {
            if (++sizes > most_sizes) return false;
            size = row.integer(0);
            claimed.clear();
        }
        if (const auto key = named.find(std::string(row.text(1))); key != named.end())
            claimed.push_back({key->second, {}});
        found = policy == nullptr || policy->satisfied(claimed);
        return !found;
    }));
    return found ? size : std::nullopt;
}

Result<std::optional<Witnessed>> first(db::Connection& connection, std::string_view sql, std::vector<db::Value> values,
                                       const std::optional<WitnessPolicy>& policy) {
    TRY(const auto size, first_claimed(connection, sql, std::move(values), asked(policy)));
    if (!size) return std::nullopt;
    return witnessed_at(connection, *size, policy);
}

}  // namespace

Result<std::optional<WitnessPolicy>> read_witness_policy(const std::filesystem::path& file) {
    if (!std::filesystem::exists(file)) return std::nullopt;
    TRY(const auto text, read_file(file, most_policy_bytes));
    return WitnessPolicy::parse(text, file.string());
}

Result<std::optional<Witnessed>> witnessed_at(db::Connection& connection, std::int64_t size,
                                              const std::optional<WitnessPolicy>& policy) {
    TRY(auto stored, checkpoint_covering(connection, size, false));
    if (!stored || stored->size != size) return std::nullopt;
    const auto* wanted = asked(policy);
    TRY(const auto keys, wanted != nullptr ? wanted->witness_keys() : witnesses_of(connection, size));
    TRY(const auto note, parse_note(stored->note));
    const auto good = open_note(note, keys);
    if (!good && good.error().code == Code::corrupt) return std::unexpected(good.error());
    if (!good || (wanted != nullptr && !wanted->satisfied(*good))) return std::nullopt;
    Witnessed out{*std::move(stored), {}, {}};
    for (const auto& signature : *good) {
        out.at = std::max(out.at, signature.at);
        out.by.push_back(signature.key.name);
    }
    return out;
}

Result<std::optional<Witnessed>> newest_witnessed(db::Connection& connection,
                                                  const std::optional<WitnessPolicy>& policy) {
    return first(connection, "SELECT size, witness FROM log_cosignature ORDER BY size DESC LIMIT 8000", {}, policy);
}

Result<std::optional<Witnessed>> oldest_witnessed(db::Connection& connection, std::int64_t size,
                                                  const std::optional<WitnessPolicy>& policy) {
    return first(connection, "SELECT size, witness FROM log_cosignature WHERE size >= ? ORDER BY size LIMIT 8000",
                 {size}, policy);
}

}  // namespace tilsyn::log
