#include "backup/postgres.hpp"

#include <unistd.h>

#include "backup/engines/call.hpp"
#include "backup/scratch_server.hpp"

namespace tilsyn::backup {

using nlohmann::json;

Result<json> dump_postgres(const std::string& data_set, const PostgresAddress& address,
                           const std::filesystem::path& dump, Deadline deadline) {
    TRY(const auto connection, open_counting(connection_text(address), deadline));
    TRY(const auto snapshot, connection->one("SELECT pg_catalog.pg_export_snapshot()"));
    TRY(auto counted, postgres_counts(*connection));
    counted["engine"] = "postgresql";
    TRY(counted["version"], postgres_version(*connection));
    TRY(const auto name, connection->one("SELECT current_database()::text"));
    counted["database"] = name->text(0);
    net::ProcessRequest request;
    request.arguments = {"pg_dump",
                         "--no-password",
                         "-Fc",
                         "-Z1",
                         "--snapshot=" + snapshot->text(0),
                         "--file=" + dump.string(),
                         "--dbname=" + address.url};
    add_password(request, address);
    TRY_VOID(run_postgres_tool(data_set, std::move(request), deadline));
    connection->rollback();
    net::ProcessRequest roles;
    roles.arguments = {"pg_dumpall",
                       "--no-password",
                       "--globals-only",
                       "--no-role-passwords",
                       "--file=" + dump.string() + ".roles.sql",
                       "--dbname=" + address.url};
    add_password(roles, address);
    TRY_VOID(run_postgres_tool(data_set, std::move(roles), deadline));
    return counted;
}

Result<json> restore_postgres(const json& was, const std::filesystem::path& dump, const std::filesystem::path& scratch,
                              const WhenOpen& when_open, Deadline deadline) {
    const auto version = was.value("version", 0);
    if (::access(postgres_program(version, "postgres").c_str(), X_OK) != 0)
        return fail(Code::unsupported, "backup.no-postgres", {{"version", std::to_string(version)}});
    TRY_VOID(give_to("postgres", scratch));
    net::ProcessRequest init;
    init.arguments =
        as_account("postgres", {postgres_program(version, "initdb"), "-D", (scratch / "data").string(), "-U",
                                "tilsyn_drill", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"});
    init.folder = scratch;
    TRY(const auto made, call(std::move(init), {deadline}));
    if (made.code != 0) return fail(Code::unavailable, "backup.scratch-server").detail(last_words(made.error));
    const auto url = [&](const std::string& database) { return scratch_url(scratch, database, "tilsyn_drill"); };
    ScratchServer server(
        as_account("postgres", {postgres_program(version, "postgres"), "-D", (scratch / "data").string(), "-k",
                                scratch.string(), "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                                "full_page_writes=off", "-c", "autovacuum=off"}),
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
    const auto restored_name = name ? name->text(0) : "postgres";
    TRY(auto connection, open_counting(url(restored_name), deadline));
    TRY(auto counted, postgres_counts(*connection));
    connection.reset();
    when_open({{restored_name}, [&](const std::string& database, const std::string& sql) {
                   return ask_postgres(url(database), sql, deadline);
               }});
    return counted;
}

Result<void> load_postgres(const PostgresAddress& address, const std::filesystem::path& dump, Deadline deadline) {
    {
        TRY(const auto connection, open_counting(connection_text(address), deadline));
        TRY(const auto there, postgres_counts(*connection));
        if (!there["tables"].empty()) return fail(Code::conflict, "backup.database-not-empty", {{"url", address.url}});
    }
    net::ProcessRequest request;
    request.arguments = {
        "pg_restore",           "--no-password",           "--no-owner", "--no-privileges", "--exit-on-error",
        "--single-transaction", "--dbname=" + address.url, dump.string()};
    add_password(request, address);
    TRY(const auto restored, call(std::move(request), {deadline}));
    if (restored.code != 0) return fail(Code::corrupt, "backup.dump-not-restored").detail(last_words(restored.error));
    return {};
}

}  // namespace tilsyn::backup
