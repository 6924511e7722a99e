#include "policy/sources.hpp"

#include <algorithm>
#include <map>
#include <system_error>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::policy {
namespace {

namespace fs = std::filesystem;

Fail leaves_folder(const std::string& name) {
    return fail(Code::forbidden, "policy.leaves-folder", {{"file", name}});
}

Fail missing(const std::string& name) {
    return fail(Code::not_found, "policy.no-such-file", {{"file", name}});
}

Fail oversized(const std::string& name) {
    return fail(Code::too_large, "policy.file-too-large",
                {{"file", name}, {"limit", std::to_string(max_file_bytes / 1024)}});
}

class FolderSource final : public FileSource {
  public:
    explicit FolderSource(fs::path folder) : folder_(std::move(folder)) {}

    Result<std::string> read(const std::string& name) const override {
        if (!stays_inside(name)) return leaves_folder(name);
        std::error_code error;
        const auto root = fs::canonical(folder_.empty() ? fs::path(".") : folder_, error);
        if (error) return missing(name);
        const auto real = fs::canonical(folder_ / name, error);
        if (error) return missing(name);
        if (std::ranges::mismatch(root, real).in1 != root.end()) return leaves_folder(name);
        if (!fs::is_regular_file(real, error)) return fail(Code::invalid, "policy.not-a-file", {{"file", name}});
        auto content = read_file(real, max_file_bytes);
        if (!content && content.error().code == Code::too_large) return oversized(name);
        return content;
    }

    std::vector<std::string> match(std::string_view pattern) const override {
        std::vector<std::string> found;
        if (!stays_inside(pattern)) return found;
        std::vector<std::string> parts;
        for (const auto part : split(pattern, '/')) parts.emplace_back(part);
        descend(folder_.empty() ? fs::path(".") : folder_, "", parts, found);
        std::ranges::sort(found);
        return found;
    }

    std::string shown(const std::string& name) const override { return (folder_ / name).string(); }

  private:
    static void descend(const fs::path& folder, const std::string& prefix, std::span<const std::string> parts,
                        std::vector<std::string>& found) {
        std::error_code error;
        for (fs::directory_iterator it(folder, error), end; !error && it != end && found.size() <= max_files;
             it.increment(error)) {
            const auto name = it->path().filename().string();
            if (!glob_match(parts[0], name)) continue;
            std::error_code ignored;
            if (parts.size() == 1) {
                if (!it->is_directory(ignored)) found.push_back(prefix + name);
            } else if (it->is_directory(ignored)) {
                descend(it->path(), prefix + name + "/", parts.subspan(1), found);
            }
        }
    }

    fs::path folder_;
};

class MemorySource final : public FileSource {
  public:
    explicit MemorySource(const std::vector<std::pair<std::string, std::string>>& files)
        : files_(files.begin(), files.end()) {}

    Result<std::string> read(const std::string& name) const override {
        if (!stays_inside(name)) return leaves_folder(name);
        const auto found = files_.find(name);
        if (found == files_.end()) return missing(name);
        if (found->second.size() > max_file_bytes) return oversized(name);
        return found->second;
    }

    std::vector<std::string> match(std::string_view pattern) const override {
        const auto wanted = split(pattern, '/');
        std::vector<std::string> found;
        for (const auto& [name, content] : files_) {
            const auto parts = split(name, '/');
            if (std::ranges::equal(wanted, parts, [](auto p, auto n) { return glob_match(p, n); }))
                found.push_back(name);
        }
        return found;
    }

    std::string shown(const std::string& name) const override { return name; }

  private:
    std::map<std::string, std::string> files_;
};

}  // namespace

bool stays_inside(std::string_view name) {
    if (name.empty() || name.front() == '/' || name.find('\\') != name.npos || name.find('\0') != name.npos)
        return false;
    return std::ranges::none_of(split(name, '/'),
                                [](std::string_view part) { return part.empty() || part == ".." || part == "."; });
}

bool has_wildcard(std::string_view pattern) {
    return pattern.find_first_of("*?") != pattern.npos;
}

bool glob_match(std::string_view pattern, std::string_view name) {
    if (name.starts_with('.') && !pattern.starts_with('.')) return false;
    // Greedy with one place to come back to: linear in practice, never exponential.
    std::size_t p = 0, n = 0, star = pattern.npos, retry = 0;
    while (n < name.size()) {
        if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
            ++p;
            ++n;
        } else if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            retry = n;
        } else if (star != pattern.npos) {
            p = star + 1;
            n = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::unique_ptr<FileSource> folder_source(const std::filesystem::path& folder) {
    return std::make_unique<FolderSource>(folder);
}

std::unique_ptr<FileSource> memory_source(const std::vector<std::pair<std::string, std::string>>& files) {
    return std::make_unique<MemorySource>(files);
}

}  // namespace tilsyn::policy
