// tilsyn init, check, status: the data folder, what is due, how things stand.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "app/init.hpp"
#include "app/messenger.hpp"
#include "app/status.hpp"
#include "backup_progress.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

Result<int> init(cli::Invocation& call) {
    const SystemClock clock;
    TRY(const auto report, app::init({call.data, call.database}, clock));
    if (call.json) {
        print_json(call, {{"data", call.data.string()},
                          {"key", report.key},
                          {"backup_location", report.backup_location},
                          {"backup_password", report.backup_password},
                          {"registered", report.registered},
                          {"policy_version", report.policy_version},
                          {"controls", report.controls},
                          {"promises", report.promises}});
        return 0;
    }
    call.out() << call.tr("cli.init-done", {{"path", call.data.string()},
                                            {"promises", std::to_string(report.promises)},
                                            {"controls", std::to_string(report.controls)}})
               << "\n";
    if (!report.registered.empty())
        call.out() << call.tr("cli.init-registered", {{"rows", join(report.registered, ", ")}}) << "\n";
    call.out() << "\n"
               << call.tr("cli.backup-once", {{"path", report.backup_location}}) << "\n\n    "
               << call.terminal.bold(report.backup_password) << "\n";
    call.out() << "\n" << call.tr("cli.key-once") << "\n\n    " << call.terminal.bold(report.key) << "\n\n";
    return 0;
}

// Leaves the chosen controls in the report; its totals then count these alone.
void keep_only(app::StatusReport& report, const std::vector<std::string>& chosen) {
    if (chosen.empty()) return;
    std::erase_if(report.controls,
                  [&](const auto& status) { return std::ranges::find(chosen, status.control->id) == chosen.end(); });
    std::erase_if(report.open_findings,
                  [&](const auto& finding) { return std::ranges::find(chosen, finding.control) == chosen.end(); });
    report.totals.clear();
    for (const auto& status : report.controls) ++report.totals[status.verdict.verdict];
}

Result<void> must_exist(const schedule::Plan& plan, const std::vector<std::string>& controls) {
    std::vector<std::string> ids;
    ids.reserve(plan.policy.controls.size());
    for (const auto& control : plan.policy.controls) ids.push_back(control.id);
    for (const auto& id : controls) {
        if (plan.control(id) != nullptr) continue;
        auto failure = fail(Code::not_found, "cli.no-control", {{"control", id}});
        if (const auto meant = nearest(id, ids)) return std::move(failure).hint("cli.did-you-mean", {{"name", *meant}});
        return std::move(failure).hint("cli.see-status");
    }
    return {};
}

int print_report(const cli::Invocation& call, const app::StatusReport& report) {
    if (call.json)
        print_json(call, app::to_json(report));
    else
        call.out() << app::render(report, call.lang, {.color = call.terminal.color, .width = call.terminal.width});
    return report.anything_fails() ? 1 : 0;
}

void warn(const cli::Invocation& call, const Error& error) {
    call.err() << call.terminal.yellow(call.tr("cli.warning")) << " " << render(error, call.lang) + "\n";
}

// Backups first: the checks look at what came of them.
void back_up_what_is_due(const cli::Invocation& call, app::App& app) {
    BackupProgress progress(call);
    const auto done = app::run_due_backups(app, progress.hooks());
    if (!done) warn(call, done.error());
}

Result<int> check(cli::Invocation& call) {
    TRY(const auto limit, parse_duration(call.get("deadline", "10m")));
    TRY(const auto app, open(call));
    const auto plan = app->plan();
    if (!plan) return fail(Code::not_found, "cli.no-policy").hint("cli.no-policy-hint");
    const auto chosen = call.all("CONTROL");
    TRY_VOID(must_exist(*plan, chosen));
    if (chosen.empty()) back_up_what_is_due(call, *app);
    for (const auto& control : chosen) TRY_VOID(schedule::request_run(app->committer(), *plan, control, actor(call)));
    auto& engine = app->engine([&call](const Error& error) { warn(call, error); });
    TRY_VOID(engine.join());
    {
        cli::Progress progress(call.terminal, call.tr("cli.checking"));
        const auto ran = engine.run_due(Deadline::in(limit),
                                        [&](std::int64_t done, std::int64_t known) { progress.update(done, known); });
        engine.stop(std::chrono::seconds(2));  // leaves the nodes also when the time was up
        if (!ran) return std::unexpected(ran.error());
    }
    // All that this run has found is known by now: nothing more is waited for.
    const auto told = app::send_alerts(
        *app, {.trouble = [&](const std::string&, const Error& error) { warn(call, error); }}, Duration(0));
    if (!told) warn(call, told.error());
    TRY(auto report, app::status(*app));
    keep_only(report, chosen);
    return print_report(call, report);
}

std::string control_text(const cli::Invocation& call, const app::App& app, const app::ControlStatus& status,
                         const std::vector<findings::SubjectVerdict>& subjects) {
    const auto& control = *status.control;
    const auto plan = app.plan();
    const Moments moments(app);
    std::string out = call.terminal.bold(control.title.in(call.lang)) + "\n";
    const auto line = [&](std::string_view key, const std::string& value) {
        if (!value.empty()) out += "  " + pad_right(call.tr(key), 12) + "  " + value + "\n";
    };
    line("cli.head-control", control.id);
    line("cli.head-promises", join(control.promises, ", "));
    line("cli.head-why", control.why.in(call.lang));
    line("cli.head-every", policy::describe(control.cadence, call.lang));
    line("cli.head-kind", control.kind);
    const auto* role = plan->policy.role(control.owner);
    line("cli.head-owner", role != nullptr ? role->title.in(call.lang) : control.owner);
    line("cli.head-severity", std::string(to_string(control.severity)));
    line("cli.head-procedure", control.procedure);
    line("cli.head-verdict", app::verdict_word(status.verdict.verdict, call.lang) + ", " +
                                 app::population(status, plan->registers, call.lang));
    line("cli.head-next", moments.at(status.verdict.next_due));
    if (subjects.empty()) return out;
    cli::Columns columns({call.tr("cli.head-subject"), call.tr("cli.head-verdict"), call.tr("cli.head-when"),
                          call.tr("cli.head-finding"), call.tr("cli.head-reason")});
    for (const auto& subject : subjects)
        columns.add({subject.subject, app::verdict_word(subject.verdict, call.lang),
                     subject.observed ? moments.at(subject.observed_at) : call.tr("cli.never"), subject.finding,
                     subject.why.key.empty() ? std::string() : render(subject.why, call.lang)});
    return out + "\n" + columns.render(call.terminal);
}

Result<int> one_control(cli::Invocation& call, app::App& app, const app::StatusReport& report) {
    TRY(const auto limit, whole_number(call, "limit", 100));
    const auto& status = report.controls.front();
    TRY(const auto reader, app.readers().get());
    TRY(const auto subjects, findings::subject_verdicts(*reader, status.control->id, report.now, std::nullopt, limit));
    if (call.json) {
        auto out = app::to_json(report).at("controls").at(0);
        out["subjects"] = json::array();
        for (const auto& subject : subjects) {
            const auto details = json::parse(subject.details, nullptr, false);
            out["subjects"].push_back({{"subject", subject.subject},
                                       {"verdict", to_string(subject.verdict)},
                                       {"observed_at", subject.observed ? moment(subject.observed_at) : json(nullptr)},
                                       {"planned_at", moment(subject.planned_at)},
                                       {"log_index", subject.log_index < 0 ? json(nullptr) : json(subject.log_index)},
                                       {"why", subject.why.key.empty() ? json(nullptr)
                                                                       : to_json(Text{render(subject.why, Lang::en),
                                                                                      render(subject.why, Lang::da)})},
                                       {"details", details.is_discarded() ? json(nullptr) : details},
                                       {"finding", subject.finding.empty() ? json(nullptr) : json(subject.finding)}});
        }
        print_json(call, out);
    } else {
        call.out() << control_text(call, app, status, subjects);
    }
    return report.anything_fails() ? 1 : 0;
}

Result<int> status(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto chosen = call.get("CONTROL");
    if (!chosen.empty() && app->plan()) TRY_VOID(must_exist(*app->plan(), {chosen}));
    TRY(auto report, app::status(*app));
    if (chosen.empty()) return print_report(call, report);
    keep_only(report, {chosen});
    return one_control(call, *app, report);
}

}  // namespace

cli::Table data_commands() {
    return {
        {.path = "init", .summary = "cli.init", .help = "cli.init-help", .handler = init},
        {.path = "check",
         .summary = "cli.check",
         .help = "cli.check-help",
         .arguments = {{.name = "CONTROL", .help = "cli.check-control", .arity = cli::Arity::any}},
         .options = {{.name = "deadline", .value = "SPAN", .help = "cli.option-deadline"},
                     {.name = "as", .value = "NAME", .help = "cli.option-as"}},
         .exits = {{1, "cli.exit-1"}},
         .handler = check},
        {.path = "status",
         .summary = "cli.status",
         .help = "cli.status-help",
         .arguments = {{.name = "CONTROL", .help = "cli.status-control", .arity = cli::Arity::optional}},
         .options = {{.name = "limit", .value = "N", .help = "cli.option-limit"}},
         .exits = {{1, "cli.exit-1"}},
         .handler = status},
    };
}

}  // namespace tilsyn::commands
