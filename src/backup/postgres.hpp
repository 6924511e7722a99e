// PostgreSQL databases: dumped with pg_dump, and counted by ourselves, in one and the same snapshot; restored as a
// trial into a server of the same version that is started for it and gone afterwards.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "backup/postgres_session.hpp"
#include "backup/queries.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

// Writes the dump (pg_dump's own format) and the roles beside it. What was counted in the snapshot:
// postgres_counts(), and {"engine": "postgresql", "version": 15, "database": "..."}.
Result<nlohmann::json> dump_postgres(const std::string& data_set, const PostgresAddress& address,
                                     const std::filesystem::path& dump, Deadline deadline);

// The same counts, of the dump restored into a server of its own. `scratch`: an empty folder that will be used up.
// Code::corrupt: it could not be restored. Code::unsupported: there is no server of that version here.
Result<nlohmann::json> restore_postgres(const nlohmann::json& was, const std::filesystem::path& dump,
                                        const std::filesystem::path& scratch, const WhenOpen& when_open,
                                        Deadline deadline);

// The dump into a database that is there and empty, all or nothing; who owned what is left aside.
// Code::conflict: it is not empty. Code::corrupt: it could not be restored.
Result<void> load_postgres(const PostgresAddress& address, const std::filesystem::path& dump, Deadline deadline);

}  // namespace tilsyn::backup
