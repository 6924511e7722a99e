#include <fmt/format.h>

#include <algorithm>

#include "app/cli/document.hpp"
#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

std::string option_words(const Option& option) {
    return "--" + option.name + (option.value.empty() ? "" : " " + option.value);
}

// Names on the left, their texts wrapped on the right.
void append_list(std::string& out, const std::vector<std::pair<std::string, std::string>>& items,
                 const Terminal& terminal) {
    std::size_t left = 0;
    for (const auto& [name, text] : items) left = std::max(left, display_width(name));
    left = std::min<std::size_t>(left, 28);
    const auto room =
        std::max<std::size_t>(std::min<std::size_t>(terminal.width, 110) - std::min<std::size_t>(left + 4, 60), 30);
    for (const auto& [name, text] : items) {
        const auto lines = wrap(text, room);
        out += "  " + pad_right(name, left) + "  " + (lines.empty() ? "" : lines.front()) + "\n";
        for (std::size_t i = 1; i < lines.size(); ++i) out += std::string(left + 4, ' ') + lines[i] + "\n";
    }
}

std::string with_choices(const std::string& text, const std::vector<std::string>& choices) {
    return choices.empty() ? text : text + " (" + join(choices, ", ") + ")";
}

}  // namespace

std::string usage(const Command& command) {
    std::string text = "tilsyn " + command.path;
    for (const auto& option : command.options)
        text += option.required ? " " + option_words(option) : " [" + option_words(option) + "]";
    for (const auto& argument : command.arguments) {
        switch (argument.arity) {
            case Arity::one:
                text += " " + argument.name;
                break;
            case Arity::optional:
                text += " [" + argument.name + "]";
                break;
            case Arity::several:
                text += " " + argument.name + "...";
                break;
            case Arity::any:
                text += " [" + argument.name + "...]";
                break;
        }
    }
    return text;
}

std::string overview(const Table& table, Lang lang, const Terminal& terminal) {
    std::string out = tr(lang, "cli.about") + "\n\n" + terminal.bold(tr(lang, "cli.head-usage")) + "\n  tilsyn " +
                      tr(lang, "cli.command-word") + " ...\n\n" + terminal.bold(tr(lang, "cli.head-commands")) + "\n";
    std::vector<std::pair<std::string, std::string>> items;
    for (const auto* command : below(table, "")) items.emplace_back(command->path, tr(lang, command->summary));
    append_list(out, items, terminal);
    return out + "\n" + tr(lang, "cli.more-help") + "\n";
}

std::string help(const Table& table, const Command& command, Lang lang, const Terminal& terminal) {
    std::string out = tr(lang, command.summary) + "\n";
    const auto head = [&](std::string_view key) { out += "\n" + terminal.bold(tr(lang, key)) + "\n"; };
    head("cli.head-usage");
    if (!command.handler) {
        out += "  tilsyn " + command.path + " " + tr(lang, "cli.command-word") + " ...\n";
        head("cli.head-commands");
        std::vector<std::pair<std::string, std::string>> items;
        for (const auto* member : below(table, command.path))
            items.emplace_back(member->name(), tr(lang, member->summary));
        append_list(out, items, terminal);
        return out + "\n" + tr(lang, "cli.more-help-group", {{"group", command.path}}) + "\n";
    }
    out += "  " + usage(command) + "\n";
    if (!command.help.empty()) {
        out += "\n";
        for (const auto& line : wrap(tr(lang, command.help), std::min<std::size_t>(terminal.width, 100)))
            out += line + "\n";
    }
    std::vector<std::pair<std::string, std::string>> items;
    for (const auto& argument : command.arguments)
        items.emplace_back(argument.name, with_choices(tr(lang, argument.help), argument.choices));
    if (!items.empty()) {
        head("cli.head-arguments");
        append_list(out, items, terminal);
    }
    items.clear();
    for (const auto* list : {&command.options, &common_options()})
        for (const auto& option : *list)
            items.emplace_back(option_words(option), with_choices(tr(lang, option.help), option.choices));
    head("cli.head-options");
    append_list(out, items, terminal);
    items.clear();
    for (const auto& exit : exit_codes(command)) items.emplace_back(std::to_string(exit.code), tr(lang, exit.meaning));
    head("cli.head-exit");
    append_list(out, items, terminal);
    return out;
}

}  // namespace tilsyn::cli
