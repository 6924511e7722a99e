// A PostgreSQL server as a whole: all of its databases, roles and settings, copied by pg_basebackup; restored as a
// trial by a server of the same version that is started on the copy and gone afterwards.
//
// Such a copy is of the moment at which it ended, of which no snapshot can be had. So all is counted before and after:
// a table that is the same both times must come back exactly so, and one that was written to in between must come back.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "backup/postgres_session.hpp"
#include "backup/queries.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

// Into `folder`, which is made. What was counted:
// {"engine": "postgresql_server", "version": 15, "superuser": "postgres", "databases": {NAME: postgres_counts()}},
// where a table that moved has "moved" and "rows_after" besides. Code::unsupported: it has tablespaces, or the programs
// of its version are not here. Code::io: there is no room for it.
Result<nlohmann::json> copy_postgres_server(const std::string& data_set, const PostgresAddress& address,
                                            const std::filesystem::path& folder, Deadline deadline);

// {NAME: postgres_counts()} of the restored server, which is changed by being started. `scratch`: an empty folder.
// Code::corrupt: it does not start, or not with what is in it.
Result<nlohmann::json> restore_postgres_server(const nlohmann::json& was, const std::filesystem::path& restored,
                                               const std::filesystem::path& scratch, const WhenOpen& when_open,
                                               Deadline deadline);

}  // namespace tilsyn::backup
