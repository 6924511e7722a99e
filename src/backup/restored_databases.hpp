// Databases that were restored with a set, opened, counted and asked: are they what they were when the set was made?
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backup/queries.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "db/sqlite_file.hpp"

namespace tilsyn::backup {

// {"tables": {NAME: {"rows": n, "sum": "..."}}}
nlohmann::json sqlite_counts(const db::SqliteFacts& facts);

struct DatabaseFault {
    Error why;
    bool not_tried = false;  // something kept us from it, and nothing is known of the backup
};

struct RestoredDatabases {
    nlohmann::json databases;        // by the path of what holds them, as in a manifest: what each was (Prepared)
    std::filesystem::path restored;  // where those paths begin
    std::filesystem::path scratch;   // an empty folder where servers may be started
    std::vector<Query> queries;      // of the company's own
    Timestamp made;                  // when the set was
};
std::vector<DatabaseFault> try_databases(const RestoredDatabases& what, Deadline deadline);

}  // namespace tilsyn::backup
