// tilsyn backup ...: plans, sets and drills; tilsyn restore: a server back from its repository alone.
#include <nlohmann/json.hpp>

#include "app/backup_view.hpp"
#include "app/restore.hpp"
#include "backup/drill_report.hpp"
#include "backup_progress.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

// With all that is known of it, names of files too: who may run this may read the data folder.
json in_full(json out, const std::string& details) {
    out["details"] = json::parse(details, nullptr, false);
    return out;
}
json to_json(const backup::Set& set) {
    return in_full(app::set_json(set), set.details);
}
json to_json(const backup::Drill& drill) {
    return in_full(app::drill_json(drill), drill.details);
}

std::string_view state_key(backup::SetState state) {
    switch (state) {
        case backup::SetState::running:
            return "cli.set-running";
        case backup::SetState::made:
            return "cli.set-made";
        case backup::SetState::partial:
            return "cli.set-partial";
        case backup::SetState::failed:
            return "cli.set-failed";
    }
    return "cli.set-failed";
}
std::string_view outcome_key(const std::string& outcome) {
    if (outcome == "pass") return "cli.drill-pass";
    if (outcome == "fail") return "cli.drill-fail";
    return "cli.drill-unknown";
}

void print(const cli::Invocation& call, const backup::Set& set) {
    const bool good = set.state == backup::SetState::made;
    const auto word = call.tr(state_key(set.state));
    call.out() << set.plan << ": " << (good ? call.terminal.green(word) : call.terminal.red(word)) << "  "
               << call.tr("cli.set-holds", {{"count", std::to_string(set.files)},
                                            {"size", size_text(std::uint64_t(set.bytes))},
                                            {"added", size_text(std::uint64_t(set.added))},
                                            {"set", set.id}})
               << "\n";
    for (const auto& reason : backup::reasons(set.details, call.lang)) call.out() << "  " << reason << "\n";
}

void print(const cli::Invocation& call, const backup::Drill& drill) {
    const bool good = drill.outcome == "pass";
    const auto word = call.tr(outcome_key(drill.outcome));
    call.out() << drill.plan << ": " << (good ? call.terminal.green(word) : call.terminal.red(word)) << "  "
               << call.tr(drill.extent == backup::Extent::full ? "cli.drill-full" : "cli.drill-sample",
                          {{"count", std::to_string(drill.files)},
                           {"size", size_text(std::uint64_t(drill.bytes))},
                           {"took", format_duration(std::chrono::milliseconds(drill.took_ms))},
                           {"set", drill.set}})
               << "\n";
    for (const auto& reason : backup::reasons(drill.details, call.lang)) call.out() << "  " << reason << "\n";
}

void print(const cli::Invocation& call, const backup::Check& check) {
    const bool good = check.outcome == "pass";
    const auto word = call.tr(good ? "cli.check-good" : "cli.check-bad");
    call.out() << check.repository << ": " << (good ? call.terminal.green(word) : call.terminal.red(word)) << "  "
               << check.part << "/" << check.parts << "\n";
    for (const auto& reason : backup::reasons(check.details, call.lang)) call.out() << "  " << reason << "\n";
}

Result<int> list(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto plans, backup::read_plans(*app->registers()));
    TRY(const auto reader, app->readers().get());
    json out = json::array();
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-plan"), call.tr("cli.head-data-set"), call.tr("cli.head-repository"),
                          call.tr("cli.head-newest"), call.tr("cli.head-sets"), call.tr("cli.head-restored")});
    for (const auto& plan : plans) {
        TRY(const auto sets, backup::sets_of(*reader, plan.id));
        TRY(const auto drills, backup::drills_of(*reader, plan.id));
        const auto here = std::ranges::count_if(
            sets, [](const backup::Set& set) { return !set.engine_set.empty() && !set.forgotten && !set.lost; });
        const auto full = std::ranges::find(drills, backup::Extent::full, &backup::Drill::extent);
        out.push_back({{"id", plan.id},
                       {"data_set", plan.data_set},
                       {"repository", plan.repository},
                       {"newest", sets.empty() ? json(nullptr) : to_json(sets.front())},
                       {"sets", here},
                       {"newest_full_drill", full == drills.end() ? json(nullptr) : to_json(*full)}});
        columns.add({plan.id, plan.data_set, plan.repository,
                     sets.empty() ? call.tr("cli.never")
                                  : moments.at(sets.front().started) + " " + call.tr(state_key(sets.front().state)),
                     std::to_string(here),
                     full == drills.end() ? call.tr("cli.never")
                                          : moments.at(full->started) + " " + call.tr(outcome_key(full->outcome))});
    }
    if (call.json)
        print_json(call, out);
    else if (plans.empty())
        call.out() << call.tr("cli.no-plans") << "\n";
    else
        call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> run_now(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(auto plans, backup::read_plans(*app->registers()));
    if (const auto chosen = call.get("PLAN"); !chosen.empty()) {
        TRY(auto plan, backup::read_plan(*app->registers(), chosen));
        plans = {std::move(plan)};
    }
    json out = json::array();
    bool good = true;
    for (const auto& plan : plans) {
        std::optional<app::PlanRun> run;
        {
            BackupProgress progress(call);
            TRY(run, app::run_plan(*app, plan, progress.hooks(), true));
        }
        // A repository that is watched may have nothing new.
        good = good && (run->set ? run->set->state == backup::SetState::made : plan.run_by != backup::RunBy::tilsyn);
        json item{{"plan", plan.id},         {"set", run->set ? to_json(*run->set) : json(nullptr)},
                  {"drills", json::array()}, {"found", run->found},
                  {"gone", run->gone},       {"forgotten", run->forgotten}};
        if (plan.run_by == backup::RunBy::watched && !call.json)
            call.out() << plan.id << ": " << call.tr("cli.sets-found", {{"count", std::to_string(run->found)}}) << "\n";
        if (run->set && !call.json) print(call, *run->set);
        if (run->check) {
            good = good && run->check->outcome == "pass";
            item["check"] = {{"outcome", run->check->outcome},
                             {"part", run->check->part},
                             {"parts", run->check->parts},
                             {"reasons", backup::reasons(run->check->details, Lang::en)}};
            if (!call.json) print(call, *run->check);
        }
        for (const auto& drill : run->drills) {
            good = good && drill.outcome == "pass";
            item["drills"].push_back(to_json(drill));
            if (!call.json) print(call, drill);
        }
        out.push_back(std::move(item));
    }
    if (call.json) print_json(call, out);
    return good ? 0 : 1;
}

Result<int> drill_now(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto plan, backup::read_plan(*app->registers(), call.get("PLAN")));
    std::optional<backup::Drill> drill;
    {
        BackupProgress progress(call);
        TRY(drill, app::run_drill(*app, plan,
                                  {.set = call.get("set"),
                                   .extent = call.has("sample") ? backup::Extent::sample : backup::Extent::full},
                                  progress.hooks()));
    }
    if (call.json)
        print_json(call, to_json(*drill));
    else
        print(call, *drill);
    return drill->outcome == "pass" ? 0 : 1;
}

Result<int> sets(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto plan, backup::read_plan(*app->registers(), call.get("PLAN")));
    TRY(const auto reader, app->readers().get());
    TRY(const auto all, backup::sets_of(*reader, plan.id));
    if (call.json) {
        json out = json::array();
        for (const auto& set : all) out.push_back(to_json(set));
        print_json(call, out);
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-when"), call.tr("cli.head-state"), call.tr("cli.head-files"),
                          call.tr("cli.head-size"), call.tr("cli.head-set"), call.tr("cli.head-reason")});
    for (const auto& set : all) {
        auto state = call.tr(state_key(set.state));
        if (set.forgotten) state = call.tr("cli.set-forgotten");
        if (set.lost) state = call.tr("cli.set-lost");
        const auto why = backup::reasons(set.details, call.lang);
        columns.add({moments.at(set.started), state, std::to_string(set.files), size_text(std::uint64_t(set.bytes)),
                     set.id, why.empty() ? std::string() : why.front()});
    }
    call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> accept(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY_VOID(backup::accept_set(app::house_of(*app, {}, ""), call.get("SET")));
    if (call.json)
        print_json(call, {{"accepted", call.get("SET")}});
    else
        call.out() << call.tr("cli.set-accepted", {{"set", call.get("SET")}}) << "\n";
    return 0;
}

Result<int> try_key(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto password, read_input(call.get("password-file", "-")));
    TRY(const int sets, app::try_key(*app, call.get("REPOSITORY"), std::string(trim(password)), actor(call)));
    if (call.json)
        print_json(call, {{"repository", call.get("REPOSITORY")}, {"sets", sets}});
    else
        call.out() << call.tr("cli.key-opens",
                              {{"repository", call.get("REPOSITORY")}, {"count", std::to_string(sets)}})
                   << "\n";
    return 0;
}

Result<int> report(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto found, app::find_drill(*app, *reader, call.get("RESTORE")));
    const auto text = backup::drill_report(found.drill, found.set, found.data_set, Moments(*app).zone(), call.lang);
    if (call.json)
        print_json(call, {{"restore", to_json(found.drill)}, {"set", to_json(found.set)}, {"report", text}});
    else
        call.out() << text;
    return 0;
}

Result<int> reported(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto plan, backup::read_plan(*app->registers(), call.get("PLAN")));
    TRY(auto output, read_input("-"));
    TRY(const auto code, whole_number(call, "exit-code", 0));
    TRY(const auto set, app::report_backup(*app, plan,
                                           {.engine = call.get("engine", "restic"),
                                            .exit_code = int(code),
                                            .output = std::move(output),
                                            .by = actor(call)}));
    if (call.json)
        print_json(call, to_json(set));
    else
        print(call, set);
    return set.state == backup::SetState::made ? 0 : 1;
}

Result<int> picture(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto days, whole_number(call, "days", 90));
    TRY(const auto line, app::time_line_of(*app, *reader, call.get("DATA-SET"), int(days), call.lang));
    call.out() << backup::time_line_svg(line, Moments(*app).zone(), call.lang);
    return 0;
}

Result<int> restore(cli::Invocation& call) {
    app::RestoreOptions options{.data = call.data,
                                .engine = call.get("engine", "restic"),
                                .location = call.get("LOCATION"),
                                .database = call.database,
                                .set = call.get("set")};
    TRY(auto password, read_input(call.get("password-file", "-")));
    options.password = trim(password);
    options.ssh_key = call.get("ssh-key");
    options.known_hosts = call.get("known-hosts");
    cli::Progress progress(call.terminal, call.tr("cli.step-restoring"));
    TRY(const auto report, app::restore(options, SystemClock()));
    if (call.json)
        print_json(call, {{"data", report.data.string()},
                          {"set", report.set},
                          {"made_at", moment(report.made)},
                          {"log_size", report.log_size},
                          {"settings_differ", report.settings_differ}});
    else
        call.out() << call.tr("cli.restored", {{"path", report.data.string()},
                                               {"made", format_utc_seconds(report.made)},
                                               {"entries", std::to_string(report.log_size)}})
                   << "\n"
                   << (report.settings_differ ? call.tr("cli.restored-elsewhere") + "\n" : std::string());
    return 0;
}

}  // namespace

cli::Table backup_commands() {
    const cli::Argument plan{.name = "PLAN", .help = "cli.backup-plan"};
    return {
        {.path = "backup", .summary = "cli.backup"},
        {.path = "backup list", .summary = "cli.backup-list", .handler = list},
        {.path = "backup run",
         .summary = "cli.backup-run",
         .help = "cli.backup-run-help",
         .arguments = {{.name = "PLAN", .help = "cli.backup-plan", .arity = cli::Arity::optional}},
         .exits = {{1, "cli.exit-backup"}},
         .handler = run_now},
        {.path = "backup drill",
         .summary = "cli.backup-drill",
         .help = "cli.backup-drill-help",
         .arguments = {plan},
         .options = {{.name = "set", .value = "SET", .help = "cli.option-set"},
                     {.name = "sample", .help = "cli.option-sample"}},
         .exits = {{1, "cli.exit-drill"}},
         .handler = drill_now},
        {.path = "backup sets", .summary = "cli.backup-sets", .arguments = {plan}, .handler = sets},
        {.path = "backup accept",
         .summary = "cli.backup-accept",
         .help = "cli.backup-accept-help",
         .arguments = {{.name = "SET", .help = "cli.backup-set"}},
         .handler = accept},
        {.path = "backup try-key",
         .summary = "cli.backup-try-key",
         .help = "cli.backup-try-key-help",
         .arguments = {{.name = "REPOSITORY", .help = "cli.backup-repository"}},
         .options = {{.name = "password-file", .value = "FILE", .help = "cli.option-password-file"},
                     {.name = "as", .value = "NAME", .help = "cli.option-as"}},
         .handler = try_key},
        {.path = "backup report",
         .summary = "cli.backup-report",
         .help = "cli.backup-report-help",
         .arguments = {{.name = "RESTORE", .help = "cli.backup-restore-id"}},
         .handler = report},
        {.path = "backup reported",
         .summary = "cli.backup-reported",
         .help = "cli.backup-reported-help",
         .arguments = {plan},
         .options = {{.name = "engine",
                      .value = "NAME",
                      .help = "cli.option-reporter",
                      .choices = {"restic", "borg", "other"}},
                     {.name = "exit-code", .value = "N", .help = "cli.option-exit-code"},
                     {.name = "as", .value = "NAME", .help = "cli.option-as"}},
         .exits = {{1, "cli.exit-backup"}},
         .handler = reported},
        {.path = "backup picture",
         .summary = "cli.backup-picture",
         .help = "cli.backup-picture-help",
         .arguments = {{.name = "DATA-SET", .help = "cli.backup-data-set"}},
         .options = {{.name = "days", .value = "N", .help = "cli.option-days"}},
         .handler = picture},
        {.path = "restore",
         .summary = "cli.restore",
         .help = "cli.restore-help",
         .arguments = {{.name = "LOCATION", .help = "cli.restore-location"}},
         .options =
             {{.name = "engine", .value = "NAME", .help = "cli.option-engine", .choices = {"restic", "borg", "rclone"}},
              {.name = "password-file", .value = "FILE", .help = "cli.option-password-file"},
              {.name = "ssh-key", .value = "FILE", .help = "cli.option-ssh-key"},
              {.name = "known-hosts", .value = "FILE", .help = "cli.option-known-hosts"},
              {.name = "set", .value = "SET", .help = "cli.option-engine-set"}},
         .handler = restore},
    };
}

}  // namespace tilsyn::commands
