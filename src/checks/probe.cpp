#include "checks/probe.hpp"

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::checks {
namespace {

constexpr std::string_view own_faults[] = {"net.lookup-failed", "net.lookup-timeout", "net.lookups-hang",
                                           "net.no-memory",     "net.no-socket",      "net.no-thread",
                                           "net.bad-ca-file",   "net.proxy-not-found"};

std::vector<std::string_view> columns_of(std::string_view line) {
    std::vector<std::string_view> columns;
    for (auto rest = trim(line); !rest.empty();) {
        const auto end = std::min(rest.find_first_of(" \t"), rest.size());
        columns.push_back(rest.substr(0, end));
        rest = trim(rest.substr(end));
    }
    return columns;
}

bool default_route_v4(std::string_view line) {  // Iface Destination Gateway Flags ...
    const auto columns = columns_of(line);
    return columns.size() > 7 && columns[0] != "lo" && columns[1] == "00000000" && columns[7] == "00000000";
}

bool default_route_v6(std::string_view line) {  // destination, its length, ... the last one is the interface
    const auto columns = columns_of(line);
    return columns.size() > 9 && columns.back() != "lo" && columns[1] == "00" &&
           columns[0].find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

Deadline probe_deadline(Deadline run) {
    using std::chrono::milliseconds;
    const Duration margin = std::clamp<Duration>(run.left() / 10, milliseconds(20), milliseconds(1000));
    return Deadline(run.at() - margin);
}

bool has_network(const std::string& root) {
    const auto folder = std::filesystem::path(root) / "proc/net";
    const auto v4 = read_file(folder / "route");
    const auto v6 = read_file(folder / "ipv6_route");
    if (!v4 && !v6) return true;
    return (v4 && std::ranges::any_of(split(*v4, '\n'), default_route_v4)) ||
           (v6 && std::ranges::any_of(split(*v6, '\n'), default_route_v6));
}

bool our_own(const Error& error, const Environment& environment) {
    if (error.code == Code::invalid || error.code == Code::busy || error.code == Code::internal ||
        error.code == Code::io)
        return true;
    if (std::ranges::find(own_faults, error.message.key) != std::end(own_faults)) return true;
    return error.message.key == "net.unreachable" && !has_network(environment.root);
}

}  // namespace tilsyn::checks
