#include "backup/mariadb_session.hpp"

#include <mysql.h>

#include <algorithm>

#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

Fail failure(MYSQL* connection) {
    const auto number = ::mysql_errno(connection);
    // Access denied, to the server, a database, a table or a column; a privilege that is needed.
    const bool denied = number == 1044 || number == 1045 || number == 1142 || number == 1143 || number == 1227;
    return fail(denied ? Code::forbidden : Code::unavailable, "backup.database-says").detail(::mysql_error(connection));
}

// Their bytes are what they are; all other types have a text, the one that a dump writes.
bool is_bytes(std::string_view type) {
    static constexpr std::string_view types[] = {
        "char",       "varchar",    "tinytext",        "text",         "mediumtext",
        "longtext",   "binary",     "varbinary",       "tinyblob",     "blob",
        "mediumblob", "longblob",   "geometry",        "point",        "polygon",
        "linestring", "multipoint", "multilinestring", "multipolygon", "geometrycollection"};
    return std::ranges::find(types, type) != std::end(types);
}

// The sum over all rows of 60 bits of their hash: in whatever order they come. Absent and empty differ, and no value
// can run into the next one.
Result<json> count_table(MariadbSession& session, const std::string& database, const std::string& table) {
    TRY(const auto columns,
        session.query(
            "SELECT COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = " +
            session.quoted(database) + " AND TABLE_NAME = " + session.quoted(table) +
            " AND COALESCE(GENERATION_EXPRESSION, '') NOT IN ('ROW START', 'ROW END') ORDER BY ORDINAL_POSITION"));
    std::string parts;
    for (const auto& column : columns) {
        const auto name = MariadbSession::name(column[0].value_or(""));
        const auto type = column[1].value_or("");
        const auto value = is_bytes(type) ? name : type == "bit" ? "HEX(" + name + ")" : "CAST(" + name + " AS CHAR)";
        parts += ",IFNULL(SHA2(" + value + ",256),'-')";
    }
    if (parts.empty())
        return fail(Code::forbidden, "backup.database-says").detail("no column of " + table + " can be read");
    TRY(const auto rows, session.query("SELECT COUNT(*), COALESCE(SUM(CAST(CONV(LEFT(SHA2(CONCAT_WS(','" + parts +
                                       "),256),15),16,10) AS UNSIGNED)),0) FROM " + MariadbSession::name(database) +
                                       "." + MariadbSession::name(table)));
    return json{{"rows", std::stoll(rows.at(0)[0].value_or("0"))}, {"sum", rows.at(0)[1].value_or("")}};
}

}  // namespace

void MariadbSession::Close::operator()(st_mysql* connection) const {
    ::mysql_close(connection);
}
MariadbSession::MariadbSession(MariadbSession&&) noexcept = default;
MariadbSession::~MariadbSession() = default;

Result<MariadbSession> MariadbSession::open(const MariadbAddress& address, Deadline deadline) {
    static const int library = ::mysql_library_init(0, nullptr, nullptr);  // once, and before any thread of it
    MariadbSession session(library == 0 ? ::mysql_init(nullptr) : nullptr);
    auto* connection = session.connection_.get();
    if (connection == nullptr) return fail(Code::unavailable, "backup.database-says").detail("no memory");
    const unsigned patience = 10;
    const auto left = std::chrono::ceil<std::chrono::seconds>(deadline.left()).count();
    const auto longest = unsigned(std::clamp<std::int64_t>(left, 1, 24 * 3600));
    ::mysql_optionsv(connection, MYSQL_OPT_CONNECT_TIMEOUT, &patience);
    ::mysql_optionsv(connection, MYSQL_OPT_READ_TIMEOUT, &longest);
    ::mysql_optionsv(connection, MYSQL_OPT_WRITE_TIMEOUT, &longest);
    ::mysql_optionsv(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const unsigned no = 0;
    ::mysql_optionsv(connection, MYSQL_OPT_LOCAL_INFILE, &no);  // a server may not ask us for files
    const my_bool tls = address.tls ? 1 : 0;
    ::mysql_optionsv(connection, MYSQL_OPT_SSL_ENFORCE, &tls);
    ::mysql_optionsv(connection, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &tls);
    if (!address.ca.empty()) ::mysql_optionsv(connection, MYSQL_OPT_SSL_CA, address.ca.c_str());
    const auto given = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    if (::mysql_real_connect(connection, given(address.host), given(address.user), address.password.c_str(), nullptr,
                             address.port, given(address.socket), 0) == nullptr)
        return failure(connection);
    for (const auto* statement : {"SET SESSION time_zone = '+00:00', sql_mode = 'ANSI_QUOTES', lock_wait_timeout = 5, "
                                  "collation_connection = utf8mb4_bin, wait_timeout = 86400, max_statement_time = 0",
                                  "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"})
        TRY_VOID(session.execute(statement));
    return session;
}

Result<std::vector<MariadbSession::Row>> MariadbSession::query(const std::string& statement) {
    auto* connection = connection_.get();
    if (::mysql_real_query(connection, statement.data(), statement.size()) != 0) return failure(connection);
    const std::unique_ptr<MYSQL_RES, void (*)(MYSQL_RES*)> result(::mysql_store_result(connection),
                                                                  ::mysql_free_result);
    std::vector<Row> rows;
    if (!result) {
        if (::mysql_field_count(connection) != 0) return failure(connection);
        return rows;
    }
    const auto columns = ::mysql_num_fields(result.get());
    while (const MYSQL_ROW row = ::mysql_fetch_row(result.get())) {
        const auto* sizes = ::mysql_fetch_lengths(result.get());
        Row out(columns);
        for (unsigned i = 0; i < columns; ++i)
            if (row[i] != nullptr) out[i].emplace(row[i], sizes[i]);
        rows.push_back(std::move(out));
    }
    return rows;
}

Result<void> MariadbSession::execute(const std::string& statement) {
    TRY_VOID(query(statement));
    return {};
}

std::string MariadbSession::quoted(std::string_view text) const {
    std::string out(text.size() * 2 + 1, '\0');
    out.resize(::mysql_real_escape_string(connection_.get(), out.data(), text.data(), text.size()));
    return "'" + out + "'";
}

std::string MariadbSession::name(std::string_view identifier) {
    std::string out = "`";
    for (const char c : identifier) {
        if (c == '`') out += '`';
        out += c;
    }
    return out + "`";
}

std::uint64_t MariadbSession::id() const {
    return ::mysql_thread_id(connection_.get());
}

Result<std::string> mariadb_version(MariadbSession& session) {
    TRY(const auto rows, session.query("SELECT VERSION()"));
    const auto text = rows.at(0)[0].value_or("");
    const auto parts = split(text, '.');
    if (text.find("MariaDB") == text.npos || parts.size() < 3)
        return fail(Code::unsupported, "backup.not-mariadb").detail(text);
    return std::string(parts[0]) + "." + std::string(parts[1]);
}

Result<json> mariadb_sequences(MariadbSession& session, const std::string& database) {
    auto out = json::object();
    // In the text of the table, not in the statistics, which may be old.
    TRY(const auto tables,
        session.query("SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = " +
                      session.quoted(database) + " AND TABLE_TYPE IN ('BASE TABLE', 'SEQUENCE') ORDER BY TABLE_NAME"));
    for (const auto& table : tables) {
        const auto name = table[0].value_or("");
        const auto whole = MariadbSession::name(database) + "." + MariadbSession::name(name);
        if (table[1] == "SEQUENCE") {
            TRY(const auto next, session.query("SELECT next_not_cached_value FROM " + whole));
            out[name] = next.at(0)[0].value_or("-");
            continue;
        }
        TRY(const auto made, session.query("SHOW CREATE TABLE " + whole));
        constexpr std::string_view word = "AUTO_INCREMENT=";
        const auto& text = made.at(0)[1].value_or("");
        const auto options = text.rfind("\n)");  // after the columns, whose comments may say anything
        const auto at = text.find(word, options == text.npos ? 0 : options);
        if (at == text.npos) continue;
        const auto begin = at + word.size(), end = text.find_first_not_of("0123456789", begin);
        out[name] = text.substr(begin, end == text.npos ? end : end - begin);
    }
    return out;
}

Result<json> mariadb_counts(MariadbSession& session, const std::string& database) {
    json out{{"engine", "mariadb"}, {"database", database}, {"tables", json::object()}, {"objects", json::object()}};
    TRY(out["version"], mariadb_version(session));
    const auto schema = session.quoted(database);
    TRY(const auto tables,
        session.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = " + schema +
                      " AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_NAME"));
    for (const auto& table : tables) {
        const auto name = table[0].value_or("");
        TRY(out["tables"][name], count_table(session, database, name));
    }
    const std::pair<const char*, std::string> objects[] = {
        {"views", "VIEWS WHERE TABLE_SCHEMA"},
        {"routines", "ROUTINES WHERE ROUTINE_SCHEMA"},
        {"triggers", "TRIGGERS WHERE TRIGGER_SCHEMA"},
        {"events", "EVENTS WHERE EVENT_SCHEMA"},
    };
    for (const auto& [kind, from] : objects) {
        TRY(const auto count, session.query("SELECT COUNT(*) FROM information_schema." + from + " = " + schema));
        out["objects"][kind] = std::stoll(count.at(0)[0].value_or("0"));
    }
    return out;
}

}  // namespace tilsyn::backup
