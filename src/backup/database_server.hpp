// What databases there are on the server of one that is known: a tenant that was added and never planned is found so.
#pragma once
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

struct DatabaseServer {
    std::string identity;                // the same for every address that leads to it
    std::string database;                // that the address names
    std::vector<std::string> databases;  // all that hold a table, and those that we may not look into
};
// `url`: as a data set names its database, postgresql:// or mariadb://. Of MariaDB, only databases whose names are
// plain letters, digits and underscores are seen, and only their InnoDB tables.
Result<DatabaseServer> look_at_server(const std::string& data_set, const std::string& url, const std::string& password,
                                      const std::string& ca, Deadline deadline);

}  // namespace tilsyn::backup
