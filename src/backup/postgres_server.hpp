// What databases there are on the server of one that is known: a tenant that was added and never planned is found so.
#pragma once
#include <string>
#include <vector>

#include "backup/postgres.hpp"

namespace tilsyn::backup {

struct PostgresServer {
    std::string identity;                // the same for every address that leads to it
    std::string database;                // that the address names
    std::vector<std::string> databases;  // all that hold a table, and those that we may not look into
};
Result<PostgresServer> look_at_server(const PostgresAddress& address, Deadline deadline);

}  // namespace tilsyn::backup
