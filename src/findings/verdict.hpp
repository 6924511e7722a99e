// Verdicts are derived, never stored: from the latest observation of each subject, its age, and the exceptions in
// force. Only a fresh pass is green.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/i18n.hpp"
#include "base/time.hpp"
#include "db/db.hpp"
#include "policy/types.hpp"

namespace tilsyn::findings {

// In the order in which one decides over another: a control is as good as its worst subject.
enum class Verdict { fail, missed, unknown, stale, accepted, pass, not_applicable };
inline constexpr Verdict all_verdicts[] = {Verdict::fail,     Verdict::missed, Verdict::unknown,       Verdict::stale,
                                           Verdict::accepted, Verdict::pass,   Verdict::not_applicable};
std::string_view to_string(Verdict);
std::optional<Verdict> parse_verdict(std::string_view);

struct ControlVerdict {
    std::string control;
    Verdict verdict = Verdict::unknown;
    std::map<Verdict, std::int64_t> counts;  // subjects by verdict
    std::int64_t population = 0;
    std::int64_t not_yet = 0;         // subjects never observed, and not yet overdue (they count as unknown)
    std::optional<Timestamp> oldest;  // oldest of the latest observations
    std::optional<Timestamp> newest;
    std::optional<Timestamp> next_due;
};

// One for every control of the policy, in its order. One pass over subject_state, whatever its size.
Result<std::vector<ControlVerdict>> verdicts(db::Connection& connection, const policy::Policy& policy, Timestamp now);

struct SubjectVerdict {
    std::string subject;
    Verdict verdict = Verdict::unknown;
    bool observed = false;
    Timestamp observed_at{};
    Timestamp planned_at{};  // of the next run
    std::int64_t log_index = -1;
    Message why;          // empty key: nothing has been observed
    std::string details;  // JSON of the observation
    std::string finding;  // id of the open finding, if any
};

// Worst first. `only` limits to one verdict.
Result<std::vector<SubjectVerdict>> subject_verdicts(db::Connection& connection, std::string_view control,
                                                     Timestamp now, std::optional<Verdict> only = std::nullopt,
                                                     std::int64_t limit = 100);

}  // namespace tilsyn::findings
