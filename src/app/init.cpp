#include "app/init.hpp"

#include <sys/stat.h>

#include "app/keys.hpp"
#include "base/embedded.hpp"
#include "base/file.hpp"
#include "base/random.hpp"

namespace tilsyn::app {
namespace {

constexpr std::string_view starter = "starter/";

Result<void> make_folder(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (!error) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", path.string()}}).detail(error.message());
    return {};
}

// The first data set is our own: backed up beside the data folder until somebody names a better place. The repository
// is made by its first backup.
Result<void> plan_own_backup(App& app, InitReport& report) {
    auto place = std::filesystem::absolute(app.data()).lexically_normal();
    if (!place.has_filename()) place = place.parent_path();
    place += "-backup";
    TRY_VOID(make_folder(app.data() / "secrets"));
    report.backup_password = random_id() + random_id();
    report.backup_location = place.string();
    TRY_VOID(write_file(
        app.data() / "secrets" / "local.toml",
        "# Opens the repository. Keep a copy away from this machine: without it the backups cannot be read.\n"
        "password = \"" +
            report.backup_password + "\"\n",
        0600));
    const auto add = [&](const char* name, const char* id, const registers::Fields& fields) -> Result<void> {
        TRY_VOID(app.registers()->add(name, id, fields, "init"));
        report.registered.push_back(std::string(name) + "/" + id);
        return {};
    };
    TRY_VOID(add("backup-repositories", "local",
                 {{"name", "restic: " + report.backup_location},
                  {"method", "files"},
                  {"engine", "restic"},
                  {"location", report.backup_location},
                  {"encrypted", "true"},
                  {"status", "in_use"}}));
    return add("backup-plans", "tilsyn-local",
               {{"data_set", "tilsyn"},
                {"repository", "local"},
                {"status", "in_use"},
                {"run_by", "tilsyn"},
                {"planned_every", "24h"},
                {"sets_planned", "7"},
                {"keep_daily", "7"},
                {"keep_weekly", "4"},
                {"keep_monthly", "6"}});
}

Result<InitReport> fill(const Options& options, const Clock& clock) {
    for (const auto& file : embedded::policy_files()) {
        if (!file.name.starts_with(starter)) continue;
        const auto path = options.data / "policy" / file.name.substr(starter.size());
        TRY_VOID(make_folder(path.parent_path()));
        TRY_VOID(write_file(path, file.content, 0600));
    }
    if (!options.database.empty())  // a URL may hold a password: readable by the owner alone
        TRY_VOID(write_file(options.data / "tilsyn.toml", "database = '" + options.database + "'\n", 0600));
    TRY(const auto app, App::open(options, clock));
    InitReport report;
    std::vector<Error> faults;
    auto applied = app->apply_policy(options.data / "policy" / "policy.toml", "init", faults);
    if (!applied) return std::unexpected(faults.empty() ? applied.error() : faults.front());
    report.policy_version = applied->version;
    const auto plan = app->plan();
    report.controls = std::int64_t(plan->policy.controls.size());
    report.promises = std::int64_t(plan->policy.promises.size());
    for (const auto& row : discover("/", options.data)) {
        auto added = app->registers()->add(row.register_name, row.id, row.fields, "init");
        if (!added && added.error().code != Code::conflict) return std::unexpected(std::move(added).error());
        report.registered.push_back(row.register_name + "/" + row.id);
    }
    TRY_VOID(plan_own_backup(*app, report));
    TRY(const auto signer, app->signer());
    report.log_vkey = log::to_string(signer->ring().verifier());
    TRY(report.key, create_key(app->committer(), "admin", KeyRole::admin, "init"));
    return report;
}

}  // namespace

Result<InitReport> init(const Options& options, const Clock& clock) {
    if (std::filesystem::exists(options.data / "policy") || std::filesystem::exists(options.data / "tilsyn.db"))
        return fail(Code::conflict, "app.data-exists", {{"path", options.data.string()}});
    const bool made_here = !std::filesystem::exists(options.data);
    TRY_VOID(make_folder(options.data));
    auto report = fill(options, clock);
    if (!report) {  // nothing half-made: the next attempt starts clean
        std::error_code ignored;
        for (const char* part : {"policy", "tilsyn.db", "tilsyn.db-wal", "tilsyn.db-shm", "tilsyn.toml", "log.key",
                                 "log.signed", "secrets"})
            std::filesystem::remove_all(options.data / part, ignored);
        if (made_here) std::filesystem::remove(options.data, ignored);
    }
    return report;
}

}  // namespace tilsyn::app
