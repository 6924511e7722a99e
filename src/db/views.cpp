#include "db/views.hpp"

namespace tilsyn::db {
namespace {
std::string qualified(Engine engine, std::string_view name) {
    return (engine == Engine::postgres ? "facts." : "") + std::string(name);
}
}  // namespace

Result<void> drop_view(Connection& connection, std::string_view name) {
    return connection.script("DROP VIEW IF EXISTS " + qualified(connection.engine(), name));
}

Result<void> replace_view(Connection& connection, std::string_view name, std::string_view select) {
    if (connection.engine() == Engine::postgres) TRY_VOID(connection.script("CREATE SCHEMA IF NOT EXISTS facts"));
    TRY_VOID(drop_view(connection, name));
    return connection.script("CREATE VIEW " + qualified(connection.engine(), name) + " AS " + std::string(select));
}

std::string moment_as_text(Engine engine, std::string_view expression) {
    const std::string e(expression);
    if (engine == Engine::sqlite) return "strftime('%Y-%m-%dT%H:%M:%SZ', " + e + " / 1000000, 'unixepoch')";
    return "to_char(to_timestamp(" + e + " / 1000000) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')";
}

}  // namespace tilsyn::db
