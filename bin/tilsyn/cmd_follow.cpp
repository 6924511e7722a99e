// tilsyn finding, exception: what is open, and what is accepted for a while.
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "commands.hpp"
#include "findings/findings.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

Result<int> list_findings(cli::Invocation& call) {
    TRY(const auto limit, whole_number(call, "limit", 1000));
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto found,
        findings::list(*reader, call.has("all") ? findings::Which::all : findings::Which::open, limit));
    if (call.json) {
        json out = json::array();
        for (const auto& finding : found)
            out.push_back(
                {{"id", finding.id},
                 {"control", finding.control},
                 {"subject", finding.subject},
                 {"severity", to_string(finding.severity)},
                 {"owner", finding.owner},
                 {"opened_at", moment(finding.opened_at)},
                 {"due_at", moment(finding.due_at)},
                 {"closed_at", moment(finding.closed_at)},
                 {"close_reason", finding.close_reason.empty() ? json(nullptr) : json(finding.close_reason)}});
        print_json(call, out);
        return 0;
    }
    if (found.empty()) {
        call.out() << call.tr("cli.no-findings") << "\n";
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-finding"), call.tr("cli.head-severity"), call.tr("cli.head-due"),
                          call.tr("cli.head-control"), call.tr("cli.head-subject"), call.tr("cli.head-owner"),
                          call.tr("cli.head-closed")});
    for (const auto& finding : found)
        columns.add({finding.id, std::string(to_string(finding.severity)), moments.day(finding.due_at), finding.control,
                     finding.subject, finding.owner, moments.at(finding.closed_at)});
    call.out() << columns.render(call.terminal);
    return 0;
}

json to_json(const findings::Exception& exception) {
    return {{"id", exception.id},
            {"control", exception.control},
            {"subject", exception.subject},
            {"reason", exception.reason},
            {"granted_by", exception.granted_by},
            {"granted_at", moment(exception.granted_at)},
            {"until", moment(exception.until)},
            {"revoked_at", moment(exception.revoked_at)}};
}

Result<int> list_exceptions(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto found, findings::exceptions(*reader, app->clock().now(), !call.has("all")));
    if (call.json) {
        json out = json::array();
        for (const auto& exception : found) out.push_back(to_json(exception));
        print_json(call, out);
        return 0;
    }
    if (found.empty()) {
        call.out() << call.tr("cli.no-exceptions") << "\n";
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-exception"), call.tr("cli.head-control"), call.tr("cli.head-subject"),
                          call.tr("cli.head-until"), call.tr("cli.head-who"), call.tr("cli.head-reason")});
    for (const auto& exception : found)
        columns.add({exception.id, exception.control, exception.subject, moments.at(exception.until),
                     exception.granted_by, exception.reason});
    call.out() << columns.render(call.terminal);
    return 0;
}

// A date means to the end of that day, in the policy's zone.
Result<Timestamp> end_of(const cli::Invocation& call, const app::App& app) {
    TRY(const auto date, parse_date(call.get("until")));
    const auto next = Date(std::chrono::sys_days(date) + std::chrono::days(1));
    return Moments(app).zone().utc_of({next, std::chrono::seconds(0)});
}

Result<int> grant(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto plan = app->plan();
    if (!plan) return fail(Code::not_found, "cli.no-policy").hint("cli.no-policy-hint");
    TRY(const auto until, end_of(call, *app));
    TRY(const auto granted, findings::grant(app->committer(), plan->policy, call.get("CONTROL"),
                                            call.get("SUBJECT", "*"), call.get("reason"), until, actor(call)));
    if (call.json)
        print_json(call, to_json(granted));
    else
        call.out() << call.tr("cli.granted", {{"id", granted.id},
                                              {"control", granted.control},
                                              {"until", Moments(*app).at(granted.until)}})
                   << "\n";
    return 0;
}

Result<int> revoke(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY_VOID(findings::revoke(app->committer(), call.get("ID"), actor(call)));
    if (call.json)
        print_json(call, {{"revoked", call.get("ID")}});
    else
        call.out() << call.tr("cli.revoked", {{"id", call.get("ID")}}) << "\n";
    return 0;
}

}  // namespace

cli::Table follow_commands() {
    const cli::Option as{.name = "as", .value = "NAME", .help = "cli.option-as"};
    return {
        {.path = "finding", .summary = "cli.finding"},
        {.path = "finding list",
         .summary = "cli.finding-list",
         .options = {{.name = "all", .help = "cli.option-all-findings"},
                     {.name = "limit", .value = "N", .help = "cli.option-limit"}},
         .handler = list_findings},
        {.path = "exception", .summary = "cli.exception"},
        {.path = "exception list",
         .summary = "cli.exception-list",
         .options = {{.name = "all", .help = "cli.option-all-exceptions"}},
         .handler = list_exceptions},
        {.path = "exception grant",
         .summary = "cli.exception-grant",
         .help = "cli.exception-grant-help",
         .arguments = {{.name = "CONTROL", .help = "cli.control-id"},
                       {.name = "SUBJECT", .help = "cli.exception-subject", .arity = cli::Arity::optional}},
         .options = {{.name = "reason", .value = "TEXT", .help = "cli.option-reason", .required = true},
                     {.name = "until", .value = "DATE", .help = "cli.option-until", .required = true},
                     as},
         .handler = grant},
        {.path = "exception revoke",
         .summary = "cli.exception-revoke",
         .arguments = {{.name = "ID", .help = "cli.exception-id"}},
         .options = {as},
         .handler = revoke},
    };
}

}  // namespace tilsyn::commands
