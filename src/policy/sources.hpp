// Where a policy's files come from: a folder on the disk, or an applied version kept in memory. Names are relative to
// the policy's folder, with '/' between folders; nothing outside that folder is ever read.
#pragma once
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::policy {

constexpr std::uint64_t max_file_bytes = 1u << 20;
constexpr std::size_t max_files = 1000;

class FileSource {
  public:
    virtual ~FileSource() = default;
    // not_found, too_large, forbidden (leaves the folder, also through a symbolic link), io.
    virtual Result<std::string> read(const std::string& name) const = 0;
    // The files that fit a pattern with * and ? (which match no '/' and no leading dot), sorted by name.
    virtual std::vector<std::string> match(std::string_view pattern) const = 0;
    // How the file is called in messages.
    virtual std::string shown(const std::string& name) const = 0;
};

std::unique_ptr<FileSource> folder_source(const std::filesystem::path& folder);
std::unique_ptr<FileSource> memory_source(const std::vector<std::pair<std::string, std::string>>& files);

// Relative, and without a way out: no leading '/', no "..", no backslash, no empty part.
bool stays_inside(std::string_view name);
bool has_wildcard(std::string_view pattern);
bool glob_match(std::string_view pattern, std::string_view name);  // one part of a path

}  // namespace tilsyn::policy
