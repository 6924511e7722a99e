// Controls that a person signs: who is asked for what, and the one gate through which a signature goes.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schedule/state.hpp"

namespace tilsyn::schedule {

struct Asked {
    const policy::Control* control = nullptr;
    std::string subject;
    Timestamp planned{};
    Timestamp deadline{};
    bool due = false;                  // its time has come
    std::vector<std::string> persons;  // ids of the people who may sign: holders of the owner role, or the one drawn
    std::string waiting_for_second;    // id of the person who has signed already, when a second is wanted
};
// Everything that is asked now, or will be within `ahead`; only what `person` may sign when given. Soonest first.
Result<std::vector<Asked>> asked(db::Connection& connection, const Plan& plan, Timestamp now, Duration ahead,
                                 std::optional<std::string_view> person = std::nullopt);

struct Answer {
    std::string decision;  // pass, fail, refuse
    std::string note;
    std::optional<std::int64_t> count;
    std::vector<std::string> answers;   // to the control's questions, in order
    std::vector<std::string> evidence;  // SHA-256 (hex) of stored files
};
struct Signed {
    bool waits_for_second = false;
    checks::Outcome outcome = checks::Outcome::unknown;
    std::int64_t log_index = -1;  // of the entry control.signoff
};
// `person` must be an active person who is asked (or, as the second, another active person). The control must be due,
// or be of the kind that may be done early (since last done).
Result<Signed> sign(log::Committer& committer, const Plan& plan, std::string_view control, std::string_view subject,
                    std::string_view person, const Answer& answer);

// Keeps a file by its content: DATA/evidence/ab/abcd... Returns its SHA-256 in hex.
Result<std::string> store_evidence(const std::string& data_folder, std::string_view content);
inline constexpr std::size_t evidence_limit = 20u << 20;

}  // namespace tilsyn::schedule
