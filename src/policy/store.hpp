// Applied policies: every version that ever was in force, with its exact files, its hash, who and when; and the
// controls and promises of the newest one as rows, for the SQL views.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "db/db.hpp"
#include "log/store/committer.hpp"
#include "policy/load.hpp"

namespace tilsyn::policy {

struct Applied {
    std::int64_t version = 0;
    bool changed = false;              // false: the newest version has this very hash already; nothing was written
    std::vector<std::string> defined;  // controls that are new or whose definition changed
    std::vector<std::string> retired;  // controls that are gone
};

// One change: the version, the rows, and the log entries policy.apply (version, hash, who as a commitment),
// control.define (hash of the definition, cadence) and control.retire. Refuses a policy with faults (invalid).
Result<Applied> apply(log::Committer& committer, const Loaded& loaded, std::string_view actor);

struct Version {
    std::int64_t version = 0;
    std::string hash;
    Timestamp applied_at{};
    std::string applied_by;
};
Result<std::optional<Version>> current(db::Connection& connection);  // nullopt: none was applied yet
Result<std::vector<Version>> versions(db::Connection& connection);   // newest first
// Name and bytes of each file, the main one first: what load() reads again. not_found, corrupt.
Result<std::vector<std::pair<std::string, std::string>>> version_files(db::Connection& connection,
                                                                       std::int64_t version);

std::span<const db::Migration> migrations();
// The documented views controls, promises, control_promises, policy_versions.
Result<void> create_views(db::Connection& connection);

}  // namespace tilsyn::policy
