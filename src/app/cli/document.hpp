// What follows from the table of commands: help, man pages, completion, the page of the documentation.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/cli/command.hpp"
#include "app/cli/terminal.hpp"
#include "base/i18n.hpp"

namespace tilsyn::cli {

std::string overview(const Table& table, Lang lang, const Terminal& terminal);  // of all commands
std::string help(const Table& table, const Command& command, Lang lang, const Terminal& terminal);
std::string usage(const Command& command);  // "tilsyn policy diff [--json] FILE [VERSION]"

// File name and roff of tilsyn.1 and one page for each top command. `date` as 2026-11-23.
std::vector<std::pair<std::string, std::string>> man_pages(const Table& table, Lang lang, std::string_view version,
                                                           std::string_view date);
std::string markdown(const Table& table);  // docs/commands.md

inline const std::vector<std::string> shells{"bash", "zsh", "fish"};
std::string completion(const Table& table, std::string_view shell, Lang lang);  // shell: one of `shells`

}  // namespace tilsyn::cli
