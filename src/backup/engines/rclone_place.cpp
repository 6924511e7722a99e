#include "backup/engines/rclone_place.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::int64_t second = 1'000'000'000;  // ns

using Settings = std::vector<std::pair<std::string, std::string>>;

Fail bad(const RepositoryAccess& access) {
    return fail(Code::invalid, "backup.bad-location", {{"repository", access.id}, {"location", access.location}});
}

std::string credential(const RepositoryAccess& access, const char* name) {
    const auto found = access.credentials.find(name);
    return found == access.credentials.end() ? std::string() : found->second;
}

Result<RclonePlace> with(const RepositoryAccess& access, const Settings& settings, std::string path) {
    RclonePlace place{.config = "[place]\n", .root = "place:" + std::move(path)};
    for (const auto& [name, value] : settings) {
        // A line more would be a setting more.
        if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20; })) return bad(access);
        place.config += name + " = " + value + "\n";
    }
    return place;
}

// user@host:path, or with //: user@host:port/path, where the path is below the home folder unless it begins with /.
Result<RclonePlace> over_ssh(const RepositoryAccess& access, std::string_view rest) {
    const bool as_url = rest.starts_with("//");
    if (as_url) rest.remove_prefix(2);
    const auto end = rest.find(as_url ? '/' : ':');
    if (end == rest.npos) return bad(access);
    auto host = rest.substr(0, end);
    const auto path = rest.substr(end + 1);
    std::string user, port = "22";
    if (const auto at = host.rfind('@'); at != host.npos) {
        user = host.substr(0, at);
        host.remove_prefix(at + 1);
    }
    if (const auto colon = host.rfind(':'); as_url && colon != host.npos && host.back() != ']') {
        port = host.substr(colon + 1);
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty() || path.empty() || port.empty() || port.find_first_not_of("0123456789") != port.npos)
        return bad(access);
    // It has no rules of its own for where keys are found.
    for (const auto& [name, given] : {std::pair{"ssh_key", access.ssh_key}, {"known_hosts", access.known_hosts}})
        if (given.empty())
            return fail(Code::not_found, "backup.secret-missing", {{"repository", access.id}, {"name", name}});
    Settings settings{{"type", "sftp"},
                      {"host", std::string(host)},
                      {"port", port},
                      {"key_file", access.ssh_key.string()},
                      {"known_hosts_file", access.known_hosts.string()},
                      {"shell_type", "none"},  // nothing is run there but the file transfer
                      {"disable_hashcheck", "true"}};
    if (!user.empty()) settings.emplace_back("user", user);
    TRY(auto place, with(access, settings, std::string(path)));
    // Its protocol has whole seconds in 32 bits, without a sign.
    place.time_step = second;
    place.earliest_time = 0;
    place.latest_time = 0xffff'ffff * second;
    return place;
}

Result<RclonePlace> in_bucket(const RepositoryAccess& access, std::string_view rest) {
    const auto scheme = rest.find("://");
    const auto slash = rest.find('/', scheme == rest.npos ? 0 : scheme + 3);
    if (slash == rest.npos || slash == 0 || slash + 1 == rest.size()) return bad(access);
    const auto endpoint = (scheme == rest.npos ? "https://" : "") + std::string(rest.substr(0, slash));
    for (const auto* name : {"access_key", "secret_key"})
        if (credential(access, name).empty())
            return fail(Code::not_found, "backup.secret-missing", {{"repository", access.id}, {"name", name}});
    TRY(auto place, with(access,
                         {{"type", "s3"},
                          {"provider", "Other"},
                          {"env_auth", "false"},
                          {"endpoint", endpoint},
                          {"access_key_id", credential(access, "access_key")},
                          {"secret_access_key", credential(access, "secret_key")}},
                         std::string(rest.substr(slash + 1))));
    place.empty_folders = false;
    return place;
}

Result<RclonePlace> of_their_own(const RepositoryAccess& access, std::string_view rest) {
    const auto colon = rest.find(':');
    const auto file = credential(access, "rclone_config");
    if (colon == rest.npos || colon == 0) return bad(access);
    if (file.empty())
        return fail(Code::not_found, "backup.secret-missing", {{"repository", access.id}, {"name", "rclone_config"}});
    TRY(auto config, read_file(file, 1 << 20));
    // What kind of place it is, it does not say: the least that any keeps.
    return RclonePlace{.config = std::move(config) + "\n",
                       .root = std::string(rest),
                       .time_step = second,
                       .earliest_time = 0,
                       .latest_time = 0xffff'ffff * second,
                       .empty_folders = false};
}

}  // namespace

Result<RclonePlace> rclone_place(const RepositoryAccess& access) {
    const std::string_view location = access.location;
    if (location.starts_with('/')) return with(access, {{"type", "local"}}, std::string(location));
    if (location.starts_with("sftp:")) return over_ssh(access, location.substr(5));
    if (location.starts_with("s3:")) return in_bucket(access, location.substr(3));
    if (location.starts_with("rclone:")) return of_their_own(access, location.substr(7));
    return bad(access);
}

}  // namespace tilsyn::backup
