// The composition root: opens a data folder and wires the slices together. Commands and the server use nothing else.
//
// A data folder: tilsyn.db (unless --database names a PostgreSQL), policy/ (the policy as the company edits it),
// evidence/ (files attached to sign-offs), log.key (what signs the control log) and log.signed (what it signed last),
// witnesses and tsa.toml (who outside vouches for the log), tilsyn.toml (settings), all of it readable by its owner
// only.
#pragma once
#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "db/db.hpp"
#include "log/store/signer.hpp"
#include "log/store/witnessed.hpp"
#include "policy/load.hpp"
#include "registers/service.hpp"
#include "schedule/engine.hpp"

namespace tilsyn::app {

inline constexpr std::string_view version = "0.1.0";

struct Options {
    std::filesystem::path data;  // the data folder
    std::string database;        // postgresql://...; empty: what tilsyn.toml says, else DATA/tilsyn.db
    std::string origin = {};     // the name of the control log, when its key is made; empty: after this machine
};

// What tilsyn.toml may hold.
struct Settings {
    std::string database;
    std::string address = "127.0.0.1";
    std::uint16_t port = 7373;
    std::string log_key;     // file; empty: the systemd credential "tilsyn-log-key", else DATA/log.key
    std::string log_memory;  // file; empty: DATA/log.signed. Best on another disk than the database
};
Result<Settings> read_settings(const std::filesystem::path& data);

struct PolicyApplied {
    std::int64_t version = 0;
    bool changed = false;
    schedule::SyncReport plan;
};

class App {
  public:
    // Migrates the database, checks the log's head, loads the policy in force. Code::not_found: there is no data
    // folder.
    static Result<std::unique_ptr<App>> open(const Options& options, const Clock& clock);
    ~App();

    const Clock& clock() const { return *clock_; }
    const std::filesystem::path& data() const { return data_; }
    const Settings& settings() const { return settings_; }
    log::Committer& committer() { return *committer_; }
    db::Pool& readers() { return *readers_; }
    const db::Location& location() const { return location_; }
    log::Tree& tree() { return tree_; }
    std::filesystem::path log_key() const;
    std::filesystem::path log_memory() const;
    // Opened when it is first asked for, and anew when the key file has changed. Code::not_found: this node has no key,
    // so another one signs.
    Result<std::shared_ptr<log::Signer>> signer();
    // The one way to a new checkpoint. Errors as those of signer() and Signer::sign, and what refuse_to_sign was told.
    Result<log::StoredCheckpoint> sign(db::Connection& reader);
    // A witness has seen another log than this one; nullopt: none has, as far as is known. Any thread.
    void refuse_to_sign(std::optional<Error> why);
    // Is the log what was signed last, and what witnesses have seen? Code::conflict: it is not.
    Result<void> log_continues(db::Connection& reader);
    std::filesystem::path witnesses() const { return data_ / "witnesses"; }
    Result<std::optional<log::Witnessed>> newest_witnessed(db::Connection& reader) const;
    // Shared, because a policy that adds registers replaces it under the feet of a request.
    std::shared_ptr<registers::Service> registers() const;
    // The policy in force with everything a run needs; null until one has been applied.
    std::shared_ptr<const schedule::Plan> plan() const;

    // Loads DATA/policy/policy.toml (or another file) and puts it in force. Faults come back in `faults`.
    Result<PolicyApplied> apply_policy(const std::filesystem::path& file, std::string_view actor,
                                       std::vector<Error>& faults);
    // Takes up a policy that another process has applied. True: there was one.
    Result<bool> reload_policy();

    // The engine is made on demand: commands that only look do not join the nodes.
    schedule::Engine& engine(schedule::Engine::Report report = {});
    checks::Environment environment();

  private:
    App() = default;
    Result<void> use_policy(policy::Loaded loaded);
    Result<schedule::SyncReport> sync_if_needed();
    Result<void> make_views();
    Result<void> not_refused() const;
    Result<void> make_log_key(const std::string& origin);

    const Clock* clock_ = nullptr;
    std::filesystem::path data_;
    Settings settings_;
    db::Location location_;
    std::unique_ptr<db::Pool> readers_, query_pool_;
    std::unique_ptr<log::Committer> committer_;
    log::Tree tree_;
    std::shared_ptr<log::Signer> signer_;  // guarded by mutex_, as is the time its key file was written
    std::filesystem::file_time_type signer_key_written_{};
    std::optional<Error> refused_;  // guarded by mutex_
    std::mutex changing_;           // one policy is put in force at a time: a request may ask while the service reloads
    mutable std::mutex mutex_;      // guards plan_, policy_version_ and registers_
    std::shared_ptr<const schedule::Plan> plan_;
    std::int64_t policy_version_ = 0;
    std::vector<std::shared_ptr<const schedule::Plan>> kept_;  // the register service refers to the catalogue of one
    std::shared_ptr<registers::Service> registers_;
    std::unique_ptr<schedule::Engine> engine_;
};

// All migrations of all slices, in order.
std::vector<db::Migration> migrations();

}  // namespace tilsyn::app
