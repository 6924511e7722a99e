#include "app/cli/invocation.hpp"

#include <algorithm>
#include <cstdlib>

#include "app/cli/document.hpp"
#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? std::string() : value;
}

// "register lst": the command that was meant, by the whole path or by the last word among its siblings.
Result<void> unknown_command(const Table& table, const std::string& group, const std::string& typed) {
    std::vector<std::string> names;
    for (const auto* command : below(table, group)) names.emplace_back(command->name());
    const auto written = group.empty() ? typed : group + " " + typed;
    auto failure = fail(Code::invalid, "cli.unknown-command", {{"command", written}});
    if (const auto meant = nearest(typed, names))
        return std::move(failure).hint("cli.did-you-mean",
                                       {{"name", "tilsyn " + (group.empty() ? "" : group + " ") + *meant}});
    return std::move(failure).hint("cli.see-help", {{"command", group.empty() ? "tilsyn" : "tilsyn " + group}});
}

Result<void> unknown_option(const Command& command, const std::string& typed) {
    std::vector<std::string> names;
    for (const auto* list : {&command.options, &common_options()})
        for (const auto& option : *list) names.push_back("--" + option.name);
    auto failure = fail(Code::invalid, "cli.unknown-option", {{"option", typed}, {"command", command.path}});
    if (const auto meant = nearest(typed.substr(0, typed.find('=')), names))
        return std::move(failure).hint("cli.did-you-mean", {{"name", *meant}});
    return std::move(failure).hint("cli.see-help", {{"command", "tilsyn " + command.path}});
}

Result<void> one_of(const std::vector<std::string>& choices, const std::string& name,
                    const std::vector<std::string>& values) {
    for (const auto& value : values) {
        if (choices.empty() || std::ranges::find(choices, value) != choices.end()) continue;
        auto failure =
            fail(Code::invalid, "cli.bad-choice", {{"name", name}, {"value", value}, {"choices", join(choices, ", ")}});
        if (const auto meant = nearest(value, choices))
            return std::move(failure).hint("cli.did-you-mean", {{"name", *meant}});
        return std::move(failure);
    }
    return {};
}

Result<void> complete(const Command& command, const Parsed& parsed) {
    static const std::vector<std::string> none;
    const auto values = [&](const std::string& name) -> const std::vector<std::string>& {
        const auto found = parsed.values.find(name);
        return found == parsed.values.end() ? none : found->second;
    };
    for (const auto& argument : command.arguments) {
        if ((argument.arity == Arity::one || argument.arity == Arity::several) && values(argument.name).empty())
            return fail(Code::invalid, "cli.missing-argument", {{"name", argument.name}})
                .hint("cli.see-help", {{"command", "tilsyn " + command.path}});
        TRY_VOID(one_of(argument.choices, argument.name, values(argument.name)));
    }
    for (const auto* list : {&command.options, &common_options()}) {
        for (const auto& option : *list) {
            if (option.required && !parsed.values.contains(option.name))
                return fail(Code::invalid, "cli.missing-option", {{"name", option.name + " " + option.value}})
                    .hint("cli.see-help", {{"command", "tilsyn " + command.path}});
            if (!option.repeated && values(option.name).size() > 1)
                return fail(Code::invalid, "cli.option-twice", {{"name", option.name}});
            TRY_VOID(one_of(option.choices, "--" + option.name, values(option.name)));
        }
    }
    return {};
}

}  // namespace

std::string Invocation::get(std::string_view name, std::string_view otherwise) const {
    const auto found = values_.find(name);
    return found == values_.end() || found->second.empty() ? std::string(otherwise) : found->second.front();
}

std::vector<std::string> Invocation::all(std::string_view name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::vector<std::string>() : found->second;
}

Result<std::variant<Invocation, std::string>> interpret(const Table& table, const Parsed& parsed,
                                                        const Terminal& terminal) {
    Invocation call;
    call.table = &table;
    call.terminal = terminal;
    call.values_ = parsed.values;
    call.lang = parse_lang(call.get("lang")).value_or(lang_from_environment());
    call.json = call.has("json");
    call.data = call.get("data", environment("TILSYN_DATA"));
    if (call.data.empty()) call.data = "data";
    call.database = call.get("database", environment("TILSYN_DATABASE"));
    if (call.has("no-color")) call.terminal.color = false;

    call.command = find(table, parsed.path);
    const bool group = call.command == nullptr || !call.command->handler;
    if (group && !parsed.extras.empty()) {
        const auto& typed = parsed.extras.front();
        if (typed.starts_with('-'))
            TRY_VOID(unknown_option(call.command == nullptr ? Command{} : *call.command, typed));
        TRY_VOID(unknown_command(table, parsed.path, typed));
    }
    if (group || call.has("help"))
        return call.command == nullptr ? overview(table, call.lang, call.terminal)
                                       : help(table, *call.command, call.lang, call.terminal);
    for (const auto& extra : parsed.extras) {
        if (extra.size() > 1 && extra.starts_with('-')) TRY_VOID(unknown_option(*call.command, extra));
        return fail(Code::invalid, "cli.too-many", {{"text", extra}})
            .hint("cli.see-help", {{"command", "tilsyn " + call.command->path}});
    }
    TRY_VOID(complete(*call.command, parsed));
    return call;
}

}  // namespace tilsyn::cli
