// A server back from its repository alone: nothing but the engine, where the repository is, and its password.
#pragma once
#include <filesystem>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::app {

struct RestoreOptions {
    std::filesystem::path data;  // must not hold anything yet
    std::string engine, location, password;
    std::filesystem::path ssh_key, known_hosts;
    // postgresql://..., an empty one, where the set was made of a PostgreSQL: it becomes that server's database.
    std::string database = {};
    std::string set;  // of the engine, in full; empty: the newest of Tilsyn's own data
};
struct RestoreReport {
    std::filesystem::path data;
    std::string set;
    Timestamp made{};
    std::int64_t log_size = 0;     // entries of the control log, every one verified
    bool settings_differ = false;  // tilsyn.toml names another database than the one restored to
};
// Either the data folder is there whole and verified, or it is not there. What was put into a PostgreSQL stays there.
Result<RestoreReport> restore(const RestoreOptions& options, const Clock& clock);

}  // namespace tilsyn::app
