// backup_covers: does every place on this machine where data is kept belong to a data set that a plan backs up?
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "backup/database_server.hpp"
#include "backup/manifest/entry.hpp"
#include "backup/plan.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/kind.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;
using policy::ParamType;

// Where programs and people keep data on a Linux server. "/*": each folder in it is a place of its own.
constexpr std::string_view places[] = {
    "/etc",
    "/root",
    "/home/*",
    "/srv/*",
    "/opt/*",
    "/var/www/*",
    "/var/mail",
    "/var/spool/cron",
    "/var/lib/postgresql",
    "/var/lib/mysql",
    "/var/lib/mongodb",
    "/var/lib/redis",
    "/var/lib/ldap",
    "/var/lib/docker/volumes/*",
    "/var/lib/containers/storage/volumes/*",
};
// File systems that hold files of ours, local or not; all others (proc, tmpfs, overlay ...) are the system's.
constexpr std::string_view real_systems[] = {"ext2", "ext3", "ext4", "xfs",  "btrfs", "zfs",  "f2fs",       "jfs",
                                             "nfs",  "nfs4", "cifs", "vfat", "exfat", "ntfs", "fuse.sshfs", "ceph"};
constexpr std::size_t told = 20;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "backup_covers";
        s.title = {"What lies on this machine is backed up", "Det, der ligger på maskinen, er der kopi af"};
        s.summary = {
            "Looks on this machine for places where data is kept: mounted disks, home folders, folders of servers and "
            "databases, volumes of containers. Each must lie within the paths of a data set in use that has a plan, "
            "or be named in `not_data`. What was added and never planned is found this way.",
            "Leder på denne maskine efter steder, hvor der ligger data: monterede diske, hjemmemapper, serveres og "
            "databasers mapper, containeres volumes. Hvert skal ligge inden for stierne i et datasæt i brug, som har "
            "en "
            "plan, eller være nævnt i `not_data`. Sådan findes det, der er kommet til og aldrig planlagt."};
        s.params = {
            {.name = "not_data",
             .type = ParamType::text_list,
             .default_value = "[]",
             .help =
                 {"Whole paths, with all below them, and names of databases that need no backup. Say why in the "
                  "control's "
                  "`why`.",
                  "Hele stier, med alt derunder, og navne på databaser, der ikke skal tages kopi af. Skriv hvorfor i "
                  "kontrollens `why`."},
             .example = "[\"/home/build\"]"}};
        s.mode = policy::Mode::batch;
        return s;
    }();
    return made;
}

bool holds_something(const std::filesystem::path& path) {
    std::error_code error;
    const auto status = std::filesystem::symlink_status(path, error);
    if (error || status.type() == std::filesystem::file_type::symlink)
        return false;  // what it leads to is looked at there
    if (status.type() != std::filesystem::file_type::directory) return std::filesystem::exists(status);
    auto items = std::filesystem::directory_iterator(path, error);
    return error ? error.value() == EACCES : items != std::filesystem::directory_iterator();
}

void add_places(const std::string& root, std::set<std::string>& found) {
    for (const auto pattern : places) {
        const bool each = pattern.ends_with("/*");
        const std::string path(pattern.substr(0, pattern.size() - (each ? 2 : 0)));
        if (!each) {
            if (holds_something(root + path)) found.insert(path);
            continue;
        }
        std::error_code error;
        for (const auto& item : std::filesystem::directory_iterator(root + path, error))
            if (item.path().filename() != "lost+found" && holds_something(item.path()))
                found.insert(path + "/" + item.path().filename().string());
    }
}

// proc(5): fields are separated by blanks, and a "-" stands before the type of file system; \040 is a blank.
Result<void> add_mounts(const std::string& root, std::set<std::string>& found) {
    TRY(const auto content, read_file(root + "/proc/self/mountinfo"));
    for (const auto line : split(content, '\n')) {
        const auto fields = split(line, ' ');
        const auto dash = std::ranges::find(fields, std::string_view("-"));
        if (fields.size() < 6 || dash == fields.end() || dash + 1 == fields.end()) continue;
        if (std::ranges::find(real_systems, *(dash + 1)) == std::end(real_systems)) continue;
        const auto point = backup::unescape_path(fields[4]);
        const auto path = point ? *point : std::string(fields[4]);
        // The root holds the places above; the loader's disk holds nothing that a new installation would not make.
        if (path == "/" || backup::is_within(path, "/boot") || backup::is_within(path, "/proc") ||
            std::filesystem::is_regular_file(root + path))  // a single file from outside, as containers have them
            continue;
        if (holds_something(root + path)) found.insert(path);
    }
    return {};
}

// What plans name: paths, and whether a database server's own folder is taken care of as databases.
struct Planned {
    std::vector<std::string> paths;
    bool postgres = false, mariadb = false, own = false;
    std::vector<std::pair<std::string, std::string>> databases;  // data set and address
    std::vector<std::pair<std::string, std::string>> whole;      // the same, of servers that are copied as a whole
};
Result<Planned> planned(db::Connection& reader) {
    TRY(const auto rows, reader.query("SELECT d.paths, d.source, d.id, d.database FROM data_sets d WHERE d.status = "
                                      "'in_use' AND EXISTS (SELECT 1 FROM "
                                      "backup_plans p WHERE p.data_set = d.id AND p.status = 'in_use')"));
    Planned out;
    for (const auto& row : rows.rows) {
        for (const auto path : split(row.text(0), '|'))
            if (!trim(path).empty()) out.paths.emplace_back(trim(path));
        // Of a server that is copied as a whole, no database is left out.
        out.postgres = out.postgres || row.text(1) == "postgresql" || row.text(1) == "postgresql_server";
        if (row.text(1) == "postgresql_server" && !row.null(3)) out.whole.emplace_back(row.text(2), row.text(3));
        out.mariadb = out.mariadb || row.text(1) == "mariadb";
        if ((row.text(1) == "postgresql" || row.text(1) == "mariadb") && !row.null(3))
            out.databases.emplace_back(row.text(2), row.text(3));
        out.own = out.own || row.text(1) == "tilsyn";
    }
    return out;
}

// Each server that a plan dumps a database of is asked for all that it has. Found ones are called after the first data
// set on it.
json databases_beside(const Planned& plans, const std::string& data_folder, Deadline deadline) {
    struct Server {
        std::string beside;
        std::vector<std::string> all, planned;
    };
    std::map<std::string, Server> servers;
    auto silent = json::array();
    const auto look = [&](const std::string& data_set,
                          const std::string& url) -> std::optional<backup::DatabaseServer> {
        const auto secrets = backup::read_secrets_if_any(data_folder, data_set);
        const auto secret = [&](const char* name) {
            return secrets && secrets->contains(name) ? secrets->at(name) : std::string();
        };
        auto seen = backup::look_at_server(data_set, url, secret("password"), secret("ca"), deadline);
        if (seen) return std::move(*seen);
        silent.push_back(data_set);
        return {};
    };
    for (const auto& [data_set, url] : plans.databases)
        if (const auto seen = look(data_set, url))
            servers.try_emplace(seen->identity, Server{data_set, seen->databases, {}})
                .first->second.planned.push_back(seen->database);
    // Asked only when one is there to be told apart: the copy itself fails when the server does not answer.
    for (const auto& [data_set, url] : plans.whole)
        if (!servers.empty())
            if (const auto seen = look(data_set, url)) servers.erase(seen->identity);
    auto found = json::array();
    for (const auto& [_, server] : servers)
        for (const auto& name : server.all)
            if (std::ranges::find(server.planned, name) == server.planned.end())
                found.push_back({{"database", name}, {"beside", server.beside}});
    return {{"found", std::move(found)}, {"silent", std::move(silent)}};
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    const auto& environment = *request.environment;
    std::set<std::string> found;
    const std::string root = environment.root == "/" ? "" : environment.root;
    add_places(root, found);
    TRY_VOID(add_mounts(root, found));
    TRY(const auto reader, environment.readers->get(request.deadline));
    reader->set_deadline(request.deadline);
    TRY(const auto plans, planned(*reader));
    Facts facts;
    facts.seen = {
        {"found", found}, {"planned", plans.paths}, {"postgresql", plans.postgres}, {"mariadb", plans.mariadb}};
    facts.seen["databases"] = databases_beside(plans, environment.data_folder, request.deadline);
    if (plans.own) facts.seen["own"] = std::filesystem::absolute(environment.data_folder).lexically_normal().string();
    return std::vector<Facts>(request.subjects.size(), facts);
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    const auto& seen = facts.seen;
    std::vector<std::string> covered = seen.value("planned", std::vector<std::string>());
    const auto& left = control.params.get("not_data").list;
    covered.insert(covered.end(), left.begin(), left.end());
    if (seen.value("postgresql", false)) covered.emplace_back("/var/lib/postgresql");
    if (seen.value("mariadb", false)) covered.emplace_back("/var/lib/mysql");
    if (const auto own = seen.value("own", ""); !own.empty()) covered.push_back(own);
    for (auto& path : covered)
        while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    const auto found = seen.value("found", std::vector<std::string>());
    std::vector<std::string> bare;
    for (const auto& place : found)
        if (std::ranges::none_of(covered, [&](const std::string& path) { return backup::is_within(place, path); }))
            bare.push_back(backup::escape_path(place));
    for (const auto& item : seen.value("/databases/found"_json_pointer, json::array())) {
        const auto name = item.value("database", "");
        if (std::ranges::find(left, name) == left.end())
            bare.push_back(backup::escape_path(name) + " (" + item.value("beside", "") + ")");
    }
    auto details = seen;
    details["in_no_plan"] = bare;
    const auto silent = seen.value("/databases/silent"_json_pointer, std::vector<std::string>());
    if (bare.empty() && !silent.empty())
        return {Outcome::unknown, msg("checks.backup-covers-silent", {{"data_sets", join(silent, ", ")}}), details};
    if (bare.empty())
        return {Outcome::pass, msg("checks.backup-covers", {{"count", std::to_string(found.size())}}), details};
    const auto count = bare.size();
    if (bare.size() > told) bare.resize(told);
    return {Outcome::fail,
            msg("checks.backup-covers-not", {{"count", std::to_string(count)}, {"paths", join(bare, ", ")}}), details};
}

}  // namespace

const Kind& backup_covers_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
