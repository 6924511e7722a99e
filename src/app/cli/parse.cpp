#include <algorithm>

#include "app/cli/invocation.hpp"

namespace tilsyn::cli {
namespace {

const Option* option_of(const Command* command, std::string_view name) {
    for (const auto* list : {command != nullptr ? &command->options : nullptr, &common_options()}) {
        if (list == nullptr) continue;
        for (const auto& option : *list)
            if (option.name == name) return &option;
    }
    return nullptr;
}

// Words to arguments, in order; what is left over has no place.
void distribute(const Command& command, std::vector<std::string> words, Parsed& parsed) {
    std::size_t next = 0;
    for (const auto& argument : command.arguments) {
        const bool many = argument.arity == Arity::several || argument.arity == Arity::any;
        const auto count = std::min(many ? words.size() : std::size_t(1), words.size() - next);
        for (const auto end = next + count; next < end; ++next) parsed.values[argument.name].push_back(words[next]);
    }
    parsed.extras.insert(parsed.extras.end(), words.begin() + std::ptrdiff_t(next), words.end());
}

}  // namespace

Result<Parsed> parse(const Table& table, const std::vector<std::string>& arguments) {
    Parsed parsed;
    std::vector<std::string> words;
    const Command* command = nullptr;
    bool options_over = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const auto& text = arguments[i];
        if (!options_over && text == "--") {
            options_over = true;
        } else if (!options_over && text == "-h") {
            parsed.values["help"];
        } else if (!options_over && text == "--version" && command == nullptr) {
            parsed.values["version"];
        } else if (!options_over && text.starts_with("--")) {
            const auto equals = text.find('=');
            const auto name = text.substr(2, equals == text.npos ? text.npos : equals - 2);
            const auto* option = option_of(command, name);
            if (option == nullptr) {
                parsed.extras.push_back(text);
            } else if (option->value.empty()) {
                if (equals != text.npos) return fail(Code::invalid, "cli.flag-with-value", {{"name", name}});
                parsed.values[name];
            } else if (equals != text.npos) {
                parsed.values[name].push_back(text.substr(equals + 1));
            } else if (i + 1 < arguments.size()) {
                parsed.values[name].push_back(arguments[++i]);
            } else {
                return fail(Code::invalid, "cli.value-missing", {{"name", name}, {"value", option->value}});
            }
        } else if (const auto* deeper = find(table, parsed.path.empty() ? text : parsed.path + " " + text);
                   deeper != nullptr && words.empty() && !options_over) {
            command = deeper;
            parsed.path = deeper->path;
        } else {
            words.push_back(text);
        }
    }
    if (command != nullptr && command->handler)
        distribute(*command, std::move(words), parsed);
    else
        parsed.extras.insert(parsed.extras.end(), words.begin(), words.end());
    return parsed;
}

}  // namespace tilsyn::cli
