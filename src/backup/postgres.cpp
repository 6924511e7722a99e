#include "backup/postgres.hpp"

#include <unistd.h>

#include "backup/engines/call.hpp"
#include "backup/scratch_server.hpp"
#include "base/file.hpp"
#include "db/db.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

// As pg_dump itself pins them: the text of a value is the same wherever it is read.
constexpr std::string_view pinned[] = {
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL row_security = off",
    "SET LOCAL search_path = pg_catalog",
};

constexpr std::string_view own_tables =
    "SELECT n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence <> 't' "
    "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1";
constexpr std::string_view own_sequences =
    "SELECT schemaname || '.' || sequencename, coalesce(last_value::text, '-') FROM pg_catalog.pg_sequences ORDER BY 1";
constexpr std::string_view own_objects =
    "SELECT c.relkind::text, count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' GROUP BY 1 ORDER BY 1";

// In the connection's transaction.
Result<json> count(db::Connection& connection) {
    json out{{"engine", "postgresql"},
             {"tables", json::object()},
             {"sequences", json::object()},
             {"objects", json::object()}};
    TRY(const auto version, connection.one("SELECT current_setting('server_version_num')::int / 10000"));
    out["version"] = version->integer(0);
    TRY(const auto tables, connection.query(own_tables));
    for (const auto& table : tables.rows) {
        // Of all rows in any order: two sums of 64-bit hashes.
        TRY(const auto sums,
            connection.one("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text || "
                           "' ' || coalesce(sum(hashtextextended(t::text, 1)::numeric), 0)::text FROM ONLY " +
                           table.text(1) + " t"));
        out["tables"][table.text(0)] = {{"rows", sums->integer(0)}, {"sum", sums->text(1)}};
    }
    TRY(const auto sequences, connection.query(own_sequences));
    for (const auto& sequence : sequences.rows) out["sequences"][sequence.text(0)] = sequence.text(1);
    TRY(const auto objects, connection.query(own_objects));
    for (const auto& object : objects.rows) out["objects"][object.text(0)] = object.integer(1);
    return out;
}

Result<void> begin(db::Connection& connection) {
    TRY_VOID(connection.begin_read());
    for (const auto statement : pinned) TRY_VOID(connection.execute(statement));
    return {};
}

// For libpq's own programs.
void add_password(net::ProcessRequest& request, const PostgresAddress& address) {
    if (address.password.empty()) return;
    std::string line = "*:*:*:*:";
    for (const char c : address.password) {
        if (c == ':' || c == '\\') line += '\\';
        line += c;
    }
    request.secrets.emplace_back("pgpass", line + "\n");
    request.environment.emplace_back("PGPASSFILE", "{secret:pgpass}");
}

Result<void> run_tool(const std::string& data_set, net::ProcessRequest request, Deadline deadline) {
    TRY(const auto called, call(std::move(request), {deadline}));
    if (called.code != 0)
        return fail(Code::unavailable, "backup.dump-failed", {{"data_set", data_set}}).detail(last_words(called.error));
    return {};
}

// The server's own programs, of one version. Only Debian keeps several apart.
std::string server_program(int version, const char* name) {
    return "/usr/lib/postgresql/" + std::to_string(version) + "/bin/" + name;
}

std::string url_of(const std::filesystem::path& folder, const std::string& database) {
    return "postgresql:///" + database + "?user=tilsyn_drill&host=" + folder.string();
}

}  // namespace

Result<PostgresAddress> postgres_address(const std::string& data_set, const std::string& url, std::string password) {
    const bool scheme = url.starts_with("postgresql://") || url.starts_with("postgres://");
    const auto host = url.find("://") + 3;
    const auto authority = scheme ? url.substr(host, url.find_first_of("/?", host) - host) : std::string();
    const auto at = authority.rfind('@');
    const bool holds_password = (at != authority.npos && authority.substr(0, at).find(':') != authority.npos) ||
                                url.find("password=") != url.npos;
    if (!scheme || holds_password || url.find('\0') != url.npos)
        return fail(Code::invalid, "backup.bad-database", {{"data_set", data_set}});
    return PostgresAddress{url, std::move(password)};
}

std::string connection_text(const PostgresAddress& address) {
    if (address.password.empty()) return address.url;
    return address.url + (address.url.find('?') == std::string::npos ? "?" : "&") +
           "password=" + percent_encoded(address.password);
}

Result<json> dump_postgres(const std::string& data_set, const PostgresAddress& address,
                           const std::filesystem::path& dump, Deadline deadline) {
    TRY(const auto connection, db::open({db::Engine::postgres, connection_text(address)}, db::Access::read_only));
    TRY_VOID(begin(*connection));
    TRY(const auto snapshot, connection->one("SELECT pg_catalog.pg_export_snapshot()"));
    TRY(auto counted, count(*connection));
    net::ProcessRequest request;
    request.arguments = {"pg_dump",
                         "--no-password",
                         "-Fc",
                         "-Z1",
                         "--snapshot=" + snapshot->text(0),
                         "--file=" + dump.string(),
                         "--dbname=" + address.url};
    add_password(request, address);
    TRY_VOID(run_tool(data_set, std::move(request), deadline));
    connection->rollback();
    net::ProcessRequest roles;
    roles.arguments = {"pg_dumpall",
                       "--no-password",
                       "--globals-only",
                       "--no-role-passwords",
                       "--file=" + dump.string() + ".roles.sql",
                       "--dbname=" + address.url};
    add_password(roles, address);
    TRY_VOID(run_tool(data_set, std::move(roles), deadline));
    return counted;
}

Result<json> restore_postgres(const json& was, const std::filesystem::path& dump, const std::filesystem::path& scratch,
                              Deadline deadline) {
    const auto version = was.value("version", 0);
    if (::access(server_program(version, "postgres").c_str(), X_OK) != 0)
        return fail(Code::unsupported, "backup.no-postgres", {{"version", std::to_string(version)}});
    TRY_VOID(give_to("postgres", scratch));
    net::ProcessRequest init;
    init.arguments = as_account("postgres", {server_program(version, "initdb"), "-D", (scratch / "data").string(), "-U",
                                             "tilsyn_drill", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"});
    init.folder = scratch;
    TRY(const auto made, call(std::move(init), {deadline}));
    if (made.code != 0) return fail(Code::unavailable, "backup.scratch-server").detail(last_words(made.error));
    const auto url = [&](const std::string& database) { return url_of(scratch, database); };
    ScratchServer server(as_account("postgres", {server_program(version, "postgres"), "-D", (scratch / "data").string(),
                                                 "-k", scratch.string(), "-c", "listen_addresses=", "-c", "fsync=off",
                                                 "-c", "full_page_writes=off", "-c", "autovacuum=off"}),
                         scratch, deadline);
    TRY_VOID(server.wait(
        [&] { return db::open({db::Engine::postgres, url("postgres")}, db::Access::read_only).has_value(); }));
    // Roles that are there already, and settings that this server does not have, are no faults of the dump.
    net::ProcessRequest roles;
    roles.arguments = {"psql", "-X", "-q", "--no-password", "-f", dump.string() + ".roles.sql", url("postgres")};
    TRY_VOID(call(std::move(roles), {deadline}));
    net::ProcessRequest restore;
    restore.arguments = {"pg_restore", "--no-password", "--create", "--exit-on-error", "--dbname=" + url("postgres"),
                         dump.string()};
    TRY(const auto restored, call(std::move(restore), {deadline}));
    if (restored.code != 0) return fail(Code::corrupt, "backup.dump-not-restored").detail(last_words(restored.error));
    // It has the name that it had: the one database that the server did not begin with.
    TRY(const auto postgres, db::open({db::Engine::postgres, url("postgres")}, db::Access::read_only));
    TRY(const auto name, postgres->one("SELECT datname::text FROM pg_catalog.pg_database WHERE NOT datistemplate ORDER "
                                       "BY datname = 'postgres', datname"));
    TRY(const auto connection,
        db::open({db::Engine::postgres, url(name ? name->text(0) : "postgres")}, db::Access::read_only));
    TRY_VOID(begin(*connection));
    auto counted = count(*connection);
    connection->rollback();
    return counted;
}

}  // namespace tilsyn::backup
