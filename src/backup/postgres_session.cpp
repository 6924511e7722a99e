#include "backup/postgres_session.hpp"

#include <algorithm>
#include <charconv>

#include "backup/engines/call.hpp"
#include "backup/queries.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {

using nlohmann::json;

namespace {

// As pg_dump itself pins them: the text of a value is the same wherever it is read.
constexpr std::string_view pinned[] = {
    "SET LOCAL idle_in_transaction_session_timeout = 0",
    "SET LOCAL statement_timeout = 0",
    "SET LOCAL datestyle = 'ISO'",
    "SET LOCAL timezone = 'UTC'",
    "SET LOCAL intervalstyle = 'postgres'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 3",
    "SET LOCAL row_security = off",
    "SET LOCAL search_path = pg_catalog",
};

constexpr std::string_view own_tables =
    "SELECT n.nspname || '.' || c.relname, format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND c.relpersistence <> 't' "
    "AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' ORDER BY 1";
constexpr std::string_view own_sequences =
    "SELECT schemaname || '.' || sequencename, coalesce(last_value::text, '-') FROM pg_catalog.pg_sequences ORDER BY 1";
constexpr std::string_view own_objects =
    "SELECT c.relkind::text, count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace WHERE n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema' GROUP BY 1 ORDER BY 1";

}  // namespace

Result<json> postgres_counts(db::Connection& connection) {
    json out{{"tables", json::object()}, {"sequences", json::object()}, {"objects", json::object()}};
    TRY(const auto tables, connection.query(own_tables));
    for (const auto& table : tables.rows) {
        // Of all rows in any order: two sums of 64-bit hashes.
        TRY(const auto sums,
            connection.one("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0)::text || "
                           "' ' || coalesce(sum(hashtextextended(t::text, 1)::numeric), 0)::text FROM ONLY " +
                           table.text(1) + " t"));
        out["tables"][table.text(0)] = {{"rows", sums->integer(0)}, {"sum", sums->text(1)}};
    }
    TRY(const auto sequences, connection.query(own_sequences));
    for (const auto& sequence : sequences.rows) out["sequences"][sequence.text(0)] = sequence.text(1);
    TRY(const auto objects, connection.query(own_objects));
    for (const auto& object : objects.rows) out["objects"][object.text(0)] = object.integer(1);
    return out;
}

Result<std::unique_ptr<db::Connection>> open_counting(const std::string& url, Deadline deadline) {
    TRY(auto connection, db::open({db::Engine::postgres, url}, db::Access::read_only));
    connection->set_deadline(deadline);
    TRY_VOID(connection->begin_read());
    for (const auto statement : pinned) TRY_VOID(connection->execute(statement));
    return connection;
}

Result<int> postgres_version(db::Connection& connection) {
    TRY(const auto version, connection.one("SELECT current_setting('server_version_num')::int / 10000"));
    return int(version->integer(0));
}

// As the company's own programs would see it, but for moments: those are in UTC.
Result<std::optional<std::string>> ask_postgres(const std::string& url, const std::string& sql, Deadline deadline) {
    TRY(const auto connection, db::open({db::Engine::postgres, url}, db::Access::read_only));
    connection->set_deadline(deadline);
    TRY_VOID(connection->begin_read());
    TRY_VOID(connection->execute("SET LOCAL datestyle = 'ISO'"));
    TRY_VOID(connection->execute("SET LOCAL timezone = 'UTC'"));
    auto answer = first_value(*connection, sql);
    connection->rollback();
    return answer;
}

Result<PostgresAddress> postgres_address(const std::string& data_set, const std::string& url, std::string password) {
    const bool scheme = url.starts_with("postgresql://") || url.starts_with("postgres://");
    const auto host = url.find("://") + 3;
    const auto authority = scheme ? url.substr(host, url.find_first_of("/?", host) - host) : std::string();
    const auto at = authority.rfind('@');
    const bool holds_password = (at != authority.npos && authority.substr(0, at).find(':') != authority.npos) ||
                                url.find("password=") != url.npos;
    if (!scheme || holds_password || url.find('\0') != url.npos)
        return fail(Code::invalid, "backup.bad-database", {{"data_set", data_set}});
    return PostgresAddress{url, std::move(password)};
}

PostgresAddress without_password(const std::string& url) {
    PostgresAddress out{.url = url, .password = {}};
    const auto decoded = [](std::string_view text) {
        std::string plain;
        for (std::size_t i = 0; i < text.size(); ++i) {
            unsigned value = 0;
            const bool escaped =
                text[i] == '%' && i + 2 < text.size() &&
                std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3;
            plain += escaped ? char(value) : text[i];
            if (escaped) i += 2;
        }
        return plain;
    };
    const auto host = out.url.find("://") + 3;
    const auto end = std::min(out.url.find_first_of("/?", host), out.url.size());
    if (const auto at = out.url.rfind('@', end); at != out.url.npos && at >= host) {
        const auto colon = out.url.find(':', host);
        if (colon < at) {
            out.password = decoded(std::string_view(out.url).substr(colon + 1, at - colon - 1));
            out.url.erase(colon, at - colon);
        }
    }
    if (const auto query = out.url.find('?'); query != out.url.npos) {
        std::string kept;
        for (const auto part : split(std::string_view(out.url).substr(query + 1), '&')) {
            if (part.starts_with("password="))
                out.password = decoded(part.substr(9));
            else
                (kept += kept.empty() ? "?" : "&") += part;
        }
        out.url = out.url.substr(0, query) + kept;
    }
    return out;
}

std::string connection_text(const PostgresAddress& address) {
    if (address.password.empty()) return address.url;
    return address.url + (address.url.find('?') == std::string::npos ? "?" : "&") +
           "password=" + percent_encoded(address.password);
}

std::string with_database(const std::string& url, const std::string& database) {
    const auto host = url.find("://") + 3;
    const auto path = std::min(url.find_first_of("/?", host), url.size());
    const auto rest = url.find('?', path);
    return url.substr(0, path) + "/" + percent_encoded(database) + (rest == url.npos ? "" : url.substr(rest));
}

void add_password(net::ProcessRequest& request, const PostgresAddress& address) {
    if (address.password.empty()) return;
    std::string line = "*:*:*:*:";
    for (const char c : address.password) {
        if (c == ':' || c == '\\') line += '\\';
        line += c;
    }
    request.secrets.emplace_back("pgpass", line + "\n");
    request.environment.emplace_back("PGPASSFILE", "{secret:pgpass}");
}

Result<void> run_postgres_tool(const std::string& data_set, net::ProcessRequest request, Deadline deadline) {
    TRY(const auto called, call(std::move(request), {deadline}));
    if (called.code != 0)
        return fail(Code::unavailable, "backup.dump-failed", {{"data_set", data_set}}).detail(last_words(called.error));
    return {};
}

std::string postgres_program(int version, const char* name) {
    return "/usr/lib/postgresql/" + std::to_string(version) + "/bin/" + name;
}

std::string scratch_url(const std::filesystem::path& folder, const std::string& database, const std::string& user) {
    return "postgresql:///" + percent_encoded(database) + "?user=" + percent_encoded(user) +
           "&host=" + percent_encoded(folder.string());
}

}  // namespace tilsyn::backup
