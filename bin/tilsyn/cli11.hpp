// Arguments -> cli::Parsed. The only place that sees CLI11.
#pragma once
#include <string>
#include <vector>

#include "app/cli/invocation.hpp"

namespace tilsyn::commands {

// Splits by the table and judges nothing: what has no place comes back in `extras`. `arguments` without the program's
// own name. Fails on an option without its value.
Result<cli::Parsed> parse(const cli::Table& table, std::vector<std::string> arguments);

}  // namespace tilsyn::commands
