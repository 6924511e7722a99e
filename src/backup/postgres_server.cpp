#include "backup/postgres_server.hpp"

#include <unistd.h>

#include <algorithm>

#include "backup/engines/call.hpp"
#include "backup/scratch.hpp"
#include "backup/scratch_server.hpp"
#include "base/file.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr std::uint64_t spare = 256u << 20;  // bytes of the disk that are left alone

constexpr std::string_view every_database =
    "SELECT datname::text FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate ORDER BY datname";

// Every database in a snapshot of its own.
Result<json> count_all(const std::function<std::string(const std::string&)>& url, const std::string& first,
                       Deadline deadline) {
    std::vector<std::string> names;
    {
        TRY(const auto connection, open_counting(url(first), deadline));
        TRY(const auto all, connection->query(every_database));
        for (const auto& row : all.rows) names.push_back(row.text(0));
    }
    json out = json::object();
    for (const auto& name : names) {
        TRY(const auto connection, open_counting(url(name), deadline));
        TRY(out[name], postgres_counts(*connection));
    }
    return out;
}

// What stayed, and what is said of what did not.
json between(const json& before, const json& after) {
    json out = json::object();
    for (const auto& [name, was] : before.items()) {
        const auto found = after.find(name);
        if (found == after.end()) continue;  // a database that was dropped meanwhile
        json kept{{"tables", json::object()}, {"sequences", json::object()}, {"objects", json::object()}};
        for (const auto& [table, value] : was["tables"].items()) {
            const auto is = (*found)["tables"].find(table);
            if (is == (*found)["tables"].end()) continue;
            kept["tables"][table] = value;
            if (*is == value) continue;
            kept["tables"][table]["moved"] = true;
            kept["tables"][table]["rows_after"] = (*is)["rows"];
        }
        // At the end of the copy they were at least as far as before it.
        for (const auto& [sequence, value] : was["sequences"].items())
            if ((*found)["sequences"].contains(sequence)) kept["sequences"][sequence] = value;
        kept["whole"] = was["objects"] == (*found)["objects"] && was["tables"].size() == (*found)["tables"].size() &&
                        kept["tables"].size() == was["tables"].size() &&
                        kept["sequences"].size() == (*found)["sequences"].size();
        kept["objects"] = was["objects"];
        out[name] = std::move(kept);
    }
    return out;
}

Result<void> room_for(const std::filesystem::path& folder, std::uint64_t bytes) {
    const auto there = free_bytes(folder), needed = bytes + bytes / 10 + spare;
    if (there >= needed) return {};
    return fail(Code::io, "backup.no-room-to-copy",
                {{"needed", std::to_string(needed >> 20)}, {"there", std::to_string(there >> 20)}});
}

Result<void> needs_program(int version, const char* name) {
    if (::access(postgres_program(version, name).c_str(), X_OK) == 0) return {};
    return fail(Code::unsupported, "backup.no-postgres", {{"version", std::to_string(version)}});
}

// The server is to run with settings of ours alone: what it was told in production may send logs away, start programs
// or wait for a primary.
Result<void> make_harmless(const std::filesystem::path& data) {
    std::error_code error;
    for (const auto* name : {"postgresql.auto.conf", "standby.signal", "recovery.signal", "pg_hba.conf",
                             "pg_ident.conf", "postgresql.conf", "postmaster.pid", "postmaster.opts"})
        std::filesystem::remove(data / name, error);
    TRY_VOID(write_file(data / "postgresql.conf", "", 0600));
    TRY_VOID(write_file(data / "pg_ident.conf", "", 0600));
    return write_file(data / "pg_hba.conf", "local all all trust\n", 0600);
}

// The server's account may not look into the data folder: as root, the copy goes to where it may.
Result<std::filesystem::path> place_for_server(const std::filesystem::path& restored,
                                               const std::filesystem::path& scratch) {
    if (::geteuid() != 0) return restored;
    const auto place = scratch / "data";
    std::error_code error;
    std::filesystem::rename(restored, place, error);
    if (error) {
        std::uint64_t bytes = 0;
        for (const auto& item : std::filesystem::recursive_directory_iterator(restored))
            if (item.is_regular_file()) bytes += item.file_size();
        TRY_VOID(room_for(scratch, bytes));
        error.clear();
        std::filesystem::copy(restored, place, std::filesystem::copy_options::recursive, error);
        if (error) return fail(Code::io, "base.cannot-write", {{"path", place.string()}}).detail(error.message());
        std::filesystem::permissions(place, std::filesystem::perms::owner_all, error);
    }
    TRY_VOID(give_to("postgres", scratch));
    TRY_VOID(give_to("postgres", place));
    for (const auto& item : std::filesystem::recursive_directory_iterator(place))
        if (!item.is_symlink()) TRY_VOID(give_to("postgres", item.path()));
    return place;
}

}  // namespace

Result<json> copy_postgres_server(const std::string& data_set, const PostgresAddress& address,
                                  const std::filesystem::path& folder, Deadline deadline) {
    const auto url = [&](const std::string& database) {
        return connection_text({with_database(address.url, database), address.password});
    };
    json counted{{"engine", "postgresql_server"}};
    std::string first;
    {
        TRY(const auto connection, open_counting(connection_text(address), deadline));
        TRY(const int version, postgres_version(*connection));
        TRY(const auto facts,
            connection->one("SELECT (SELECT rolname::text FROM pg_catalog.pg_roles WHERE oid = 10), "
                            "(SELECT count(*) FROM pg_catalog.pg_tablespace WHERE spcname NOT IN ('pg_default', "
                            "'pg_global')), (SELECT sum(pg_catalog.pg_database_size(oid))::bigint FROM "
                            "pg_catalog.pg_database), current_database()::text"));
        counted["version"] = version;
        counted["superuser"] = facts->text(0);
        first = facts->text(3);
        if (facts->integer(1) > 0) return fail(Code::unsupported, "backup.tablespaces", {{"data_set", data_set}});
        TRY_VOID(needs_program(version, "pg_verifybackup"));
        TRY_VOID(room_for(folder.parent_path(), std::uint64_t(facts->integer(2))));
    }
    TRY(const auto before, count_all(url, first, deadline));
    const int version = counted["version"];
    net::ProcessRequest request;
    request.arguments = {postgres_program(version, "pg_basebackup"),
                         "--no-password",
                         "--format=plain",
                         "--wal-method=stream",
                         "--checkpoint=fast",
                         "--manifest-checksums=SHA256",
                         "--label=tilsyn " + data_set,
                         "--pgdata=" + folder.string(),
                         "--dbname=" + address.url};
    add_password(request, address);
    TRY_VOID(run_postgres_tool(data_set, std::move(request), deadline));
    // Its own list against its own files, and that the log of changes leads to where the copy ends.
    net::ProcessRequest verify;
    verify.arguments = {postgres_program(version, "pg_verifybackup"), "--quiet", folder.string()};
    TRY(const auto verified, call(std::move(verify), {deadline}));
    if (verified.code != 0)
        return fail(Code::corrupt, "backup.copy-damaged", {{"data_set", data_set}}).detail(last_words(verified.error));
    TRY(const auto after, count_all(url, first, deadline));
    counted["databases"] = between(before, after);
    return counted;
}

Result<json> restore_postgres_server(const json& was, const std::filesystem::path& restored,
                                     const std::filesystem::path& scratch, const WhenOpen& when_open,
                                     Deadline deadline) {
    const auto version = was.value("version", 0);
    TRY_VOID(needs_program(version, "postgres"));
    TRY_VOID(make_harmless(restored));
    TRY(const auto data, place_for_server(restored, scratch));
    const auto superuser = was.value("superuser", "postgres");
    const auto url = [&](const std::string& database) { return scratch_url(scratch, database, superuser); };
    ScratchServer server(
        as_account("postgres",
                   {postgres_program(version, "postgres"), "-D", data.string(), "-k", scratch.string(), "-c",
                    "listen_addresses=", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "autovacuum=off", "-c",
                    "hot_standby=off", "-c", "max_worker_processes=0", "-c", "logging_collector=off"}),
        scratch, deadline);
    // It first makes good what was written while the copy was made.
    TRY_VOID(server.wait(
        [&] { return db::open({db::Engine::postgres, url("template1")}, db::Access::read_only).has_value(); },
        std::chrono::minutes(30)));
    TRY(auto counted, count_all(url, "template1", deadline));
    // What is not judged is not said.
    for (auto& [name, database] : counted.items()) {
        const auto before = was["databases"].find(name);
        if (before == was["databases"].end() || before->value("whole", true)) continue;
        database["objects"] = (*before)["objects"];
        for (const auto* kind : {"tables", "sequences"}) {
            json known = json::object();
            for (const auto& [key, value] : database[kind].items())
                if ((*before)[kind].contains(key)) known[key] = value;
            database[kind] = std::move(known);
        }
    }
    Opened opened;
    for (const auto& [name, database] : counted.items()) opened.databases.push_back(name);
    opened.ask = [&](const std::string& database, const std::string& sql) {
        return ask_postgres(url(database), sql, deadline);
    };
    when_open(opened);
    return counted;
}

}  // namespace tilsyn::backup
