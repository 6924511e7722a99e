// tilsyn sign-off: what people are asked, and their answers.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "schedule/sign_off.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;
using schedule::Asked;

json asked_json(const Asked& asked) {
    json steps = json::array(), questions = json::array();
    for (const auto& step : asked.control->params.get("steps").texts) steps.push_back(to_json(step));
    for (const auto& question : asked.control->params.get("questions").texts) questions.push_back(to_json(question));
    return {{"control", asked.control->id},
            {"title", to_json(asked.control->title)},
            {"subject", asked.subject},
            {"planned_at", moment(asked.planned)},
            {"deadline", moment(asked.deadline)},
            {"due", asked.due},
            {"persons", asked.persons},
            {"steps", steps},
            {"questions", questions},
            {"waiting_for_second", asked.waiting_for_second.empty() ? json(nullptr) : json(asked.waiting_for_second)}};
}

Result<std::shared_ptr<const schedule::Plan>> plan_of(const app::App& app) {
    auto plan = app.plan();
    if (!plan) return fail(Code::not_found, "cli.no-policy").hint("cli.no-policy-hint");
    return plan;
}

Result<std::vector<Asked>> all_asked(const cli::Invocation& call, app::App& app, const schedule::Plan& plan,
                                     Duration ahead) {
    TRY(const auto reader, app.readers().get());
    const auto person = call.get("person");
    return schedule::asked(*reader, plan, app.clock().now(), ahead,
                           person.empty() ? std::nullopt : std::optional<std::string_view>(person));
}

Result<int> list(cli::Invocation& call) {
    TRY(const auto ahead, parse_duration(call.get("ahead", "7d")));
    TRY(const auto app, open(call));
    TRY(const auto plan, plan_of(*app));
    TRY(const auto asked, all_asked(call, *app, *plan, ahead));
    if (call.json) {
        json out = json::array();
        for (const auto& one : asked) out.push_back(asked_json(one));
        print_json(call, out);
        return 0;
    }
    if (asked.empty()) {
        call.out() << call.tr("cli.sign-off-none", {{"span", humanize(ahead, call.lang)}}) << "\n";
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-due"), call.tr("cli.head-control"), call.tr("cli.head-subject"),
                          call.tr("cli.head-who"), call.tr("cli.head-title")});
    for (const auto& one : asked)
        columns.add({one.due ? call.tr("cli.now") : moments.day(one.planned), one.control->id, one.subject,
                     one.persons.empty() ? one.control->owner : join(one.persons, ", "),
                     one.control->title.in(call.lang)});
    call.out() << columns.render(call.terminal) << "\n" << call.terminal.dim(call.tr("cli.sign-off-next")) << "\n";
    return 0;
}

Result<int> show(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto plan, plan_of(*app));
    const auto* control = plan->control(call.get("CONTROL"));
    if (control == nullptr || plan->mode(*control) != policy::Mode::person)
        return fail(Code::not_found, "cli.no-sign-off", {{"control", call.get("CONTROL")}}).hint("cli.see-sign-offs");
    const auto& params = control->params;
    if (call.json) {
        json steps = json::array(), questions = json::array();
        for (const auto& step : params.get("steps").texts) steps.push_back(to_json(step));
        for (const auto& question : params.get("questions").texts) questions.push_back(to_json(question));
        print_json(call, {{"control", control->id},
                          {"title", to_json(control->title)},
                          {"steps", steps},
                          {"questions", questions},
                          {"evidence", params.get("evidence").text},
                          {"second_person", params.get("second_person").boolean},
                          {"counts", !params.get("count").texts.empty()}});
        return 0;
    }
    const auto numbered = [&](std::string_view head, const std::vector<Text>& texts) {
        if (texts.empty()) return;
        call.out() << "\n" << call.terminal.bold(call.tr(head)) << "\n";
        for (std::size_t i = 0; i < texts.size(); ++i) {
            const auto lines = wrap(texts[i].in(call.lang), std::min<std::size_t>(call.terminal.width, 100) - 6);
            for (std::size_t k = 0; k < lines.size(); ++k)
                call.out() << (k == 0 ? fmt::format("  {}. ", i + 1) : std::string("     ")) << lines[k] << "\n";
        }
    };
    call.out() << call.terminal.bold(control->title.in(call.lang)) << "\n";
    if (const auto why = control->why.in(call.lang); !why.empty()) call.out() << "  " << why << "\n";
    numbered("cli.head-steps", params.get("steps").texts);
    numbered("cli.head-questions", params.get("questions").texts);
    if (!params.get("count").texts.empty())
        call.out() << "\n"
                   << call.tr("cli.sign-off-count", {{"what", params.get("count").texts.front().in(call.lang)}})
                   << "\n";
    if (const auto& evidence = params.get("evidence").text; !evidence.empty() && evidence != "none")
        call.out() << call.tr("cli.sign-off-evidence") << "\n";
    if (params.get("second_person").boolean) call.out() << call.tr("cli.sign-off-second") << "\n";
    return 0;
}

Result<int> give(cli::Invocation& call) {
    schedule::Answer answer;
    answer.decision = call.get("decision");
    answer.note = call.get("note");
    answer.answers = call.all("answer");
    if (call.has("count")) {
        TRY(answer.count, whole_number(call, "count"));
    }
    std::vector<std::string> files;
    for (const auto& path : call.all("evidence")) {
        TRY(files.emplace_back(), read_file(path, schedule::evidence_limit));
    }
    TRY(const auto app, open(call));
    TRY(const auto plan, plan_of(*app));
    for (const auto& content : files) {
        TRY(answer.evidence.emplace_back(), schedule::store_evidence(app->data().string(), content));
    }
    TRY(const auto given, schedule::sign(app->committer(), *plan, call.get("CONTROL"),
                                         call.get("SUBJECT", schedule::company), call.get("as"), answer));
    if (call.json)
        print_json(call, {{"waits_for_second", given.waits_for_second},
                          {"outcome", given.waits_for_second ? json(nullptr) : json(checks::to_string(given.outcome))},
                          {"log_index", given.log_index}});
    else if (given.waits_for_second)
        call.out() << call.tr("cli.signed-first") << "\n";
    else
        call.out() << call.tr("cli.signed", {{"outcome", std::string(checks::to_string(given.outcome))},
                                             {"index", std::to_string(given.log_index)}})
                   << "\n";
    return given.outcome == checks::Outcome::fail && !given.waits_for_second ? 1 : 0;
}

}  // namespace

cli::Table sign_off_commands() {
    const cli::Argument control{.name = "CONTROL", .help = "cli.control-id"};
    return {
        {.path = "sign-off", .summary = "cli.sign-off"},
        {.path = "sign-off list",
         .summary = "cli.sign-off-list",
         .options = {{.name = "person", .value = "ID", .help = "cli.option-person"},
                     {.name = "ahead", .value = "SPAN", .help = "cli.option-ahead"}},
         .handler = list},
        {.path = "sign-off show", .summary = "cli.sign-off-show", .arguments = {control}, .handler = show},
        {.path = "sign-off give",
         .summary = "cli.sign-off-give",
         .help = "cli.sign-off-give-help",
         .arguments = {control, {.name = "SUBJECT", .help = "cli.sign-off-subject", .arity = cli::Arity::optional}},
         .options = {{.name = "as", .value = "PERSON", .help = "cli.option-person-signs", .required = true},
                     {.name = "decision",
                      .value = "WORD",
                      .help = "cli.option-decision",
                      .choices = {"pass", "fail", "refuse"},
                      .required = true},
                     {.name = "note", .value = "TEXT", .help = "cli.option-note"},
                     {.name = "count", .value = "N", .help = "cli.option-count"},
                     {.name = "answer", .value = "TEXT", .help = "cli.option-answer", .repeated = true},
                     {.name = "evidence",
                      .value = "FILE",
                      .help = "cli.option-evidence",
                      .values = cli::Values::file,
                      .repeated = true}},
         .exits = {{1, "cli.exit-signed-fail"}},
         .handler = give},
    };
}

}  // namespace tilsyn::commands
