#include "checks/apt/release.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/apt/version.hpp"

namespace tilsyn::checks::apt {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t largest_file = 1u << 20;

std::string unquoted(std::string_view value) {
    value = trim(value);
    if (value.size() >= 2 && (value[0] == '"' || value[0] == '\'') && value.back() == value[0])
        value = value.substr(1, value.size() - 2);
    return std::string(value);
}

void add(std::vector<std::string>& names, std::string name) {
    if (!name.empty() && std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
}

void read_support(const fs::path& root, bool extended, Release& release) {
    if (release.id.empty() || release.id.find('/') != release.id.npos || release.codenames.empty()) return;
    const auto content = read_file(root / "usr/share/distro-info" / (release.id + ".csv"), largest_file);
    if (!content) return;
    std::vector<std::string_view> header;
    for (const auto line : split(*content, '\n')) {
        const auto cells = split(trim(line), ',');
        if (header.empty()) {
            header = cells;
            continue;
        }
        const auto date = [&](std::string_view column) -> std::optional<Date> {
            const auto at = std::size_t(std::ranges::find(header, column) - header.begin());
            if (at >= header.size() || at >= cells.size()) return std::nullopt;
            const auto parsed = parse_date(cells[at]);
            return parsed ? std::optional(*parsed) : std::nullopt;
        };
        const auto series = std::size_t(std::ranges::find(header, "series") - header.begin());
        if (series >= cells.size() || cells[series] != release.codenames.front()) continue;
        release.support_ends = date("eol");
        if (const auto server = date("eol-server"); server && release.support_ends && *server > *release.support_ends)
            release.support_ends = server;
        release.lts_ends = date("eol-lts");
        if (extended && !release.lts_ends) release.lts_ends = date("eol-esm");
        return;
    }
}

// "6.1.0-25" of "6.1.0-25-amd64": kernels of different flavours are compared by the version alone.
std::string_view without_flavour(std::string_view release) {
    for (std::size_t i = 0; i + 1 < release.size(); ++i)
        if (release[i] == '-' && ((release[i + 1] >= 'a' && release[i + 1] <= 'z'))) return release.substr(0, i);
    return release;
}

}  // namespace

Release read_release(const fs::path& root, bool extended) {
    Release release;
    auto content = read_file(root / "etc/os-release", largest_file);
    if (!content) content = read_file(root / "usr/lib/os-release", largest_file);
    if (!content) return release;
    std::string own, parent, version;
    for (const auto line : split(*content, '\n')) {
        const auto equals = line.find('=');
        if (equals == line.npos) continue;
        const auto key = trim(line.substr(0, equals));
        auto value = unquoted(line.substr(equals + 1));
        if (key == "ID")
            release.id = std::move(value);
        else if (key == "PRETTY_NAME")
            release.name = std::move(value);
        else if (key == "VERSION")
            version = std::move(value);
        else if (key == "VERSION_CODENAME")
            own = std::move(value);
        else if (key == "UBUNTU_CODENAME" || key == "DEBIAN_CODENAME")
            parent = std::move(value);
    }
    if (const auto open = version.find('(');
        own.empty() && open != version.npos)  // before VERSION_CODENAME: "8 (jessie)"
        own = version.substr(open + 1, version.find(')', open) - open - 1);
    add(release.codenames, std::move(own));
    add(release.codenames, std::move(parent));
    read_support(root, extended, release);
    return release;
}

std::string waiting_kernel(std::string_view running, std::span<const std::string> installed) {
    std::string newest;
    for (std::string_view name : installed) {
        if (name.starts_with("linux-image-unsigned-"))
            name.remove_prefix(21);
        else if (name.starts_with("linux-image-"))
            name.remove_prefix(12);
        else
            continue;
        if (name.empty() || name[0] < '0' || name[0] > '9' || name.ends_with("-dbg")) continue;
        if (newest.empty() || compare_versions(without_flavour(name), without_flavour(newest)) > 0) newest = name;
    }
    if (running.empty() || newest.empty() || compare_versions(without_flavour(newest), without_flavour(running)) <= 0)
        return {};
    return newest;
}

}  // namespace tilsyn::checks::apt
