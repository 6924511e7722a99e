// Which of the log's checkpoints outsiders vouch for: enough of the witnesses that a policy names have cosigned them.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "log/store/checkpoints.hpp"
#include "log/witness_policy.hpp"

namespace tilsyn::log {

// nullopt: there is no such file. Errors say where in the file.
Result<std::optional<WitnessPolicy>> read_witness_policy(const std::filesystem::path& file);

struct Witnessed {
    StoredCheckpoint checkpoint;
    Timestamp at{};               // the newest of the cosignatures that count
    std::vector<std::string> by;  // names of the witnesses
};
// The newest, the oldest that holds `size` entries, and the one of just that size, whose cosignatures make up the
// quorum; without a policy, or with one that asks for none, one that any witness has cosigned. Cosignatures are
// verified, not believed. The search ends after a thousand checkpoints: a witness of the quorum may be long gone.
Result<std::optional<Witnessed>> newest_witnessed(db::Connection& connection,
                                                  const std::optional<WitnessPolicy>& policy);
Result<std::optional<Witnessed>> oldest_witnessed(db::Connection& connection, std::int64_t size,
                                                  const std::optional<WitnessPolicy>& policy);
Result<std::optional<Witnessed>> witnessed_at(db::Connection& connection, std::int64_t size,
                                              const std::optional<WitnessPolicy>& policy);

}  // namespace tilsyn::log
