#include "app/status.hpp"

#include <nlohmann/json.hpp>
#include <set>

namespace tilsyn::app {

using findings::Verdict;

bool StatusReport::anything_fails() const {
    return totals.contains(Verdict::fail) || totals.contains(Verdict::missed);
}

Result<StatusReport> status(App& app, std::size_t worst_per_control) {
    StatusReport report;
    report.plan = app.plan();
    if (!report.plan) return fail(Code::not_found, "app.no-policy");
    report.now = app.clock().now();
    TRY(const auto reader, app.readers().get());
    TRY(auto transaction, db::Transaction::begin_read(*reader));
    TRY(auto verdicts, findings::verdicts(*reader, report.plan->policy, report.now));
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        ControlStatus status;
        status.control = &report.plan->policy.controls[i];
        status.verdict = std::move(verdicts[i]);
        ++report.totals[status.verdict.verdict];
        if (status.verdict.population == 0) status.why_empty = status.control->subjects.register_name;
        const auto verdict = status.verdict.verdict;
        if (status.verdict.population > 0 && verdict != Verdict::pass && verdict != Verdict::not_applicable) {
            TRY(status.worst, findings::subject_verdicts(*reader, status.control->id, report.now, verdict,
                                                         std::int64_t(worst_per_control)));
        }
        report.controls.push_back(std::move(status));
    }
    TRY(report.open_findings, findings::list(*reader, findings::Which::open));
    TRY(report.alerts_stuck, notify::channel_states(*reader));
    std::erase_if(report.alerts_stuck, [&](const auto& channel) {
        return !channel.waiting_since || report.now - *channel.waiting_since < std::chrono::minutes(1);
    });
    TRY(const auto head, reader->one("SELECT size FROM log_head"));
    report.log_size = head ? head->integer(0) : 0;
    TRY(const auto newest, reader->one("SELECT max(version) FROM policy_version"));
    report.policy_version = newest ? newest->integer(0) : 0;

    std::set<std::string> by_machine;
    for (const auto& control : report.plan->policy.controls)
        if (report.plan->mode(control) != policy::Mode::person)
            by_machine.insert(control.promises.begin(), control.promises.end());
    report.promises = std::int64_t(report.plan->policy.promises.size());
    report.promises_by_machine = std::int64_t(by_machine.size());
    return report;
}

nlohmann::json to_json(const StatusReport& report) {
    using nlohmann::json;
    const auto time = [](const std::optional<Timestamp>& t) {
        return t ? json(format_utc_seconds(*t)) : json(nullptr);
    };
    json controls = json::array();
    for (const auto& status : report.controls) {
        json counts = json::object();
        for (const auto& [verdict, count] : status.verdict.counts) counts[std::string(to_string(verdict))] = count;
        json subjects = json::array();
        for (const auto& subject : status.worst) {
            json row{{"subject", subject.subject},
                     {"verdict", to_string(subject.verdict)},
                     {"planned_at", format_utc_seconds(subject.planned_at)}};
            row["observed_at"] = subject.observed ? json(format_utc_seconds(subject.observed_at)) : json(nullptr);
            row["why"] = {{"da", subject.why.key.empty() ? "" : render(subject.why, Lang::da)},
                          {"en", subject.why.key.empty() ? "" : render(subject.why, Lang::en)}};
            row["finding"] = subject.finding.empty() ? json(nullptr) : json(subject.finding);
            subjects.push_back(std::move(row));
        }
        const auto& control = *status.control;
        controls.push_back({{"id", control.id},
                            {"title", {{"da", control.title.da}, {"en", control.title.en}}},
                            {"kind", control.kind},
                            {"promises", control.promises},
                            {"severity", to_string(control.severity)},
                            {"owner", control.owner},
                            {"verdict", to_string(status.verdict.verdict)},
                            {"population", status.verdict.population},
                            {"counts", counts},
                            {"oldest", time(status.verdict.oldest)},
                            {"newest", time(status.verdict.newest)},
                            {"next_due", time(status.verdict.next_due)},
                            {"subjects", subjects}});
    }
    json stuck = json::array();
    for (const auto& channel : report.alerts_stuck)
        stuck.push_back({{"channel", channel.channel},
                         {"waiting", channel.waiting},
                         {"waiting_since", time(channel.waiting_since)}});
    json totals = json::object();
    for (const auto verdict : findings::all_verdicts)
        totals[std::string(to_string(verdict))] = report.totals.contains(verdict) ? report.totals.at(verdict) : 0;
    return {{"at", format_utc_seconds(report.now)},
            {"policy",
             {{"id", report.plan->policy.id}, {"version", report.policy_version}, {"hash", report.plan->policy.hash}}},
            {"promises", report.promises},
            {"promises_by_machine", report.promises_by_machine},
            {"open_findings", report.open_findings.size()},
            {"log_size", report.log_size},
            {"alerts_stuck", stuck},
            {"totals", totals},
            {"controls", controls}};
}

}  // namespace tilsyn::app
