// What is to be backed up, where to and how often: rows of three registers (data-sets, backup-repositories,
// backup-plans) and, for what may not stand in a register, files that only the service can read:
//
//   DATA/secrets/ID.toml   opens the repository ID, or the database of the data set ID: password, access_key,
//   secret_key, user, user_password, ssh_key,
//                          known_hosts, ca (the last three are paths)
//   DATA/hooks/NAME        a program that is run before and after a data set is read
//
// A register can be written to over the API, so it only ever names what lies in these folders.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "backup/engines/engine.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "registers/service.hpp"

namespace tilsyn::backup {

enum class Source { none, files, sqlite, postgresql, postgresql_server, mariadb, tilsyn };

// Who makes the sets.
enum class RunBy {
    tilsyn,
    watched,    // another program; Tilsyn finds them in the repository, and restores them
    reported,   // another program, which tells Tilsyn each time
    elsewhere,  // nobody that Tilsyn knows of: the register says what people enter
};

struct Keep {  // sets: the newest of each of so many days, weeks, months and years
    int daily = 0, weekly = 0, monthly = 0, yearly = 0;
    bool any() const { return daily + weekly + monthly + yearly > 0; }
};

struct Plan {
    std::string id;  // row of backup-plans
    std::string data_set;
    Source source = Source::none;
    std::string criticality;
    std::string machine;  // host name of the server that has the data; empty: not stated
    std::vector<std::string> paths, must_hold;
    std::string database;  // postgresql://..., without a password
    std::string hook;
    Duration max_downtime{0};  // 0: not stated

    std::string repository;
    std::string engine, location;
    bool append_only = false;  // sets are removed by somebody else, with other keys

    bool in_use = false;
    RunBy run_by = RunBy::elsewhere;
    std::string sets_named;  // which of the repository's are its: a tag, a host, or the beginning of a name
    Duration every{0}, drill_every{0}, sample_every{0};
    Keep keep;
    std::vector<std::string> left_out;  // whole paths, or names with * and ?
};

// A plan from its row and that of its data set, as far as these two tell.
Plan plan_from(std::string_view id, const registers::Fields& row, const registers::Fields& data_set);

// All plans that Tilsyn carries out or watches, by id.
Result<std::vector<Plan>> read_plans(const registers::Service& registers);
// Code::not_found: there is none with this id.
Result<Plan> read_plan(const registers::Service& registers, std::string_view id);

// Whole paths and names apart. Code::invalid: neither.
Result<Exclusions> exclusions_of(const Plan& plan);

// DATA/secrets/ID.toml as names and texts. Code::not_found: it is not there; Code::forbidden: others can read it.
Result<std::map<std::string, std::string>> read_secrets(const std::filesystem::path& data, const std::string& id);

// The same, where there need not be any: none of them, when the file is not there.
Result<std::map<std::string, std::string>> read_secrets_if_any(const std::filesystem::path& data,
                                                               const std::string& id);

// What opens the repository. Code::not_found: DATA/secrets/ID.toml is not there; Code::forbidden: others can read it.
Result<RepositoryAccess> access_to(const std::filesystem::path& data, const std::string& repository,
                                   const std::string& engine, const std::string& location);
Result<RepositoryAccess> access_to(const std::filesystem::path& data, const Plan& plan);

}  // namespace tilsyn::backup
