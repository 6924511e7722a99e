#include "app/restore.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/app.hpp"
#include "backup/engines/engine.hpp"
#include "backup/postgres.hpp"
#include "backup/scratch.hpp"
#include "backup/source.hpp"
#include "base/file.hpp"
#include "log/store/verify.hpp"

namespace tilsyn::app {
namespace {

using nlohmann::json;

constexpr auto longest = std::chrono::hours(24);

// The file that says where everything was; it lies beside the copy of the database.
Result<std::filesystem::path> find_marker(const std::filesystem::path& restored) {
    std::error_code error;
    for (auto item = std::filesystem::recursive_directory_iterator(restored, error);
         !error && item != std::filesystem::end(item); item.increment(error))
        if (item->path().filename() == backup::own_marker &&
            item->symlink_status().type() == std::filesystem::file_type::regular)
            return item->path();
    return fail(Code::not_found, "app.restore-not-own");
}

Result<backup::EngineSet> choose(backup::Engine& engine, const std::string& wanted, const backup::Watch& watch) {
    TRY(auto sets, engine.sets(watch));
    std::ranges::sort(sets, std::greater(), &backup::EngineSet::made);
    for (auto& set : sets) {
        const bool own = std::ranges::find(set.tags, "data-set:tilsyn") != set.tags.end();
        if (wanted.empty() ? own : set.id == wanted) return std::move(set);
    }
    return fail(Code::not_found, "app.restore-no-set");
}

Result<void> move(const std::filesystem::path& from, const std::filesystem::path& to) {
    std::error_code error;
    std::filesystem::create_directories(to.parent_path(), error);
    std::filesystem::rename(from, to, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", to.string()}}).detail(error.message());
    return {};
}

// Puts what was restored together as a data folder.
Result<void> assemble(const std::filesystem::path& restored, const std::filesystem::path& target) {
    TRY(const auto marker, find_marker(restored));
    TRY(const auto text, read_file(marker, 1 << 16));
    const auto places = json::parse(text, nullptr, false);
    const auto data = places.is_object() ? places.value("data", "") : std::string();
    if (!backup::make_roots({data})) return fail(Code::corrupt, "app.restore-not-own").detail(text);
    const auto was = restored / std::filesystem::path(data).relative_path();
    for (const auto& name : backup::own_files()) {
        std::error_code error;
        if (std::filesystem::exists(was / name, error)) TRY_VOID(move(was / name, target / name));
    }
    for (const auto* name : {"log.signed", "tilsyn.db"}) {
        std::error_code error;
        if (std::filesystem::exists(marker.parent_path() / name, error))
            TRY_VOID(move(marker.parent_path() / name, target / name));
    }
    return {};
}

// A set that was made of a PostgreSQL goes into one.
Result<void> load_database(const std::filesystem::path& restored, const std::string& database,
                           const backup::Watch& watch) {
    TRY(const auto marker, find_marker(restored));
    const auto dump = marker.parent_path() / backup::own_dump_name;
    std::error_code error;
    const bool there = std::filesystem::is_regular_file(std::filesystem::symlink_status(dump, error));
    if (there && database.empty()) return fail(Code::invalid, "app.restore-needs-database");
    if (!there && !database.empty()) return fail(Code::invalid, "app.restore-is-sqlite");
    return there ? backup::load_postgres(backup::without_password(database), dump, watch.deadline) : Result<void>();
}

}  // namespace

Result<RestoreReport> restore(const RestoreOptions& options, const Clock& clock) {
    const auto data = std::filesystem::absolute(options.data);
    std::error_code error;
    if (std::filesystem::exists(data, error) && !std::filesystem::is_empty(data, error))
        return fail(Code::conflict, "app.data-exists", {{"path", data.string()}});
    auto beside = data;
    beside += ".restoring";
    if (std::filesystem::exists(beside, error)) TRY_VOID(backup::wipe(beside));  // of an attempt that was cut off
    TRY(auto scratch, backup::Scratch::make(beside));
    for (const auto* part : {"restored", "engine", "data"})
        TRY_VOID(backup::make_private_folder(scratch.path() / part));

    TRY(const auto engine, backup::open_engine({.id = options.location,
                                                .engine = options.engine,
                                                .location = options.location,
                                                .work = scratch.path() / "engine",
                                                .password = options.password,
                                                .credentials = {},
                                                .ssh_key = options.ssh_key,
                                                .known_hosts = options.known_hosts,
                                                .ca = {}}));
    const backup::Watch watch{Deadline::in(longest), {}, {}};
    TRY(const auto set, choose(*engine, options.set, watch));
    TRY_VOID(engine->restore({.set = set.id, .target = scratch.path() / "restored"}, watch));
    TRY_VOID(load_database(scratch.path() / "restored", options.database, watch));
    TRY_VOID(assemble(scratch.path() / "restored", scratch.path() / "data"));

    RestoreReport report{.data = data, .set = set.id, .made = set.made};
    {
        TRY(const auto app, App::open({.data = scratch.path() / "data", .database = options.database}, clock));
        report.settings_differ = !options.database.empty() && app->settings().database != options.database;
        TRY(const auto reader, app->readers().get());
        TRY(const auto verified, log::verify_all(*reader));
        report.log_size = verified.size;
        TRY_VOID(app->log_continues(*reader));
    }
    std::filesystem::remove(data, error);  // an empty one
    TRY_VOID(move(scratch.path() / "data", data));
    TRY_VOID(scratch.end());
    return report;
}

}  // namespace tilsyn::app
