#include "app/cli/command.hpp"

namespace tilsyn::cli {

std::string_view Command::name() const {
    const auto space = path.rfind(' ');
    return std::string_view(path).substr(space == path.npos ? 0 : space + 1);
}

const Command* find(const Table& table, std::string_view path) {
    for (const auto& command : table)
        if (command.path == path) return &command;
    return nullptr;
}

std::vector<const Command*> below(const Table& table, std::string_view group) {
    std::vector<const Command*> found;
    for (const auto& command : table) {
        const std::string_view path = command.path;
        if (group.empty() ? path.find(' ') == path.npos
                          : path.size() > group.size() && path.starts_with(group) && path[group.size()] == ' ')
            found.push_back(&command);
    }
    return found;
}

const std::vector<Option>& common_options() {
    static const std::vector<Option> options{
        {.name = "data", .value = "DIR", .help = "cli.option-data", .values = Values::folder},
        {.name = "database", .value = "URL", .help = "cli.option-database"},
        {.name = "json", .help = "cli.option-json"},
        {.name = "lang", .value = "LANG", .help = "cli.option-lang", .choices = {"da", "en"}},
        {.name = "no-color", .help = "cli.option-no-color"},
        {.name = "help", .help = "cli.option-help"},
    };
    return options;
}

std::vector<ExitCode> exit_codes(const Command& command) {
    std::vector<ExitCode> codes{{0, "cli.exit-0"}};
    codes.insert(codes.end(), command.exits.begin(), command.exits.end());
    codes.push_back({2, "cli.exit-2"});
    return codes;
}

}  // namespace tilsyn::cli
