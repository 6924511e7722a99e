// Completion scripts. All three ask nothing of the program: the table is written into them.
#include <fmt/format.h>

#include "app/cli/document.hpp"
#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

std::string words(const std::vector<std::string>& list) {
    return join(list, " ");
}

std::vector<std::string> option_names(const Command& command) {
    std::vector<std::string> names;
    for (const auto* list : {&command.options, &common_options()})
        for (const auto& option : *list) names.push_back("--" + option.name);
    return names;
}

std::vector<std::string> member_names(const Table& table, std::string_view group) {
    std::vector<std::string> names;
    for (const auto* command : below(table, group)) names.emplace_back(command->name());
    return names;
}

// What may follow `--name`, as bash's compgen is asked for it; empty: nothing is offered.
std::string bash_values(Values values, const std::vector<std::string>& choices) {
    if (!choices.empty()) return "-W '" + words(choices) + "'";
    if (values == Values::file) return "-f";
    return values == Values::folder ? "-d" : "";
}

std::string bash_positional(const Command& command) {
    for (const auto& argument : command.arguments)
        if (const auto offered = bash_values(argument.values, argument.choices); !offered.empty()) return offered;
    return {};
}

std::string bash(const Table& table) {
    std::string options, commands;
    std::vector<std::string> valued;
    for (const auto& command : table) {
        const auto positional =
            command.handler ? bash_positional(command) : "-W '" + words(member_names(table, command.path)) + "'";
        commands += fmt::format("        '{}') options='{}'; offer=({}) ;;\n", command.path,
                                words(option_names(command)), positional);
        for (const auto& option : command.options) {
            if (option.value.empty()) continue;
            options += fmt::format("        '{} --{}') offer=({}) ;;\n", command.path, option.name,
                                   bash_values(option.values, option.choices));
            valued.push_back("--" + option.name);
        }
    }
    for (const auto& option : common_options()) {
        if (option.value.empty()) continue;
        options +=
            fmt::format("        *' --{}') offer=({}) ;;\n", option.name, bash_values(option.values, option.choices));
        valued.push_back("--" + option.name);
    }
    std::string known;
    for (const auto& command : table) known += "|" + command.path;
    return fmt::format(R"(# bash completion for tilsyn
_tilsyn() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} path= i next options= offer=()
    local known='{}|' valued=' {} '
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        next=${{COMP_WORDS[i]}}
        if [[ $valued == *" $next "* ]]; then ((i++)); continue; fi
        [[ $next == -* ]] && continue
        [[ $known == *"|${{path:+$path }}$next|"* ]] || break
        path=${{path:+$path }}$next
    done
    if [[ $before == --* && $valued == *" $before "* ]]; then
        case "$path $before" in
{}        esac
        [[ ${{#offer[@]}} -eq 0 ]] || mapfile -t COMPREPLY < <(compgen "${{offer[@]}}" -- "$word")
        return
    fi
    case $path in
        '') options='{}'; offer=(-W '{}') ;;
{}    esac
    [[ $word != -* ]] || offer=(-W "$options")
    [[ ${{#offer[@]}} -eq 0 ]] || mapfile -t COMPREPLY < <(compgen "${{offer[@]}}" -- "$word")
}}
complete -o filenames -F _tilsyn tilsyn
)",
                       known, words(valued), options, words(option_names(Command{})), words(member_names(table, "")),
                       commands);
}

// For zsh and fish, between single quotes.
std::string quoted(std::string_view text, std::string_view apostrophe) {
    std::string out = "'";
    for (const char c : text) c == '\'' ? out += apostrophe : out += c;
    return out + "'";
}

std::string zsh_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == ':' || c == '[' || c == ']') out += '\\';
        out += c;
    }
    return out;
}

std::string zsh_action(Values values, const std::vector<std::string>& choices) {
    if (!choices.empty()) return "(" + words(choices) + ")";
    if (values == Values::file) return "_files";
    return values == Values::folder ? "_files -/" : " ";
}

std::string zsh(const Table& table, Lang lang) {
    constexpr std::string_view apostrophe = "'\\''";
    std::string out =
        "#compdef tilsyn\n# zsh completion for tilsyn\n_tilsyn() {\n    local path=${words[2]} third=${words[3]}\n";
    const auto describe = [&](std::string_view group) {
        std::string list;
        for (const auto* command : below(table, group))
            list += " " + quoted(std::string(command->name()) + ":" + zsh_text(tr(lang, command->summary)), apostrophe);
        return "local -a commands=(" + list + " ); _describe command commands";
    };
    out += "    if ((CURRENT == 2)); then " + describe("") + "; return; fi\n";
    for (const auto* group : below(table, ""))
        if (!group->handler)
            out += "    if [[ $path == " + group->path + " ]]; then\n        if ((CURRENT == 3)); then " +
                   describe(group->path) + "; return; fi\n        path=\"$path $third\"\n    fi\n";
    out += "    case $path in\n";
    for (const auto& command : table) {
        if (!command.handler) continue;
        out += "        " + quoted(command.path, apostrophe) + ") _arguments";
        for (const auto* list : {&command.options, &common_options()}) {
            for (const auto& option : *list) {
                auto text = "--" + option.name + "[" + zsh_text(tr(lang, option.help)) + "]";
                if (!option.value.empty()) text += ":" + option.value + ":" + zsh_action(option.values, option.choices);
                out += " " + quoted(text, apostrophe);
            }
        }
        for (const auto& argument : command.arguments)
            out += " " + quoted("*:" + argument.name + ":" + zsh_action(argument.values, argument.choices), apostrophe);
        out += " ;;\n";
    }
    return out + "    esac\n}\n_tilsyn \"$@\"\n";
}

std::string fish(const Table& table, Lang lang) {
    constexpr std::string_view apostrophe = "\\'";
    std::string out = "# fish completion for tilsyn\ncomplete -c tilsyn -f\n";
    const auto tail = [&](Values values, const std::vector<std::string>& choices) -> std::string {
        if (!choices.empty()) return " -x -a " + quoted(words(choices), apostrophe);
        return values == Values::text ? " -x" : " -r -F";
    };
    for (const auto& command : table) {
        const auto space = command.path.find(' ');
        const auto group = space == command.path.npos ? std::string() : command.path.substr(0, space);
        const auto offered = group.empty()
                                 ? std::string("__fish_use_subcommand")
                                 : "__fish_seen_subcommand_from " + group + "; and not __fish_seen_subcommand_from " +
                                       words(member_names(table, group));
        out += fmt::format("complete -c tilsyn -n {} -a {} -d {}\n", quoted(offered, apostrophe),
                           quoted(command.name(), apostrophe), quoted(tr(lang, command.summary), apostrophe));
        const auto chosen = group.empty() ? "__fish_seen_subcommand_from " + command.path
                                          : "__fish_seen_subcommand_from " + group +
                                                "; and __fish_seen_subcommand_from " + std::string(command.name());
        for (const auto& option : command.options)
            out += fmt::format("complete -c tilsyn -n {} -l {}{} -d {}\n", quoted(chosen, apostrophe), option.name,
                               option.value.empty() ? "" : tail(option.values, option.choices),
                               quoted(tr(lang, option.help), apostrophe));
        for (const auto& argument : command.arguments)
            if (argument.values != Values::text || !argument.choices.empty())
                out += fmt::format(
                    "complete -c tilsyn -n {}{}\n", quoted(chosen, apostrophe),
                    argument.choices.empty() ? " -F" : " -a " + quoted(words(argument.choices), apostrophe));
    }
    for (const auto& option : common_options())
        out += fmt::format("complete -c tilsyn -l {}{} -d {}\n", option.name,
                           option.value.empty() ? "" : tail(option.values, option.choices),
                           quoted(tr(lang, option.help), apostrophe));
    return out;
}

}  // namespace

std::string completion(const Table& table, std::string_view shell, Lang lang) {
    if (shell == "zsh") return zsh(table, lang);
    return shell == "fish" ? fish(table, lang) : bash(table);
}

}  // namespace tilsyn::cli
