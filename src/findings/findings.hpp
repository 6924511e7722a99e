// Findings and exceptions. A failing or missed (control, subject) opens a finding with an owner and a due date; it
// closes by the next pass, or by an exception with a reason and an end.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "checks/kind.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"
#include "policy/types.hpp"

namespace tilsyn::findings {

struct Finding {
    std::string id;  // "F" and the log index of its opening: F4711
    std::string control, subject;
    policy::Severity severity = policy::Severity::medium;
    std::string owner;  // role
    Timestamp opened_at{};
    Timestamp due_at{};
    std::optional<Timestamp> closed_at;
    std::string close_reason;  // pass, not_applicable, exception, retired
};

struct Exception {
    std::string id;  // "E" and the log index of its grant
    std::string control;
    std::string subject;  // "*": every subject of the control
    std::string reason;
    std::string granted_by;
    Timestamp granted_at{};
    Timestamp until{};
    std::optional<Timestamp> revoked_at;
};

// What follow() needs to know of an outcome.
struct Followed {
    const policy::Control* control = nullptr;
    std::string subject;
    bool personal = false;  // the subject's id goes into the log as a commitment
    checks::Outcome outcome = checks::Outcome::unknown;
};

// Opens and closes findings for outcomes, inside the transaction that records them.
Result<void> follow(log::WriteContext& context, const policy::Calendar& calendar, std::span<const Followed> outcomes);
// A control or a subject that is no longer there cannot fail: its findings close.
Result<void> retire(log::WriteContext& context, std::string_view control, std::optional<std::string_view> subject);

Result<Exception> grant(log::Committer& committer, const policy::Policy& policy, std::string_view control,
                        std::string_view subject, std::string_view reason, Timestamp until, std::string_view by);
Result<void> revoke(log::Committer& committer, std::string_view id, std::string_view by);

// For slices above, which join tables of their own: the clause speaks of the table finding as f. Oldest first.
Result<std::vector<Finding>> select(db::Connection& connection, std::string_view clause,
                                    std::initializer_list<db::Value> params, std::int64_t limit);

enum class Which { open, closed, all };
Result<std::vector<Finding>> list(db::Connection& connection, Which which, std::int64_t limit = 1000);
Result<std::vector<Exception>> exceptions(db::Connection& connection, Timestamp now, bool active_only);

// A working day or three, by severity: critical 1, high 3, medium 5, low 20.
Timestamp due_date(policy::Severity severity, const policy::Calendar& calendar, Timestamp opened);

std::span<const db::Migration> migrations();
Result<void> create_views(db::Connection& connection);

}  // namespace tilsyn::findings
