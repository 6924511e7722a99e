// policy.toml (and the files it names) -> Policy, with every fault at once.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "policy/types.hpp"
#include "registers/types.hpp"

namespace tilsyn::policy {

// One fault: where, what was found, what was expected, and the nearest right name where there is one.
// Renders as "file:line:column: found; expected\n  did you mean ...?" through base/i18n (the Error's hint).
using Fault = Error;

struct Loaded {
    Policy policy;                   // usable only when faults is empty
    registers::Catalogue registers;  // built-in ones with the company's additions
    std::vector<Fault> faults;       // sorted by file and line
    std::vector<Fault> warnings;     // a promise without a control, a role nobody has used
};

// Never throws, never stops at the first fault. `kinds` are the check kinds that exist.
Loaded load(const std::filesystem::path& policy_file, std::span<const KindSpec* const> kinds);
// The same from memory: file name -> bytes, as an applied version is kept.
Loaded load(const std::vector<std::pair<std::string, std::string>>& files, std::string_view main_file,
            std::span<const KindSpec* const> kinds);

}  // namespace tilsyn::policy
