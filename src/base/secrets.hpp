// Files with what opens something: names and texts in TOML, which only the account that Tilsyn runs as may read. They
// are never put into a register, a log or an argument, and no error quotes them.
#pragma once
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tilsyn {

// Code::not_found: there is no such file. Code::forbidden: others can read it. Code::invalid, with the place: it is not
// names and texts, or a name is not among the known.
Result<std::map<std::string, std::string>> read_secret_file(const std::filesystem::path& path,
                                                            std::span<const std::string_view> known);

}  // namespace tilsyn
