// What was backed up and what was tried: the slice's own tables, and the entries of the control log that say the same.
// Names of files are personal data and stay out of the log; it holds counts and the digests of manifests.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::backup {

std::span<const db::Migration> migrations();

enum class SetState {
    running,  // begun; with nobody running it: cut off
    made,     // all of the data set is in it, as far as reading says
    partial,  // there is a set, and something is wrong with it
    failed,   // there is none
};
std::string_view to_string(SetState state);

struct Set {
    std::string id;  // ours: of the run
    std::string plan, data_set, repository;
    std::string machine;  // who ran it: one that starts again knows what it was cut off from
    SetState state = SetState::running;
    Timestamp started{};
    std::optional<Timestamp> ended;
    std::string engine_set;  // in full
    std::string manifest;    // digest
    std::int64_t files = 0, bytes = 0, added = 0;
    std::string details;                 // JSON: why not made, what was unread or moved, versions
    std::optional<Timestamp> forgotten;  // by us
    std::optional<Timestamp> lost;       // the repository does not have it any more, and it was not us
};

enum class Extent { full, sample };
std::string_view to_string(Extent extent);

struct Drill {
    std::string id, set, plan, data_set, repository, machine;
    Extent extent = Extent::full;
    Timestamp started{};
    std::optional<Timestamp> ended;
    std::string outcome;  // "pass", "fail", "unknown": could not be tried; "running"
    std::int64_t files = 0, bytes = 0, faults = 0, lost = 0, took_ms = 0;
    std::string details;  // JSON
};

// The engine's own check of a repository, which reads one part of all that is stored.
struct Check {
    std::string id, repository;
    Timestamp at{};
    std::string outcome;  // "pass", "fail", "unknown"
    int part = 1, parts = 1;
    int stale_locks = 0;  // that were left behind, and removed
    std::string details;  // JSON
};

// Each is one change, durable when it returns.
Result<void> begin_set(log::Committer& committer, const Set& set);
Result<void> end_set(log::Committer& committer, const Set& set);
Result<void> begin_drill(log::Committer& committer, const Drill& drill);
Result<void> end_drill(log::Committer& committer, const Drill& drill);
Result<void> mark_forgotten(log::Committer& committer, const std::vector<std::string>& sets);
Result<void> mark_lost(log::Committer& committer, const std::vector<std::string>& sets);
// What this machine was running when it stopped is over: failed and unknown. How much there was.
Result<int> end_cut_off(log::Committer& committer, db::Connection& reader, const std::string& machine);

Result<void> record_check(log::Committer& committer, const Check& check);

// Newest first.
Result<std::vector<Check>> checks_of(db::Connection& reader, std::string_view repository, int limit = 100);
Result<std::vector<Set>> sets_of(db::Connection& reader, std::string_view plan, int limit = 1000);
Result<std::optional<Set>> find_set(db::Connection& reader, std::string_view id);
// Has there ever been a set in this repository? One that has held something is never made anew by itself.
Result<bool> ever_held(db::Connection& reader, std::string_view repository);
Result<std::optional<Drill>> find_drill(db::Connection& reader, std::string_view id);
Result<std::vector<Drill>> drills_of(db::Connection& reader, std::string_view plan, int limit = 100);

}  // namespace tilsyn::backup
