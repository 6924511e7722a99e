#include "checks/apt/lists.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::checks::apt {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t largest_release = 64u << 20;

std::optional<Timestamp> modified(const fs::path& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return Timestamp(std::chrono::seconds(info.st_mtim.tv_sec));
}

// A time of a file that lies in the future says nothing about when the lists were fetched: the clock was wrong then, or
// is now.
void take_newest(std::optional<Timestamp>& newest, std::optional<Timestamp> candidate, Timestamp now) {
    if (!candidate || *candidate > now + std::chrono::minutes(5)) return;
    if (!newest || *candidate > *newest) newest = candidate;
}

bool named(std::span<const std::string> names, std::string_view value) {
    return !value.empty() &&
           std::ranges::any_of(names, [&](const auto& name) { return lower_ascii(name) == lower_ascii(value); });
}

bool is_packages(std::string_view name) {
    for (const auto ending : compressed_endings())
        if (!ending.empty() && name.ends_with(ending)) {
            name.remove_suffix(ending.size());
            break;
        }
    return name.ends_with("_Packages");
}

// What stands before "InRelease" or "Release", up to and with the '_'.
std::string_view stem(std::string_view file) {
    return file.substr(0, file.rfind('_') + 1);
}

}  // namespace

std::string base_codename(std::string_view name) {
    for (const std::string_view ending : {"-security", "/updates", "-infra", "-apps"})
        if (name.ends_with(ending)) name.remove_suffix(ending.size());
    return std::string(name);
}

Lists find_lists(const fs::path& root, std::span<const std::string> also_security, Timestamp now) {
    Lists result;
    const auto folder = root / "var/lib/apt/lists";
    std::vector<std::string> names;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
        names.push_back(entry->path().filename());
    if (error && error != std::errc::no_such_file_or_directory) result.unreadable.push_back("var/lib/apt/lists");
    std::ranges::sort(names);

    for (const auto& name : names) {
        const bool in_release = name.ends_with("_InRelease");
        if (!in_release && !name.ends_with("_Release")) continue;
        if (!in_release && std::ranges::binary_search(names, std::string(stem(name)) + "InRelease")) continue;
        ListSource source;
        source.file = name;
        const auto content = read_file(folder / name, largest_release);
        if (!content) {
            result.unreadable.push_back(name);
            continue;
        }
        source.head = parse_release(*content);
        const auto& head = source.head;
        source.built_in = head.label == "Debian-Security" || head.suite.ends_with("-security") ||
                          head.codename.ends_with("-security");
        source.security = source.built_in || named(also_security, head.origin) || named(also_security, head.label);
        // A small archive of somebody's own may have no name and no date: that is its affair unless fixes come from it.
        if (head.nameless || (source.security && head.bad_date)) result.unreadable.push_back(name);
        take_newest(result.fetched, modified(folder / name), now);
        result.sources.push_back(std::move(source));
    }
    for (const auto& name : names) {
        if (!is_packages(name)) continue;
        // "dists_buster_" and "dists_buster_updates_" both begin the name of the latter's lists: the longest is right.
        ListSource* owner = nullptr;
        for (auto& source : result.sources)
            if (name.starts_with(stem(source.file)) &&
                (owner == nullptr || stem(source.file).size() > stem(owner->file).size()))
                owner = &source;
        if (owner != nullptr) owner->packages.push_back(name);
    }
    if (!result.sources.empty()) {
        take_newest(result.fetched, modified(folder), now);
        take_newest(result.fetched, modified(root / "var/lib/apt/periodic/update-success-stamp"), now);
    }
    return result;
}

}  // namespace tilsyn::checks::apt
