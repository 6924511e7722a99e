#include "base/toml.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include "backup/queries.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/file.hpp"
#include "base/i18n.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::size_t longest_answer = 200;  // bytes of it that are repeated

std::string plain(double value) {
    return fmt::format("{}", value);
}

std::optional<double> number(std::string_view text) {
    double value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
    return value;
}

// As databases write it: "2026-11-24", "2026-11-24 05:20:11.5", "2026-11-24 05:20:11+00".
std::optional<Timestamp> moment(std::string text) {
    if (const auto seconds = number(text); seconds && *seconds > 0 && *seconds < 1e11)
        return Timestamp(Timestamp::duration(std::int64_t(*seconds * 1e6)));
    if (text.size() == 10) text += "T00:00:00";
    if (text.size() < 19) return std::nullopt;
    if (text[10] == ' ') text[10] = 'T';
    const auto zone = text.find_first_of("Zz+-", 19);
    if (zone == text.npos)
        text += 'Z';
    else if (text.size() - zone == 3)
        text += ":00";
    const auto parsed = parse_utc(text);
    return parsed ? std::optional(*parsed) : std::nullopt;
}

class Reader {
  public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    Result<Query> read(const toml::table& table) const {
        Query query;
        for (const auto& [key, node] : table) {
            const auto name = key.str();
            bool good = true;
            if (name == "name")
                good = text(node, query.name);
            else if (name == "database")
                good = text(node, query.database);
            else if (name == "sql")
                good = text(node, query.sql);
            else if (name == "equals")
                good = any(node, query.equals.emplace());
            else if (name == "at_least")
                good = real(node, query.at_least.emplace());
            else if (name == "at_most")
                good = real(node, query.at_most.emplace());
            else if (name == "newest_within")
                good = duration(node, query.newest_within.emplace());
            else
                return bad(node, "backup.query-unknown-key", std::string(name));
            if (!good) return bad(node, "backup.query-bad-value", std::string(name));
        }
        if (query.name.empty()) return bad(table, "backup.query-lacks", "name");
        if (query.sql.empty()) return bad(table, "backup.query-lacks", "sql");
        if (!query.equals && !query.at_least && !query.at_most && !query.newest_within)
            return bad(table, "backup.query-lacks", "equals, at_least, at_most, newest_within");
        return query;
    }
    Fail bad(const toml::node& node, std::string_view key, std::string name) const {
        return fail(Code::invalid, key, {{"key", std::move(name)}}).at(position_in(file_, node.source()));
    }

  private:
    static bool text(const toml::node& node, std::string& out) {
        out = node.value_or(std::string());
        return node.is_string() && !trim(out).empty();
    }
    static bool any(const toml::node& node, std::string& out) {
        if (const auto* flag = node.as_boolean())
            out = flag->get() ? "true" : "false";
        else if (const auto* whole = node.as_integer())
            out = std::to_string(whole->get());
        else if (const auto* value = node.as_floating_point())
            out = plain(value->get());
        else
            out = node.value_or(std::string());
        return node.is_string() || node.is_boolean() || node.is_number();
    }
    static bool real(const toml::node& node, double& out) {
        out = node.value<double>().value_or(0);
        return node.is_number();
    }
    static bool duration(const toml::node& node, Duration& out) {
        const auto parsed = parse_duration(node.value_or(std::string()));
        if (parsed) out = *parsed;
        return parsed.has_value();
    }
    std::string file_;
};

// True and false are written in many ways.
bool same(const std::string& wanted, const std::string& answer) {
    if (wanted == answer) return true;
    if (wanted == "true") return answer == "t" || answer == "1";
    if (wanted == "false") return answer == "f" || answer == "0";
    const auto left = number(wanted), right = number(answer);
    return left && right && *left == *right;
}

std::optional<Error> judge(const Query& query, const std::optional<std::string>& answer, Timestamp made) {
    auto shown = answer.value_or("NULL").substr(0, longest_answer);
    if (!valid_utf8(shown)) shown = "...";
    const auto wrong = [&](std::string_view key, std::string wanted) {
        return fail(Code::corrupt, key, {{"name", query.name}, {"answer", shown}, {"wanted", std::move(wanted)}}).error;
    };
    if (query.equals && (!answer || !same(*query.equals, *answer))) return wrong("backup.query-equals", *query.equals);
    const auto value = answer ? number(*answer) : std::nullopt;
    if (query.at_least && (!value || !(*value >= *query.at_least)))
        return wrong("backup.query-at-least", plain(*query.at_least));
    if (query.at_most && (!value || !(*value <= *query.at_most)))
        return wrong("backup.query-at-most", plain(*query.at_most));
    if (!query.newest_within) return {};
    const auto when = answer ? moment(*answer) : std::nullopt;
    if (!when || *when < made - *query.newest_within)
        return wrong("backup.query-newest", format_duration(*query.newest_within));
    return {};
}

}  // namespace

Result<std::vector<Query>> read_queries(const std::filesystem::path& data, const std::string& data_set) {
    const auto path = data / "queries" / (data_set + ".toml");
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::vector<Query>();
        return fail(Code::io, "base.cannot-read", {{"path", path.string()}}).detail(std::strerror(errno));
    }
    // What stands there is run: only its owner, who is us, may change it.
    if (!S_ISREG(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 022) != 0)
        return fail(Code::forbidden, "backup.queries-open", {{"path", path.string()}});
    TRY(const auto content, read_file(path, 1 << 20));
    const auto parsed = parse_toml(content, path.string());
    if (!parsed) {
        return fail(Code::invalid, "backup.bad-queries", {{"path", path.string()}})
            .at(position_in(path, parsed.error().source()))
            .detail(std::string(parsed.error().description()));
    }
    const Reader reader(path.string());
    std::vector<Query> out;
    for (const auto& [key, node] : parsed.table()) {
        const auto* list = node.as_array();
        if (key.str() != "query" || list == nullptr)
            return reader.bad(node, "backup.query-unknown-key", std::string(key.str()));
        for (const auto& item : *list) {
            const auto* table = item.as_table();
            if (table == nullptr) return reader.bad(item, "backup.query-bad-value", "query");
            TRY(auto query, reader.read(*table));
            out.push_back(std::move(query));
        }
    }
    return out;
}

Result<std::optional<std::string>> first_value(db::Connection& connection, const std::string& sql) {
    TRY(const auto row, connection.one(sql));
    if (!row || row->size() == 0 || row->null(0)) return std::nullopt;
    const auto& value = (*row)[0];
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return std::to_string(*whole);
    if (const auto* real = std::get_if<double>(&value)) return plain(*real);
    return row->text(0);
}

std::vector<Error> put_queries(const std::vector<Query>& queries, const Opened& opened, Timestamp made) {
    std::vector<Error> out;
    for (const auto& query : queries) {
        auto database = query.database;
        if (database.empty() && opened.databases.size() == 1) database = opened.databases.front();
        if (std::ranges::find(opened.databases, database) == opened.databases.end()) {
            out.push_back(
                fail(Code::corrupt, "backup.query-no-database", {{"name", query.name}, {"database", database}}).error);
            continue;
        }
        const auto answer = opened.ask(database, query.sql);
        if (!answer)
            out.push_back(fail(Code::corrupt, "backup.query-failed", {{"name", query.name}})
                              .detail(render(answer.error(), Lang::en))
                              .error);
        else if (auto wrong = judge(query, *answer, made))
            out.push_back(std::move(*wrong));
    }
    return out;
}

}  // namespace tilsyn::backup
