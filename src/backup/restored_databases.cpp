#include "backup/restored_databases.hpp"

#include <algorithm>
#include <charconv>

#include "backup/manifest/entry.hpp"
#include "backup/mariadb.hpp"
#include "backup/postgres.hpp"
#include "backup/postgres_server.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr std::size_t told = 20;  // faults of one database

// "3-books.db" in the staging folder was books.db.
std::string name_of(const std::filesystem::path& copy) {
    const auto name = copy.filename().string();
    const auto dash = name.find_first_not_of("0123456789");
    return dash != name.npos && dash > 0 && name[dash] == '-' ? name.substr(dash + 1) : name;
}

Result<json> open_sqlite(const std::filesystem::path& file, const WhenOpen& when_open, Deadline deadline) {
    TRY(const auto facts, db::inspect_sqlite(file, deadline));
    if (facts.integrity != "ok")
        return fail(Code::corrupt, "backup.database-damaged", {{"path", file.string()}}).detail(facts.integrity);
    const auto ask = [&](const std::string&, const std::string& sql) -> Result<std::optional<std::string>> {
        TRY(const auto connection, db::open({db::Engine::sqlite, file.string()}, db::Access::read_only));
        connection->set_deadline(deadline);
        return first_value(*connection, sql);
    };
    when_open({{name_of(file)}, ask});
    return sqlite_counts(facts);
}

// Numbers are drawn outside of snapshots: a sequence may be further than it was counted, and must not be behind, or the
// restored database gives out numbers that are taken.
bool not_behind(const json& was, const json& is) {
    if (!was.is_string() || !is.is_string()) return false;
    if (was == "-") return true;
    std::int64_t before = 0, after = 0;
    const auto read = [](const std::string& text, std::int64_t& out) {
        return std::from_chars(text.data(), text.data() + text.size(), out).ec == std::errc();
    };
    return read(was.get<std::string>(), before) && read(is.get<std::string>(), after) && after >= before;
}

// Written to while it was copied: what it then was lies between the two counts, and no table comes out empty by that.
bool moved_on(const json& was, const json& is) {
    if (!was.is_object() || !was.value("moved", false)) return false;
    const auto rows = is.value("rows", std::int64_t{0});
    return rows > 0 || was.value("rows", std::int64_t{0}) == 0 || was.value("rows_after", std::int64_t{0}) == 0;
}

class Comparing {
  public:
    Comparing(std::string path, std::vector<DatabaseFault>& faults) : path_(std::move(path)), faults_(faults) {}

    void tables(const json& was, const json& is) {
        each(was, is, "tables", [&](const std::string& name, const json& before, const json& after) {
            if (moved_on(before, after)) return;
            const auto rows = before.value("rows", std::int64_t{0}), left = after.value("rows", std::int64_t{0});
            if (rows == left)
                fault("backup.found-table-content", {{"table", name}, {"rows", std::to_string(rows)}});
            else
                fault("backup.found-table-rows",
                      {{"table", name}, {"before", std::to_string(rows)}, {"after", std::to_string(left)}});
        });
        for (const auto* kind : {"sequences", "objects"})
            each(was, is, kind, [&](const std::string& name, const json& before, const json& after) {
                if (std::string_view(kind) == "sequences" && not_behind(before, after)) return;
                fault("backup.found-database-value",
                      {{"name", name}, {"before", in_words(before)}, {"after", in_words(after)}});
            });
    }
    void fault(std::string_view key, std::vector<std::pair<std::string, std::string>> params) {
        if (++count_ > told) return;
        params.emplace_back("path", "/" + path_);
        faults_.push_back({{.code = Code::corrupt, .message = {std::string(key), std::move(params)}}});
    }
    void end() {
        if (count_ > told)
            faults_.push_back({{.code = Code::corrupt,
                                .message = msg("backup.found-more", {{"count", std::to_string(count_ - told)}})}});
    }

  private:
    static std::string in_words(const json& value) {
        return value.is_string() ? value.get<std::string>() : value.dump();
    }
    template <class Differs>
    void each(const json& was, const json& is, const char* kind, const Differs& differs) {
        const auto before = was.value(kind, json::object()), after = is.value(kind, json::object());
        for (const auto& [name, value] : before.items()) {
            const auto found = after.find(name);
            if (found == after.end())
                fault("backup.found-table-missing", {{"table", name}});
            else if (*found != value)
                differs(name, value, *found);
        }
        for (const auto& [name, value] : after.items())
            if (!before.contains(name)) fault("backup.found-table-extra", {{"table", name}});
    }

    std::string path_;
    std::vector<DatabaseFault>& faults_;
    std::size_t count_ = 0;
};

}  // namespace

json sqlite_counts(const db::SqliteFacts& facts) {
    json tables = json::object();
    for (const auto& [name, table] : facts.tables) tables[name] = {{"rows", table.rows}, {"sum", table.sum}};
    return {{"tables", std::move(tables)}};
}

std::vector<DatabaseFault> try_databases(const RestoredDatabases& what, Deadline deadline) {
    std::vector<DatabaseFault> faults;
    std::vector<std::string> seen;  // names of all databases there are
    for (const auto& [path, was] : what.databases.items()) {
        const auto engine = was.value("engine", "sqlite");
        const auto own = what.scratch / std::to_string(seen.size());
        std::error_code error;
        std::filesystem::create_directory(own, error);
        std::vector<Error> wrong;
        const WhenOpen ask = [&](const Opened& opened) {
            // Where there is more than this one, a query says which it is for.
            auto queries = what.queries;
            std::erase_if(queries, [&](const Query& query) {
                return what.databases.size() > 1 &&
                       std::ranges::find(opened.databases, query.database) == opened.databases.end();
            });
            seen.insert(seen.end(), opened.databases.begin(), opened.databases.end());
            wrong = put_queries(queries, opened, what.made);
        };
        const auto restored = what.restored / path;
        const auto is = engine == "postgresql"          ? restore_postgres(was, restored, own, ask, deadline)
                        : engine == "postgresql_server" ? restore_postgres_server(was, restored, own, ask, deadline)
                        : engine == "mariadb"           ? restore_mariadb(was, restored, own, ask, deadline)
                                                        : open_sqlite(restored, ask, deadline);
        if (!is) {
            // What keeps us from trying says nothing of the backup.
            const auto code = is.error().code;
            faults.push_back(
                {is.error(), code == Code::unsupported || code == Code::unavailable || code == Code::timeout});
            continue;
        }
        Comparing comparing(path, faults);
        if (engine != "postgresql_server") {
            comparing.tables(was, *is);
        } else {
            for (const auto& [name, database] : was["databases"].items()) {
                Comparing one(path + ": " + name, faults);
                if (const auto found = is->find(name); found != is->end())
                    one.tables(database, *found);
                else
                    comparing.fault("backup.found-table-missing", {{"table", name}});
                one.end();
            }
        }
        comparing.end();
        for (auto& answer : wrong) faults.push_back({std::move(answer)});
    }
    const bool all = std::ranges::none_of(faults, &DatabaseFault::not_tried);
    for (const auto& query : what.queries)
        if (all && what.databases.size() > 1 && std::ranges::find(seen, query.database) == seen.end())
            faults.push_back(
                {fail(Code::corrupt, "backup.query-no-database", {{"name", query.name}, {"database", query.database}})
                     .error});
    return faults;
}

}  // namespace tilsyn::backup
