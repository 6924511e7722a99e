// The state of everything, as a person and as a machine would like to read it.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app/app.hpp"
#include "findings/findings.hpp"
#include "findings/verdict.hpp"
#include "notify/outbox.hpp"

namespace tilsyn::app {

struct ControlStatus {
    const policy::Control* control = nullptr;
    findings::ControlVerdict verdict;
    std::vector<findings::SubjectVerdict> worst;  // a few subjects that are not well, worst first
    std::string why_empty;                        // the register without rows that it waits for
};
struct StatusReport {
    std::shared_ptr<const schedule::Plan> plan;
    std::int64_t policy_version = 0;
    Timestamp now{};
    std::vector<ControlStatus> controls;           // in the policy's order
    std::vector<findings::Finding> open_findings;  // soonest due first, at most 1,000
    std::int64_t log_size = 0;
    std::vector<notify::ChannelState> alerts_stuck;    // channels whose receiver has not taken an alert for a minute
    std::map<findings::Verdict, std::int64_t> totals;  // controls by verdict
    std::int64_t promises = 0, promises_by_machine = 0;
    bool anything_fails() const;  // fail or missed: exit code 1
};
Result<StatusReport> status(App& app, std::size_t worst_per_control = 3);

struct Style {
    bool color = false;
    std::size_t width = 100;
};
std::string render(const StatusReport& report, Lang lang, const Style& style);
nlohmann::json to_json(const StatusReport& report);

std::string verdict_word(findings::Verdict verdict, Lang lang);
// "14 of 14 servers", "not yet", "no rows in servers"
std::string population(const ControlStatus& status, const registers::Catalogue& registers, Lang lang);

}  // namespace tilsyn::app
