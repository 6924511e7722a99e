#include "backup/source.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "backup/mariadb.hpp"
#include "backup/postgres.hpp"
#include "backup/postgres_server.hpp"
#include "backup/queries.hpp"
#include "backup/restored_databases.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "db/sqlite_file.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

Result<void> run_hook(const Plan& plan, const std::filesystem::path& data, const char* when, Deadline deadline) {
    if (plan.hook.empty()) return {};
    if (!valid_id(plan.hook)) return fail(Code::invalid, "backup.bad-hook", {{"hook", plan.hook}});
    const auto path = data / "hooks" / plan.hook;
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode))
        return fail(Code::not_found, "backup.no-hook", {{"path", path.string()}});
    // It runs with our powers: only its owner, who is us, may change it.
    if (info.st_uid != ::geteuid() || (info.st_mode & 022) != 0)
        return fail(Code::forbidden, "backup.hook-open", {{"path", path.string()}});
    TRY(const auto ran,
        net::run_process({.arguments = {path.string(), when, plan.data_set}, .folder = data}, deadline));
    if (!ran.good())
        return fail(Code::unavailable, "backup.hook-failed", {{"hook", plan.hook}, {"when", when}})
            .detail(ran.error.text.empty() ? ran.output.text : ran.error.text);
    return {};
}

// A path as it really is: engines and our own reader follow no links on the way.
std::string real_path(const std::string& path) {
    std::error_code error;
    const std::filesystem::path given(path);
    const auto folder = std::filesystem::canonical(given.parent_path(), error);
    return error ? path : (folder / given.filename()).string();
}

// A copy of a database in the staging folder, and what is in it.
Result<void> stage(const std::filesystem::path& from, const std::filesystem::path& to, Prepared& out,
                   Deadline deadline) {
    TRY_VOID(db::copy_sqlite(from, to, deadline));
    TRY(const auto facts, db::inspect_sqlite(to, deadline));
    if (facts.integrity != "ok")
        return fail(Code::corrupt, "backup.database-damaged", {{"path", from.string()}}).detail(facts.integrity);
    out.databases[std::filesystem::path(real_path(to.string())).relative_path().string()] = sqlite_counts(facts);
    return {};
}

}  // namespace

std::vector<std::string> own_files() {
    return {"policy",    "evidence", "log.key", "log.signed", "tilsyn.toml", "channels.toml",
            "witnesses", "tsa.toml", "secrets", "hooks",      "queries",     "backup/manifests"};
}

Result<std::vector<std::string>> must_hold_of(const Plan& plan) {
    std::vector<std::string> out;
    for (const auto& path : plan.must_hold) {
        TRY(const auto wanted, make_roots({real_path(path)}));
        out.push_back(wanted.paths.front());
    }
    return out;
}

bool is_much_less(const Amount& before, const Amount& now) {
    constexpr std::int64_t too_few_to_tell = 10, a_day_of_work = 50;  // files
    if (before.files < too_few_to_tell) return false;
    return now.files * 2 < before.files || now.bytes * 2 < before.bytes ||
           (now.files * 5 < before.files * 4 && before.files - now.files > a_day_of_work);
}

Result<Prepared> prepare_source(const Plan& plan, const std::filesystem::path& data, const db::Location& own_database,
                                const std::filesystem::path& staging, Deadline deadline) {
    Prepared out;
    TRY(out.exclusions, exclusions_of(plan));
    TRY(out.must_hold, must_hold_of(plan));
    TRY_VOID(read_queries(data, plan.data_set));  // that they can be read is better said now than after a restore
    TRY_VOID(run_hook(plan, data, "before", deadline));
    std::vector<std::string> paths;
    switch (plan.source) {
        case Source::none:
            return fail(Code::invalid, "backup.nothing-to-read", {{"data_set", plan.data_set}});
        case Source::files:
            for (const auto& path : plan.paths) paths.push_back(real_path(path));
            break;
        case Source::sqlite:
            for (std::size_t i = 0; i < plan.paths.size(); ++i) {
                const std::filesystem::path from = plan.paths[i];
                TRY_VOID(
                    stage(from, staging / (std::to_string(i + 1) + "-" + from.filename().string()), out, deadline));
            }
            paths.push_back(real_path(staging.string()));
            break;
        case Source::postgresql: {
            TRY(auto secrets, read_secrets_if_any(data, plan.data_set));
            TRY(const auto address, postgres_address(plan.data_set, plan.database, secrets["password"]));
            const auto dump = staging / "database.dump";
            TRY(auto counted, dump_postgres(plan.data_set, address, dump, deadline));
            out.databases[std::filesystem::path(real_path(dump.string())).relative_path().string()] =
                std::move(counted);
            paths.push_back(real_path(staging.string()));
            break;
        }
        case Source::postgresql_server: {
            TRY(auto secrets, read_secrets_if_any(data, plan.data_set));
            TRY(const auto address, postgres_address(plan.data_set, plan.database, secrets["password"]));
            const auto folder = staging / "server";
            TRY(auto counted, copy_postgres_server(plan.data_set, address, folder, deadline));
            out.databases[std::filesystem::path(real_path(folder.string())).relative_path().string()] =
                std::move(counted);
            paths.push_back(real_path(staging.string()));
            break;
        }
        case Source::mariadb: {
            TRY(auto secrets, read_secrets_if_any(data, plan.data_set));
            TRY(const auto address, mariadb_address(plan.data_set, plan.database, secrets["password"], secrets["ca"]));
            const auto dump = staging / "database.sql";
            TRY(auto dumped, dump_mariadb(plan.data_set, address, dump, deadline));
            if (!dumped.unsafe.empty())
                out.why_not_whole.push_back(
                    msg("backup.why-no-transactions",
                        {{"count", std::to_string(dumped.unsafe.size())}, {"table", dumped.unsafe.front()}}));
            out.databases[std::filesystem::path(real_path(dump.string())).relative_path().string()] =
                std::move(dumped.counted);
            paths.push_back(real_path(staging.string()));
            break;
        }
        case Source::tilsyn: {
            // What was signed last is copied before the database: a copy of the log may be ahead of it, never behind.
            for (const auto& name : own_files()) {
                std::error_code none;  // folders that are there and empty are as they should be
                if (name == "log.signed" || !std::filesystem::exists(data / name) ||
                    (std::filesystem::is_directory(data / name) && std::filesystem::is_empty(data / name, none)))
                    continue;
                paths.push_back(real_path((data / name).string()));
            }
            if (auto signed_last = read_file(data / "log.signed"); signed_last)
                TRY_VOID(write_file(staging / "log.signed", *signed_last, 0600));
            if (own_database.engine == db::Engine::sqlite) {
                TRY_VOID(stage(own_database.target, staging / own_database_name, out, deadline));
            } else {
                const auto dump = staging / own_dump_name;
                TRY(auto counted, dump_postgres(plan.data_set, without_password(own_database.target), dump, deadline));
                out.databases[std::filesystem::path(real_path(dump.string())).relative_path().string()] =
                    std::move(counted);
            }
            TRY_VOID(write_file(staging / own_marker, json{{"data", real_path(data.string())}}.dump() + "\n", 0600));
            paths.push_back(real_path(staging.string()));
            break;
        }
    }
    if (paths.empty()) return fail(Code::invalid, "backup.nothing-to-read", {{"data_set", plan.data_set}});
    TRY(out.roots, make_roots(paths));
    return out;
}

Result<void> release_source(const Plan& plan, const std::filesystem::path& data, Deadline deadline) {
    return run_hook(plan, data, "after", deadline);
}

}  // namespace tilsyn::backup
