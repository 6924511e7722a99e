// The table subject_state: one row for each (control, subject) of the policy: the next planned run, recorded before it
// is due, and the latest outcome. This slice is its only writer.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "checks/kind.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"
#include "policy/types.hpp"
#include "registers/types.hpp"

namespace tilsyn::schedule {

inline constexpr std::string_view company = "company";

enum class State : std::int64_t {
    waiting = 0,  // for planned_at
    claimed = 1,  // by a node
    asked = 2,    // a person (sign_off): never claimed
    watched = 3,  // by the monitor, which asks at its own pace and records what changes: never claimed
};
// Of what is watched, the log gets an entry at least so often: planned_at is when the next one is due.
inline constexpr Duration watched_entry_every = std::chrono::hours(1);

// Everything a run needs to know, fixed while a policy is in force. Shared between threads, never changed.
struct Plan {
    policy::Policy policy;
    registers::Catalogue registers;
    policy::Calendar calendar;
    std::string lot_seed;  // of the installation: what random days and persons are drawn from
    std::span<const checks::Kind> kinds = checks::kinds();

    const policy::Control* control(std::string_view id) const { return policy.control(id); }
    const checks::Kind* kind(const policy::Control& control) const;
    policy::Mode mode(const policy::Control& control) const;
    // Intervals are spread by it; the subjects of a batch control share one phase, so that they run together.
    std::uint64_t phase(const policy::Control& control, std::string_view subject) const;
    bool personal(const policy::Control& control) const;  // its subjects' ids are kept out of the log
    State resting(const policy::Control& control) const;  // the state of its rows between two runs
    // The next planned run; of what is watched, when the next entry is due.
    Timestamp next(const policy::Control& control, std::string_view subject, Timestamp after,
                   std::optional<Timestamp> last_done = std::nullopt) const;
};

struct SyncReport {
    std::int64_t added = 0, removed = 0, replanned = 0;
};
// Brings subject_state in line with the policy and the registers. With a register's name only its controls are looked
// at. Logs control.population where it changed.
Result<SyncReport> sync(log::WriteContext& context, const Plan& plan,
                        std::optional<std::string_view> register_name = std::nullopt);

// --- outcomes -----------------------------------------------------------------------------------------------------
struct Outcome {
    const policy::Control* control = nullptr;
    std::string subject;
    Timestamp planned{};
    Timestamp observed{};
    checks::Judgement judgement;
    int attempt = 1;
    bool final = true;         // false: a retry follows; logged as control.attempt, the state stays claimed
    std::int64_t skipped = 0;  // planned runs that a late or long run has swallowed
    std::string by;            // who signed, for sign-offs; a commitment in the log
    std::string node;
};
// Log entries, state, history, findings: all in the caller's transaction.
Result<void> record(log::WriteContext& context, const Plan& plan, std::span<const Outcome> outcomes);

// Logs what was due and did not run, one entry for each run up to a bound and then one that sums up, and plans anew:
// machine checks at once, sign-offs at their next time. Returns how many runs were missed. At most `limit` rows a call.
Result<std::int64_t> record_missed(log::WriteContext& context, const Plan& plan, std::int64_t limit = 500);

// --- claims -------------------------------------------------------------------------------------------------------
struct Claim {
    std::string control, subject;
    Timestamp planned{};
    int attempt = 1;  // more than 1: an earlier attempt was interrupted
};
Result<std::vector<Claim>> claim(log::WriteContext& context, std::string_view kind, std::string_view node,
                                 Timestamp now, std::int64_t limit);
// Claims that were not begun go back as if they had never been made.
Result<void> hand_back(log::WriteContext& context, std::string_view node, std::span<const Claim> claims);
// A node that died: what it had claimed is logged as interrupted and is due again.
Result<std::int64_t> release_dead_node(log::WriteContext& context, const Plan& plan, std::string_view node);

// Makes a control's waiting runs due now, as somebody asks for. Returns how many.
Result<std::int64_t> request_run(log::Committer& committer, const Plan& plan, std::string_view control,
                                 std::string_view by);

// --- what is watched ----------------------------------------------------------------------------------------------
struct Watched {
    const policy::Control* control = nullptr;  // of the plan
    checks::Subject subject;
    std::string outcome;  // the latest that was recorded; empty: none
    Timestamp entry_due{};
};
// Every (control, subject) that the monitor asks, with its register row.
Result<std::vector<Watched>> watched(db::Connection& connection, const Plan& plan);
// Makes those that have not been asked for as long as their control says a planned run, for once: for a caller that
// runs what is due and has no monitor.
Result<void> release_watched(log::WriteContext& context, const Plan& plan);

std::span<const db::Migration> migrations();
Result<void> create_views(db::Connection& connection);

}  // namespace tilsyn::schedule
