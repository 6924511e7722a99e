// Whole files, safely: bounded reads, and writes that are either all there after a power cut or not there at all.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tilsyn {

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 64u << 20);
// Temporary file beside it, fsync, rename, fsync of the folder. `mode` as for chmod.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

}  // namespace tilsyn
