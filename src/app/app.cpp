#include "base/toml.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include "app/app.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "app/store.hpp"
#include "backup/ledger.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "findings/findings.hpp"
#include "monitor/store.hpp"
#include "notify/outbox.hpp"
#include "policy/store.hpp"

namespace tilsyn::app {
namespace {

constexpr db::Migration schema[] = {
    {"0500-app", R"(
CREATE TABLE setting(name TEXT PRIMARY KEY, value TEXT NOT NULL){norowid};
CREATE TABLE api_key(id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL, created_at {int} NOT NULL, revoked_at {int}){norowid};
)"},
};

constexpr std::size_t reader_limit = 24;  // workers, handlers and the dispatcher
constexpr std::size_t query_limit = 8;

std::string hostname() {
    std::ifstream file("/proc/sys/kernel/hostname");
    std::string name;
    std::getline(file, name);
    return name;
}

}  // namespace

std::vector<db::Migration> migrations() {
    std::vector<db::Migration> all;
    for (const auto list : {log::migrations(), registers::migrations(), backup::migrations(), policy::migrations(),
                            findings::migrations(), schedule::migrations(), monitor::migrations(), notify::migrations(),
                            std::span<const db::Migration>(schema)})
        all.insert(all.end(), list.begin(), list.end());
    return all;
}

Result<std::string> setting(db::Connection& connection, std::string_view name) {
    TRY(const auto row, connection.one("SELECT value FROM setting WHERE name = ?", {std::string(name)}));
    return row ? row->text(0) : std::string();
}

Result<void> set_setting(db::Connection& connection, std::string_view name, std::string_view value) {
    TRY_VOID(connection.execute(
        "INSERT INTO setting(name, value) VALUES(?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value",
        {std::string(name), std::string(value)}));
    return {};
}

Result<Settings> read_settings(const std::filesystem::path& data) {
    Settings settings;
    const auto path = data / "tilsyn.toml";
    const auto content = read_file(path, 1 << 20);
    if (!content) {
        if (content.error().code == Code::not_found) return settings;
        return std::unexpected(content.error());
    }
    const auto parsed = parse_toml(*content, path.string());
    if (!parsed) {
        return fail(Code::invalid, "app.bad-settings-file")
            .detail(std::string(parsed.error().description()))
            .at(position_in(path, parsed.error().source()));
    }
    for (const auto& [key, node] : parsed.table()) {
        const auto where = position_in(path, node.source());
        if (key == "database" && node.is_string())
            settings.database = node.value_or("");
        else if (key == "address" && node.is_string())
            settings.address = node.value_or("");
        else if (key == "log_key" && node.is_string())
            settings.log_key = node.value_or("");
        else if (key == "log_memory" && node.is_string())
            settings.log_memory = node.value_or("");
        else if (key == "port" && node.is_integer() && node.value_or(0) > 0 && node.value_or(0) < 65536)
            settings.port = std::uint16_t(node.value_or(0));
        else
            return fail(Code::invalid, "app.bad-setting", {{"key", std::string(key.str())}}).at(where);
    }
    return settings;
}

App::~App() {
    engine_.reset();     // leaves the nodes while the committer still runs
    committer_.reset();  // finishes what is queued
}

std::shared_ptr<registers::Service> App::registers() const {
    std::scoped_lock lock(mutex_);
    return registers_;
}

std::shared_ptr<const schedule::Plan> App::plan() const {
    std::scoped_lock lock(mutex_);
    return plan_;
}

Result<std::unique_ptr<App>> App::open(const Options& options, const Clock& clock) {
    if (!std::filesystem::exists(options.data / "policy"))
        return fail(Code::not_found, "app.no-data", {{"path", options.data.string()}})
            .hint("app.no-data-hint", {{"path", options.data.string()}});
    std::unique_ptr<App> app(new App);
    app->clock_ = &clock;
    app->data_ = options.data;
    TRY(app->settings_, read_settings(options.data));
    const auto& named = options.database.empty() ? app->settings_.database : options.database;
    app->location_ = db::parse_location(named.empty() ? (options.data / "tilsyn.db").string() : named);
    // SQLite would make it readable by others, as far as the umask lets it; its -wal and -shm follow its permissions.
    if (app->location_.engine == db::Engine::sqlite && !std::filesystem::exists(app->location_.target))
        TRY_VOID(write_file(app->location_.target, "", 0600));
    {
        TRY(const auto connection, db::open(app->location_, db::Access::read_write));
        TRY(const auto ran, db::migrate(*connection, migrations(), clock.now()));
        if (!ran.empty()) {
            TRY(const auto seed, setting(*connection, "lot_seed"));
            if (seed.empty()) TRY_VOID(set_setting(*connection, "lot_seed", random_id() + random_id()));
        }
    }
    TRY(app->committer_, log::Committer::start({app->location_}, clock));
    app->readers_ = std::make_unique<db::Pool>(app->location_, db::Access::read_only, reader_limit);
    app->query_pool_ = std::make_unique<db::Pool>(app->location_, db::Access::query, query_limit);
    TRY_VOID(app->make_log_key(options.origin));
    TRY_VOID(app->reload_policy());
    if (!app->registers_) {  // no policy yet: the registers that ship
        auto* self = app.get();
        app->registers_ = std::make_shared<registers::Service>(
            registers::builtin(), *app->readers_, *app->committer_,
            [self](log::WriteContext& context, const std::string& name) -> Result<void> {
                const auto plan = self->plan();
                if (plan) TRY_VOID(schedule::sync(context, *plan, name));
                return {};
            });
        TRY_VOID(app->make_views());
    }
    return app;
}

std::filesystem::path App::log_key() const {
    if (!settings_.log_key.empty()) return settings_.log_key;
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY"); folder != nullptr) {
        const auto credential = std::filesystem::path(folder) / "tilsyn-log-key";
        if (std::filesystem::exists(credential)) return credential;
    }
    return data_ / "log.key";
}

std::filesystem::path App::log_memory() const {
    return settings_.log_memory.empty() ? data_ / "log.signed" : std::filesystem::path(settings_.log_memory);
}

// Only for a log that nobody has signed yet: another key for the same log would be another log to those who check it.
Result<void> App::make_log_key(const std::string& origin) {
    if (std::filesystem::exists(log_key())) return {};
    {
        TRY(const auto reader, readers_->get());
        TRY(const auto any, log::newest_checkpoint(*reader));
        if (any) return {};
    }
    std::string name = origin;
    if (name.empty()) {
        for (const char c : lower_ascii(hostname()))
            name += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ? c : '-';
        name += "/control-log/" + random_id().substr(0, 8);
    }
    TRY_VOID(log::Signer::create(log_key(), name));
    return {};
}

Result<std::shared_ptr<log::Signer>> App::signer() {
    const std::scoped_lock lock(mutex_);
    // A command may have changed the key while this process runs: write_file() makes a new file.
    std::error_code ignored;
    const auto written = std::filesystem::last_write_time(log_key(), ignored);
    if (!signer_ || written != signer_key_written_) {
        TRY(auto opened, log::Signer::open({log_key(), log_memory()}));
        signer_ = std::move(opened);
        signer_key_written_ = written;
    }
    return signer_;
}

Result<void> App::not_refused() const {
    const std::scoped_lock lock(mutex_);
    return refused_ ? std::unexpected(*refused_) : Result<void>();
}

Result<log::StoredCheckpoint> App::sign(db::Connection& reader) {
    TRY_VOID(not_refused());
    TRY(const auto own, signer());
    return own->sign(*committer_, reader, tree_, *clock_);
}

void App::refuse_to_sign(std::optional<Error> why) {
    const std::scoped_lock lock(mutex_);
    refused_ = std::move(why);
}

Result<void> App::log_continues(db::Connection& reader) {
    TRY_VOID(not_refused());
    const auto own = signer();
    if (!own && own.error().code == Code::not_found) return {};  // another node signs, and compares
    if (!own) return std::unexpected(own.error());
    return (*own)->compare(reader, tree_);
}

Result<std::optional<log::Witnessed>> App::newest_witnessed(db::Connection& reader) const {
    TRY(const auto policy, log::read_witness_policy(witnesses()));
    return log::newest_witnessed(reader, policy);
}

Result<void> App::use_policy(policy::Loaded loaded) {
    TRY(auto calendar, loaded.policy.calendar());
    std::string seed;
    {
        TRY(const auto reader, readers_->get());
        TRY(seed, setting(*reader, "lot_seed"));
    }
    auto plan = std::make_shared<schedule::Plan>(
        schedule::Plan{std::move(loaded.policy), std::move(loaded.registers), std::move(calendar), seed});
    kept_.push_back(plan);
    auto service = std::make_shared<registers::Service>(
        plan->registers, *readers_, *committer_,
        [this](log::WriteContext& context, const std::string& name) -> Result<void> {
            TRY_VOID(schedule::sync(context, *this->plan(), name));
            return {};
        });
    {
        std::scoped_lock lock(mutex_);
        plan_ = plan;
        registers_ = std::move(service);
    }
    if (engine_) engine_->set_plan(plan);
    return make_views();
}

// The views follow from the registers' declarations and the program's version; they are made anew only when those
// change.
Result<void> App::make_views() {
    const auto service = registers();
    const auto& catalogue = service->catalogue();
    const std::string mark =
        std::string(version) + "|" + std::to_string(migrations().size()) + "|" + (plan() ? plan()->policy.hash : "");
    TRY(const auto connection, db::open(location_, db::Access::read_write));
    TRY(const auto made, setting(*connection, "views"));
    if (made == mark) return {};
    TRY(auto transaction, db::Transaction::begin(*connection));
    TRY_VOID(registers::create_views(*connection, catalogue));
    TRY_VOID(policy::create_views(*connection));
    TRY_VOID(findings::create_views(*connection));
    TRY_VOID(schedule::create_views(*connection));
    TRY_VOID(monitor::create_views(*connection));
    TRY_VOID(set_setting(*connection, "views", mark));
    return transaction.commit();
}

Result<bool> App::reload_policy() {
    const std::scoped_lock changing(changing_);
    std::int64_t newest = 0;
    {
        TRY(const auto reader, readers_->get());
        TRY(const auto row, reader->one("SELECT max(version) FROM policy_version"));
        newest = row && !row->null(0) ? row->integer(0) : 0;
        {
            std::scoped_lock lock(mutex_);
            if (newest == policy_version_) return false;
        }
        TRY(const auto files, policy::version_files(*reader, newest));
        auto loaded = policy::load(files, files.front().first, checks::kind_specs());
        if (!loaded.faults.empty())
            return std::unexpected(std::move(loaded.faults.front()));  // applied by a newer Tilsyn
        TRY_VOID(use_policy(std::move(loaded)));
    }
    std::scoped_lock lock(mutex_);
    policy_version_ = newest;
    return true;
}

Result<PolicyApplied> App::apply_policy(const std::filesystem::path& file, std::string_view actor,
                                        std::vector<Error>& faults) {
    auto loaded = policy::load(file, checks::kind_specs());
    if (!loaded.faults.empty()) {
        faults = std::move(loaded.faults);
        return fail(Code::invalid, "app.policy-faults",
                    {{"file", file.string()}, {"count", std::to_string(faults.size())}});
    }
    const std::scoped_lock changing(changing_);
    PolicyApplied result;
    TRY(const auto applied, policy::apply(*committer_, loaded, actor));
    result.version = applied.version;
    result.changed = applied.changed;
    if (!applied.changed && plan()) return result;
    TRY_VOID(use_policy(std::move(loaded)));
    {
        std::scoped_lock lock(mutex_);
        policy_version_ = applied.version;
    }
    const auto current = plan();
    TRY_VOID(committer_->write([&](log::WriteContext& context) -> Result<void> {
        TRY(result.plan, schedule::sync(context, *current));
        return {};
    }));
    return result;
}

checks::Environment App::environment() {
    checks::Environment environment;
    environment.clock = clock_;
    environment.query_pool = query_pool_.get();
    environment.readers = readers_.get();
    environment.data_folder = data_.string();
    environment.hostname = hostname();
    environment.log_continues = [this](db::Connection& reader) { return log_continues(reader); };
    return environment;
}

schedule::Engine& App::engine(schedule::Engine::Report report) {
    if (!engine_) {
        schedule::EngineOptions options;
        options.version = version;
        engine_ = std::make_unique<schedule::Engine>(*committer_, *readers_, environment(), *clock_, options,
                                                     std::move(report));
        if (const auto current = plan()) engine_->set_plan(current);
    }
    return *engine_;
}

}  // namespace tilsyn::app
