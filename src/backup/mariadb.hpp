// MariaDB databases: dumped with mariadb-dump, and counted by ourselves as of the same moment; restored as a trial into
// a server of the same version that is started for it and gone afterwards.
//
// MariaDB lends no snapshot to another connection. So all writing is held for an instant (FLUSH TABLES WITH READ LOCK)
// in which our transaction and that of mariadb-dump both begin.
#pragma once
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>

#include "backup/queries.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

// mariadb://user@host:port/database, or mariadb://user@localhost/database?socket=/run/mysqld/mysqld.sock; the password
// apart. Over the network TLS is demanded and the server's certificate checked, unless ?tls=off says otherwise; to this
// machine itself it is not.
struct MariadbAddress {
    std::string user, host, socket, database, password, ca;
    std::uint16_t port = 3306;
    bool tls = false;
};
// Code::invalid: not such an address, or one that holds a password.
Result<MariadbAddress> mariadb_address(const std::string& data_set, const std::string& url, std::string password,
                                       std::string ca);

// Does it end as a dump that was written to its end does? Code::corrupt: it does not, whatever the program said.
Result<void> mariadb_dump_is_whole(const std::filesystem::path& dump, const std::string& data_set);

struct MariadbDump {
    // {"engine": "mariadb", "version": "10.11", "database": "...", "tables": {"name": {"rows": n, "sum": "..."}},
    //  "sequences": {...}, "objects": {...}}
    nlohmann::json counted;
    std::vector<std::string> unsafe;  // tables without transactions: what the dump has of them is of no one moment
};
// Code::forbidden: a right is missing, and the error says which and how to grant it.
Result<MariadbDump> dump_mariadb(const std::string& data_set, const MariadbAddress& address,
                                 const std::filesystem::path& dump, Deadline deadline);

// The same counts, of the dump restored into a server of its own. `scratch`: an empty folder that will be used up.
// Code::corrupt: it could not be restored. Code::unsupported: there is no server of that version here.
Result<nlohmann::json> restore_mariadb(const nlohmann::json& was, const std::filesystem::path& dump,
                                       const std::filesystem::path& scratch, const WhenOpen& when_open,
                                       Deadline deadline);

}  // namespace tilsyn::backup
