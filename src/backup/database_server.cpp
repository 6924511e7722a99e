#include "backup/database_server.hpp"

#include "backup/engines/call.hpp"
#include "backup/mariadb_session.hpp"
#include "backup/postgres_session.hpp"
#include "db/db.hpp"

namespace tilsyn::backup {
namespace {

// One that cannot be looked into is taken to hold something.
bool holds_something(const PostgresAddress& address, Deadline deadline) {
    const auto connection = db::open({db::Engine::postgres, connection_text(address)}, db::Access::read_only);
    if (!connection) return true;
    (*connection)->set_deadline(deadline);
    const auto any = (*connection)
                         ->one(
                             "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
                             "c.relnamespace WHERE c.relkind "
                             "IN ('r', 'p', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND "
                             "n.nspname !~ '^pg_toast' "
                             "LIMIT 1");
    return !any || any->has_value();
}

Result<DatabaseServer> look_at_postgres(const PostgresAddress& address, Deadline deadline) {
    TRY(const auto connection, db::open({db::Engine::postgres, connection_text(address)}, db::Access::read_only));
    connection->set_deadline(deadline);
    // To the microsecond, when it was started: one may be called localhost here and db1 there.
    TRY(const auto self, connection->one("SELECT pg_catalog.pg_postmaster_start_time()::text, "
                                         "pg_catalog.current_database()::text"));
    DatabaseServer out{.identity = self->text(0), .database = self->text(1), .databases = {}};
    TRY(const auto all, connection->query("SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT "
                                          "datistemplate ORDER BY datname"));
    for (const auto& row : all.rows)
        if (row.text(0) == out.database ||
            holds_something({with_database(address.url, row.text(0)), address.password}, deadline))
            out.databases.push_back(row.text(0));
    return out;
}

Result<DatabaseServer> look_at_mariadb(const MariadbAddress& address, Deadline deadline) {
    TRY(auto session, MariadbSession::open(address, deadline));
    TRY(const auto self, session.query("SELECT CONCAT_WS(':', @@hostname, @@port, @@socket, @@datadir)"));
    DatabaseServer out{.identity = self.at(0)[0].value_or(""), .database = address.database, .databases = {}};
    // What the engine itself has, which needs no right to each of them.
    TRY(const auto all,
        session.query("SELECT DISTINCT SUBSTRING_INDEX(NAME, '/', 1) FROM "
                      "information_schema.INNODB_SYS_TABLES WHERE NAME REGEXP '^[0-9A-Za-z_]+/' ORDER BY 1"));
    for (const auto& row : all)
        if (const auto name = row[0].value_or(""); name != "mysql" && name != "sys") out.databases.push_back(name);
    return out;
}

}  // namespace

Result<DatabaseServer> look_at_server(const std::string& data_set, const std::string& url, const std::string& password,
                                      const std::string& ca, Deadline deadline) {
    if (url.starts_with("mariadb:")) {
        TRY(const auto address, mariadb_address(data_set, url, password, ca));
        return look_at_mariadb(address, deadline);
    }
    TRY(const auto address, postgres_address(data_set, url, password));
    return look_at_postgres(address, deadline);
}

}  // namespace tilsyn::backup
