// Man pages (roff) and docs/commands.md.
#include <fmt/format.h>

#include "app/cli/document.hpp"
#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

// Text as roff takes it: a backslash and a dash are written out, and no line begins with a control character.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else if ((c == '.' || c == '\'') && (out.empty() || out.back() == '\n'))
            out += std::string("\\&") + c;
        else
            out += c;
    }
    return out;
}

std::string option_words(const Option& option) {
    return "--" + option.name + (option.value.empty() ? "" : " " + option.value);
}

void append_item(std::string& out, const std::string& term, const std::string& text) {
    out += ".TP\n.B " + roff(term) + "\n" + roff(text) + "\n";
}

void append_command(std::string& out, const Command& command, Lang lang) {
    out += ".PP\n.B " + roff(usage(command)) + "\n.RS\n" + roff(tr(lang, command.summary)) + "\n";
    if (!command.help.empty()) out += ".PP\n" + roff(tr(lang, command.help)) + "\n";
    for (const auto& argument : command.arguments) append_item(out, argument.name, tr(lang, argument.help));
    for (const auto& option : command.options) append_item(out, option_words(option), tr(lang, option.help));
    for (const auto& exit : command.exits)
        append_item(out, tr(lang, "cli.exit-word", {{"code", std::to_string(exit.code)}}), tr(lang, exit.meaning));
    out += ".RE\n";
}

std::string upper(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
    return out;
}

void append_section(std::string& out, Lang lang, std::string_view key) {
    out += ".SH " + upper(tr(lang, key)) + "\n";
}

void append_common(std::string& out, Lang lang) {
    append_section(out, lang, "cli.head-common");
    for (const auto& option : common_options()) append_item(out, option_words(option), tr(lang, option.help));
    append_section(out, lang, "cli.head-exit");
    append_item(out, "0", tr(lang, "cli.exit-0"));
    append_item(out, "1", tr(lang, "cli.exit-1"));
    append_item(out, "2", tr(lang, "cli.exit-2"));
}

// One command of the page: options and arguments as a table.
void append_markdown(std::string& out, const Command& command) {
    constexpr auto lang = Lang::en;
    out += fmt::format("\n### {}\n\n    {}\n\n{}\n", "tilsyn " + command.path, usage(command),
                       tr(lang, command.summary) + ".");
    if (!command.help.empty()) out += "\n" + tr(lang, command.help) + "\n";
    if (!command.arguments.empty() || !command.options.empty()) out += "\n| | |\n|---|---|\n";
    const auto row = [&](const std::string& name, std::string text, const std::vector<std::string>& choices) {
        if (!choices.empty()) text += " (" + join(choices, ", ") + ")";
        out += "| `" + name + "` | " + text + " |\n";
    };
    for (const auto& argument : command.arguments) row(argument.name, tr(lang, argument.help), argument.choices);
    for (const auto& option : command.options) row(option_words(option), tr(lang, option.help), option.choices);
    for (const auto& exit : command.exits)
        out += fmt::format("\nExit code {}: {}.\n", exit.code, tr(lang, exit.meaning));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> man_pages(const Table& table, Lang lang, std::string_view version,
                                                           std::string_view date) {
    std::vector<std::pair<std::string, std::string>> pages;
    const auto begin = [&](const std::string& name, const std::string& summary) {
        std::string out = fmt::format(".TH {} 1 {} \"Tilsyn {}\"\n", roff(upper(name)), date, version);
        append_section(out, lang, "cli.head-name");
        return out + roff(name) + " \\- " + roff(summary) + "\n";
    };
    std::string all = begin("tilsyn", tr(lang, "cli.about"));
    append_section(all, lang, "cli.head-usage");
    all += ".B tilsyn\n.I " + roff(tr(lang, "cli.command-word")) + "\n\\&...\n";
    append_section(all, lang, "cli.head-commands");
    for (const auto* command : below(table, ""))
        append_item(all, "tilsyn-" + command->path + "(1)", tr(lang, command->summary));
    append_common(all, lang);
    pages.emplace_back("tilsyn.1", std::move(all));
    for (const auto* command : below(table, "")) {
        std::string page = begin("tilsyn-" + command->path, tr(lang, command->summary));
        append_section(page, lang, "cli.head-usage");
        if (command->handler) append_command(page, *command, lang);
        for (const auto* member : below(table, command->path)) append_command(page, *member, lang);
        append_common(page, lang);
        page += ".SH " + upper(tr(lang, "cli.head-see-also")) + "\n.BR tilsyn (1)\n";
        pages.emplace_back("tilsyn-" + command->path + ".1", std::move(page));
    }
    return pages;
}

std::string markdown(const Table& table) {
    constexpr auto lang = Lang::en;
    std::string out =
        "# Commands\n\n<!-- Written by `./dev docs` from the table of commands; a test keeps it current. -->\n\n" +
        tr(lang, "cli.about") + ".\n\nEvery command takes these:\n\n| | |\n|---|---|\n";
    for (const auto& option : common_options())
        out += "| `" + option_words(option) + "` | " + tr(lang, option.help) + " |\n";
    out += fmt::format("\nExit codes: 0, {}; 1, {}; 2, {}.\n", tr(lang, "cli.exit-0"), tr(lang, "cli.exit-1"),
                       tr(lang, "cli.exit-2"));
    for (const auto* command : below(table, "")) {
        out += "\n## " + std::string(command->name()) + "\n";
        if (!command->handler)
            out += "\n" + tr(lang, command->summary) + ".\n";
        else
            append_markdown(out, *command);
        for (const auto* member : below(table, command->path)) append_markdown(out, *member);
    }
    return out;
}

}  // namespace tilsyn::cli
