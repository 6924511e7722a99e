// What is read for a data set, and what is known of it besides its files: databases are copied first, so that what the
// engine stores is of one moment, and what they hold is counted.
#pragma once
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "backup/manifest/compare.hpp"
#include "backup/plan.hpp"
#include "base/error.hpp"
#include "db/db.hpp"

namespace tilsyn::backup {

struct Prepared {
    Roots roots;
    Exclusions exclusions;
    std::vector<std::string> must_hold;  // as in a manifest
    // Databases by the path of their copy (as in a manifest): {"tables": {NAME: {"rows": n, "sum": "..."}}}.
    nlohmann::json databases = nlohmann::json::object();
    std::vector<Message> why_not_whole;  // what is wrong with it already
};

// What must be in a set of the plan, as in a manifest.
Result<std::vector<std::string>> must_hold_of(const Plan& plan);

// Is there suddenly so much less that a person should look? Less than half the files or bytes, or a fifth fewer files
// and more than fifty.
struct Amount {
    std::int64_t files = 0, bytes = 0;
};
bool is_much_less(const Amount& before, const Amount& now);

// `data`: the data folder. `staging`: an empty folder of ours, for copies. Runs the hook ("before").
Result<Prepared> prepare_source(const Plan& plan, const std::filesystem::path& data, const db::Location& own_database,
                                const std::filesystem::path& staging, Deadline deadline);
// Lets go what the hook has frozen ("after"); to be called whatever has happened.
Result<void> release_source(const Plan& plan, const std::filesystem::path& data, Deadline deadline);

// What a backup of Tilsyn's own data holds, below the data folder; the database is a copy in the staging folder.
std::vector<std::string> own_files();
inline constexpr std::string_view own_database_name = "tilsyn.db";
inline constexpr std::string_view own_dump_name = "tilsyn.dump";       // where it is kept in PostgreSQL
inline constexpr std::string_view own_marker = "tilsyn-restore.json";  // says where all of it was

}  // namespace tilsyn::backup
