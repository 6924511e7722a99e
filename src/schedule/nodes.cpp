#include "schedule/nodes.hpp"

#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "base/text.hpp"

namespace tilsyn::schedule {
namespace {

std::string first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

// Field 22 of /proc/PID/stat (proc(5)): start time in clock ticks. With the pid it names a process for good. 0: gone.
std::int64_t start_of(std::int64_t pid) {
    const auto line = first_line("/proc/" + std::to_string(pid) + "/stat");
    const auto after_name = line.rfind(')');
    if (after_name == line.npos) return 0;
    std::istringstream fields(line.substr(after_name + 2));
    std::string field;
    for (int i = 3; i <= 22; ++i) fields >> field;
    return fields ? std::stoll(field) : 0;
}

std::string this_host() {
    std::array<char, 64> name{};
    const auto length = ::readlink("/proc/self/ns/pid", name.data(), name.size());
    return first_line("/proc/sys/kernel/random/boot_id") + "/" +
           std::string(name.data(), length > 0 ? std::size_t(length) : 0);
}

}  // namespace

Nodes::Nodes(std::string node)
    : node_(std::move(node)), host_(this_host()), pid_(::getpid()), pid_start_(start_of(pid_)) {}

Result<void> Nodes::join(log::WriteContext& context, std::string_view version) {
    TRY(const auto last, context.db().one("SELECT max(heartbeat_at) FROM schedule_node"));
    log::Entry entry("node.start");
    entry.text("src", node_).text("version", version);
    if (last && !last->null(0)) entry.time("last_heartbeat", last->time(0));
    context.append(std::move(entry));
    const auto now = to_micros(context.now());
    TRY_VOID(context.db().execute(
        "INSERT INTO schedule_node(node, host, pid, pid_start, started_at, heartbeat_at) VALUES(?, ?, ?, ?, ?, ?) "
        "ON CONFLICT(node) DO UPDATE SET heartbeat_at = excluded.heartbeat_at",
        {node_, host_, pid_, pid_start_, now, now}));
    ++generation_;
    return {};
}

Result<void> Nodes::beat(log::WriteContext& context) const {
    TRY(const auto changed, context.db().execute("UPDATE schedule_node SET heartbeat_at = ? WHERE node = ?",
                                                 {to_micros(context.now()), node_}));
    if (changed == 0) return fail(Code::conflict, "schedule.declared-dead", {{"node", node_}});
    return {};
}

Result<void> Nodes::leave(log::WriteContext& context) const {
    context.append(log::Entry("node.stop").text("src", node_));
    TRY_VOID(context.db().execute("DELETE FROM schedule_node WHERE node = ?", {node_}));
    return {};
}

Result<void> Nodes::still_a_member(db::Connection& connection) const {
    TRY(const auto row, connection.one("SELECT 1 FROM schedule_node WHERE node = ?", {node_}));
    if (!row) return fail(Code::conflict, "schedule.declared-dead", {{"node", node_}});
    return {};
}

Result<std::vector<std::string>> Nodes::dead(db::Connection& connection, std::chrono::steady_clock::time_point now,
                                             std::chrono::seconds dead_after) {
    std::vector<std::string> dead;
    std::map<std::string, Seen> seen;
    TRY_VOID(connection.each("SELECT node, host, pid, pid_start, heartbeat_at FROM schedule_node WHERE node <> ?",
                             std::array<db::Value, 1>{node_}, [&](const db::Row& row) -> Result<bool> {
                                 const auto name = row.text(0);
                                 if (row.text(1) == host_ && start_of(row.integer(2)) != row.integer(3)) {
                                     dead.push_back(name);
                                     return true;
                                 }
                                 const auto known = seen_.find(name);
                                 const bool still = known != seen_.end() && known->second.heartbeat == row.integer(4);
                                 seen[name] = {row.integer(4), still ? known->second.since : now};
                                 if (still && now - known->second.since > dead_after) dead.push_back(name);
                                 return true;
                             }));
    seen_ = std::move(seen);
    return dead;
}

}  // namespace tilsyn::schedule
