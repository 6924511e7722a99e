// tilsyn policy: check, diff, apply, coverage, versions, schema.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "policy/coverage.hpp"
#include "policy/diff.hpp"
#include "policy/schema.hpp"
#include "policy/store.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

std::filesystem::path policy_file(const cli::Invocation& call) {
    const auto given = call.get("FILE");
    return given.empty() ? call.data / "policy" / "policy.toml" : std::filesystem::path(given);
}

json list_of(const std::vector<Error>& errors) {
    json out = json::array();
    for (const auto& error : errors) out.push_back(to_json(error));
    return out;
}

// Loads, or prints what is wrong; nothing: there were faults.
std::optional<policy::Loaded> load_or_complain(const cli::Invocation& call, const std::filesystem::path& file) {
    auto loaded = policy::load(file, checks::kind_specs());
    if (loaded.faults.empty()) return loaded;
    if (call.json) {
        print_json(
            call,
            {{"file", file.string()}, {"faults", list_of(loaded.faults)}, {"warnings", list_of(loaded.warnings)}});
    } else {
        print_faults(call, loaded.faults, loaded.warnings);
        call.err() << "\n"
                   << call.terminal.red(call.tr("cli.policy-faults", {{"file", file.string()},
                                                                      {"count", std::to_string(loaded.faults.size())}}))
                   << "\n";
    }
    return std::nullopt;
}

Result<int> check(cli::Invocation& call) {
    const auto file = policy_file(call);
    const auto loaded = load_or_complain(call, file);
    if (!loaded) return 1;
    const auto& policy = loaded->policy;
    if (call.json) {
        print_json(call, {{"file", file.string()},
                          {"faults", json::array()},
                          {"warnings", list_of(loaded->warnings)},
                          {"hash", policy.hash},
                          {"promises", policy.promises.size()},
                          {"controls", policy.controls.size()}});
        return 0;
    }
    print_faults(call, {}, loaded->warnings);
    call.out() << call.tr("cli.policy-good", {{"file", file.string()},
                                              {"promises", std::to_string(policy.promises.size())},
                                              {"controls", std::to_string(policy.controls.size())}})
               << "\n";
    return 0;
}

Result<policy::Policy> applied_policy(app::App& app, std::int64_t version) {
    TRY(const auto reader, app.readers().get());
    TRY(const auto files, policy::version_files(*reader, version));
    if (files.empty()) return fail(Code::corrupt, "cli.no-version", {{"version", std::to_string(version)}});
    auto loaded = policy::load(files, files.front().first, checks::kind_specs());
    if (!loaded.faults.empty()) return std::unexpected(std::move(loaded.faults.front()));  // written for another Tilsyn
    return std::move(loaded.policy);
}

void print_things(const cli::Invocation& call, std::string_view head, const std::vector<policy::ThingChange>& things) {
    if (things.empty()) return;
    call.out() << call.terminal.bold(head) << "\n";
    for (const auto& thing : things) {
        const auto line = [&](std::string_view mark) { return fmt::format("  {} {}", mark, thing.id); };
        switch (thing.kind) {
            case policy::ChangeKind::added:
                call.out() << call.terminal.green(line("+")) << "\n";
                break;
            case policy::ChangeKind::removed:
                call.out() << call.terminal.red(line("-")) << "\n";
                break;
            case policy::ChangeKind::changed:
                call.out() << call.terminal.yellow(line("~")) << "\n";
                break;
        }
        for (const auto& field : thing.fields) {
            call.out() << "      " << field.field << "\n";
            if (!field.before.empty())
                call.out() << call.terminal.red("        - " + shorten(field.before, 400)) << "\n";
            if (!field.after.empty())
                call.out() << call.terminal.green("        + " + shorten(field.after, 400)) << "\n";
        }
    }
}

void print_difference(const cli::Invocation& call, const policy::Difference& difference) {
    print_things(call, call.tr("cli.diff-settings"), difference.settings);
    print_things(call, call.tr("cli.diff-roles"), difference.roles);
    if (!difference.sentences.empty()) call.out() << call.terminal.bold(call.tr("cli.diff-sentences")) << "\n";
    for (const auto& sentence : difference.sentences) {
        const bool added = sentence.kind == policy::ChangeKind::added;
        const auto line = fmt::format("  {} {} [{}] {}", added ? "+" : "-", sentence.section, to_string(sentence.lang),
                                      sentence.text);
        call.out() << (added ? call.terminal.green(line) : call.terminal.red(line)) << "\n";
    }
    print_things(call, call.tr("cli.diff-promises"), difference.promises);
    print_things(call, call.tr("cli.diff-controls"), difference.controls);
    const auto lost = std::ranges::count_if(difference.bare, &policy::BareSentence::lost);
    if (lost == 0) return;
    call.out() << call.terminal.bold(call.tr("cli.diff-bare")) << "\n";
    for (const auto& sentence : difference.bare)
        if (sentence.lost) call.out() << "  " << sentence.section << ": " << sentence.text << "\n";
}

Result<int> diff(cli::Invocation& call) {
    const auto loaded = load_or_complain(call, policy_file(call));
    if (!loaded) return fail(Code::invalid, "cli.policy-not-good");
    TRY(const auto app, open(call));
    policy::Policy before;
    if (call.has("version")) {
        TRY(const auto version, whole_number(call, "version"));
        TRY(before, applied_policy(*app, version));
    } else if (const auto plan = app->plan()) {
        before = plan->policy;
    }
    const auto difference = policy::diff(before, loaded->policy, call.lang);
    if (call.json)
        print_json(call, policy::to_json(difference));
    else if (difference.empty())
        call.out() << call.tr("cli.diff-none") << "\n";
    else
        print_difference(call, difference);
    return difference.empty() ? 0 : 1;
}

Result<int> apply(cli::Invocation& call) {
    const auto file = policy_file(call);
    if (!load_or_complain(call, file)) return 1;
    TRY(const auto app, open(call));
    std::vector<Error> faults;
    TRY(const auto applied, app->apply_policy(file, actor(call), faults));
    if (call.json) {
        print_json(call, {{"version", applied.version},
                          {"changed", applied.changed},
                          {"hash", app->plan()->policy.hash},
                          {"planned", applied.plan.added},
                          {"retired", applied.plan.removed},
                          {"replanned", applied.plan.replanned}});
        return 0;
    }
    const auto version = std::to_string(applied.version);
    if (!applied.changed)
        call.out() << call.tr("cli.apply-same", {{"version", version}}) << "\n";
    else
        call.out() << call.tr("cli.apply-done", {{"version", version},
                                                 {"added", std::to_string(applied.plan.added)},
                                                 {"removed", std::to_string(applied.plan.removed)},
                                                 {"replanned", std::to_string(applied.plan.replanned)}})
                   << "\n";
    return 0;
}

void print_coverage(const cli::Invocation& call, const policy::Coverage& coverage) {
    using policy::Cover;
    cli::Columns columns({call.tr("cli.head-section"), call.tr("cli.head-sentences"), call.tr("cli.head-covered"),
                          call.tr("cli.head-partly"), call.tr("cli.head-uncovered"), call.tr("cli.head-no-promise")});
    const auto number = [](std::size_t n) { return n == 0 ? std::string("·") : std::to_string(n); };
    for (const auto& section : coverage.sections)
        columns.add({section.title.in(call.lang), number(section.sentences.size()),
                     number(section.count(Cover::covered)), number(section.count(Cover::partly)),
                     number(section.count(Cover::uncovered)), number(section.count(Cover::no_promise))});
    call.out() << columns.render(call.terminal) << "\n";
    for (const auto& section : coverage.sections) {
        for (const auto& sentence : section.sentences) {
            if (sentence.state != Cover::partly && sentence.state != Cover::uncovered) continue;
            call.out() << call.terminal.yellow(section.title.in(call.lang)) << ": " << sentence.text << "\n";
            for (const auto& phrase : sentence.unmarked)
                call.out() << "    " << call.tr("cli.coverage-unmarked", {{"text", phrase}}) << "\n";
            for (const auto& promise : sentence.without_control)
                call.out() << "    " << call.tr("cli.coverage-bare", {{"promise", promise}}) << "\n";
        }
    }
    call.out() << call.tr("cli.coverage-promises", {{"kept", std::to_string(coverage.kept.size())},
                                                    {"total", std::to_string(coverage.promises())}})
               << "\n"
               << call.tr("cli.coverage-machine", {{"machine", std::to_string(coverage.machine.size())},
                                                   {"total", std::to_string(coverage.promises())},
                                                   {"share", fmt::format("{:.0f}", coverage.machine_share() * 100)}})
               << "\n";
}

Result<int> coverage(cli::Invocation& call) {
    const auto loaded = load_or_complain(call, policy_file(call));
    if (!loaded) return fail(Code::invalid, "cli.policy-not-good");
    const auto measured = policy::coverage(loaded->policy, checks::kind_specs(), call.lang);
    if (call.json)
        print_json(call, policy::to_json(measured));
    else
        print_coverage(call, measured);
    return measured.not_kept.empty() ? 0 : 1;
}

Result<int> versions(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto all, policy::versions(*reader));
    if (call.json) {
        json out = json::array();
        for (const auto& version : all)
            out.push_back({{"version", version.version},
                           {"hash", version.hash},
                           {"applied_at", moment(version.applied_at)},
                           {"applied_by", version.applied_by}});
        print_json(call, out);
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns(
        {call.tr("cli.head-version"), call.tr("cli.head-when"), call.tr("cli.head-who"), call.tr("cli.head-hash")});
    for (const auto& version : all)
        columns.add(
            {std::to_string(version.version), moments.at(version.applied_at), version.applied_by, version.hash});
    call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> schema(cli::Invocation& call) {
    print_json(call, policy::json_schema(checks::kind_specs(), call.lang));
    return 0;
}

}  // namespace

cli::Table policy_commands() {
    const cli::Argument file{
        .name = "FILE", .help = "cli.policy-file", .arity = cli::Arity::optional, .values = cli::Values::file};
    return {
        {.path = "policy", .summary = "cli.policy"},
        {.path = "policy check",
         .summary = "cli.policy-check",
         .help = "cli.policy-check-help",
         .arguments = {file},
         .exits = {{1, "cli.exit-faults"}},
         .handler = check},
        {.path = "policy diff",
         .summary = "cli.policy-diff",
         .arguments = {file},
         .options = {{.name = "version", .value = "N", .help = "cli.policy-diff-version"}},
         .exits = {{1, "cli.exit-differs"}},
         .handler = diff},
        {.path = "policy apply",
         .summary = "cli.policy-apply",
         .help = "cli.policy-apply-help",
         .arguments = {file},
         .options = {{.name = "as", .value = "NAME", .help = "cli.option-as"}},
         .exits = {{1, "cli.exit-faults"}},
         .handler = apply},
        {.path = "policy coverage",
         .summary = "cli.policy-coverage",
         .help = "cli.policy-coverage-help",
         .arguments = {file},
         .exits = {{1, "cli.exit-bare"}},
         .handler = coverage},
        {.path = "policy versions", .summary = "cli.policy-versions", .handler = versions},
        {.path = "policy schema", .summary = "cli.policy-schema", .help = "cli.policy-schema-help", .handler = schema},
    };
}

}  // namespace tilsyn::commands
