#include "backup/mariadb.hpp"

#include <unistd.h>

#include <algorithm>
#include <boost/url.hpp>
#include <charconv>
#include <fstream>

#include "backup/engines/call.hpp"
#include "backup/mariadb_session.hpp"
#include "backup/scratch_server.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr auto longest_hold = std::chrono::seconds(20);  // of all writing, until the dump has begun
constexpr std::string_view at_the_end = "-- Dump completed";
constexpr const char* server_program = "/usr/sbin/mariadbd";

// A file of options, for the server's own programs.
std::string options_of(const MariadbAddress& address) {
    const auto quoted = [](const std::string& text) {
        std::string out = "\"";
        for (const char c : text) {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
        return out + "\"";
    };
    std::string out = "[client]\nuser=" + quoted(address.user) + "\npassword=" + quoted(address.password) + "\n";
    if (address.socket.empty())
        out += "host=" + quoted(address.host) + "\nport=" + std::to_string(address.port) + "\nprotocol=tcp\n";
    else
        out += "socket=" + quoted(address.socket) + "\n";
    if (address.tls) out += "ssl\nssl-verify-server-cert\n";
    if (!address.ca.empty()) out += "ssl-ca=" + quoted(address.ca) + "\n";
    return out;
}

// Without some of these a dump fails; without others it leaves things out and does not say so.
Result<void> need_rights(MariadbSession& session, const std::string& database) {
    std::vector<std::string> missing;
    const std::string grantee = "CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''')";
    TRY(const auto global,
        session.query("SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = " + grantee));
    TRY(const auto local,
        session.query("SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = " + grantee +
                      " AND " + session.quoted(database) + " LIKE TABLE_SCHEMA"));
    const auto has = [](const std::vector<MariadbSession::Row>& rows, std::string_view right) {
        return std::ranges::any_of(rows, [&](const auto& row) { return row[0] == right; });
    };
    for (const auto* right : {"RELOAD", "PROCESS"})
        if (!has(global, right)) missing.emplace_back(right);
    for (const auto* right : {"SELECT", "SHOW VIEW", "TRIGGER", "EVENT"})
        if (!has(global, right) && !has(local, right)) missing.emplace_back(right);
    if (missing.empty()) return {};
    return fail(Code::forbidden, "backup.mariadb-rights", {{"rights", join(missing, ", ")}})
        .hint("backup.mariadb-rights-hint");
}

Result<std::vector<std::string>> tables_without_transactions(MariadbSession& session, const std::string& database) {
    TRY(const auto rows,
        session.query("SELECT t.TABLE_NAME FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON "
                      "e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = " +
                      session.quoted(database) +
                      " AND t.TABLE_TYPE = 'BASE TABLE' AND COALESCE(e.TRANSACTIONS, 'NO') <> 'YES' ORDER BY 1"));
    std::vector<std::string> out;
    for (const auto& row : rows) out.push_back(row[0].value_or(""));
    return out;
}

// Has a transaction begun, since ours, of another connection of our account? That account is ours alone: nobody else
// has a reason to use it.
Result<bool> dump_has_begun(MariadbSession& holder, std::uint64_t after) {
    TRY(const auto rows,
        holder.query("SELECT 1 FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST "
                     "p ON p.ID = t.trx_mysql_thread_id WHERE p.ID > " +
                     std::to_string(after) + " AND p.USER = SUBSTRING_INDEX(USER(), '@', 1)"));
    return !rows.empty();
}

bool is_this_machine(std::string_view host) {
    return host.empty() || host == "localhost" || host == "::1" || host.starts_with("127.");
}

MariadbAddress scratch_address(const std::filesystem::path& scratch, const std::string& database) {
    return {
        .user = "root", .host = {}, .socket = (scratch / "s").string(), .database = database, .password = {}, .ca = {}};
}

}  // namespace

Result<MariadbAddress> mariadb_address(const std::string& data_set, const std::string& url, std::string password,
                                       std::string ca) {
    const auto wrong = [&] { return fail(Code::invalid, "backup.bad-mariadb", {{"data_set", data_set}}); };
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed || parsed->scheme() != "mariadb" || parsed->has_password() || parsed->segments().size() != 1)
        return wrong();
    MariadbAddress out{.user = parsed->user(),
                       .host = parsed->host_address(),
                       .socket = {},
                       .database = parsed->segments().front(),
                       .password = std::move(password),
                       .ca = std::move(ca)};
    if (parsed->has_port()) {
        const std::string_view text = parsed->port();
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out.port);
        if (error != std::errc() || end != text.data() + text.size() || out.port == 0) return wrong();
    }
    bool off = false;
    for (const auto& param : parsed->params()) {
        if (param.key == "socket" && param.value.starts_with('/'))
            out.socket = param.value;
        else if (param.key == "tls" && param.value == "off")
            off = true;
        else
            return wrong();
    }
    // Nothing that could end a line of a file of options.
    for (const auto* text : {&out.user, &out.host, &out.socket, &out.database, &out.password, &out.ca})
        if (std::ranges::any_of(*text, [](char c) { return std::uint8_t(c) < 0x20; })) return wrong();
    if (out.user.empty() || out.database.empty() || (out.host.empty() && out.socket.empty())) return wrong();
    out.tls = !off && out.socket.empty() && !is_this_machine(out.host);
    return out;
}

Result<void> mariadb_dump_is_whole(const std::filesystem::path& dump, const std::string& data_set) {
    std::ifstream file(dump, std::ios::binary | std::ios::ate);
    const auto size = std::int64_t(file.tellg());
    std::string tail(std::size_t(std::clamp<std::int64_t>(size, 0, 200)), '\0');
    file.seekg(size - std::int64_t(tail.size()));
    file.read(tail.data(), std::int64_t(tail.size()));
    if (!file || tail.find(at_the_end) == tail.npos)
        return fail(Code::corrupt, "backup.dump-cut-off", {{"data_set", data_set}});
    return {};
}

Result<MariadbDump> dump_mariadb(const std::string& data_set, const MariadbAddress& address,
                                 const std::filesystem::path& dump, Deadline deadline) {
    MariadbDump out;
    TRY(auto holder, MariadbSession::open(address, deadline));
    TRY_VOID(mariadb_version(holder));
    TRY_VOID(need_rights(holder, address.database));
    TRY(auto session, MariadbSession::open(address, deadline));
    TRY(out.unsafe, tables_without_transactions(session, address.database));
    TRY_VOID(holder.execute("FLUSH TABLES WITH READ LOCK"));
    TRY_VOID(session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"));
    TRY(auto sequences, mariadb_sequences(holder, address.database));

    net::ProcessRequest request;
    request.arguments = {"mariadb-dump",
                         "--defaults-file={secret:options}",
                         "--single-transaction",
                         "--quick",
                         "--routines",
                         "--events",
                         "--triggers",
                         "--hex-blob",
                         "--tz-utc",
                         "--skip-lock-tables",
                         "--default-character-set=utf8mb4",
                         "--result-file=" + dump.string(),
                         "--databases",
                         "--",
                         address.database};
    request.secrets.emplace_back("options", options_of(address));
    const auto until = Deadline::in(longest_hold);
    bool held = true;
    std::optional<Error> trouble;
    request.stopping = [&] {
        if (!held) return false;
        const auto begun = dump_has_begun(holder, session.id());
        if (!begun) trouble = begun.error();
        if (!trouble && !*begun && !until.passed()) return false;
        held = false;
        if (const auto let_go = holder.execute("UNLOCK TABLES"); !let_go && !trouble) trouble = let_go.error();
        if (!trouble && !*begun)
            trouble = fail(Code::timeout, "backup.mariadb-no-start", {{"data_set", data_set}}).error;
        return trouble.has_value();
    };
    const auto called = call(std::move(request), {deadline});
    if (trouble) return std::unexpected(std::move(*trouble));
    TRY_VOID(called);
    if (called->code != 0)
        return fail(Code::unavailable, "backup.dump-failed", {{"data_set", data_set}})
            .detail(last_words(called->error));
    // It was over before anybody had seen it begin: what was held until now has kept all as it was.
    if (held) TRY_VOID(holder.execute("UNLOCK TABLES"));
    TRY_VOID(mariadb_dump_is_whole(dump, data_set));
    TRY(out.counted, mariadb_counts(session, address.database));
    out.counted["sequences"] = std::move(sequences);
    return out;
}

Result<json> restore_mariadb(const json& was, const std::filesystem::path& dump, const std::filesystem::path& scratch,
                             const WhenOpen& when_open, Deadline deadline) {
    const auto version = was.value("version", "");
    const auto missing = [&] { return fail(Code::unsupported, "backup.no-mariadb", {{"version", version}}); };
    if (::access(server_program, X_OK) != 0) return missing();
    TRY_VOID(give_to("mysql", scratch));
    net::ProcessRequest init;
    init.arguments =
        as_account("mysql", {"mariadb-install-db", "--no-defaults", "--skip-test-db",
                             "--auth-root-authentication-method=normal", "--datadir=" + (scratch / "data").string()});
    init.folder = scratch;
    init.environment.emplace_back("TMPDIR", scratch.string());
    TRY(const auto made, call(std::move(init), {deadline}));
    if (made.code != 0) return fail(Code::unavailable, "backup.scratch-server").detail(last_words(made.error));
    ScratchServer server(
        as_account("mysql", {server_program, "--no-defaults", "--datadir=" + (scratch / "data").string(),
                             "--socket=" + (scratch / "s").string(), "--pid-file=" + (scratch / "pid").string(),
                             "--tmpdir=" + scratch.string(), "--secure-file-priv=" + scratch.string(),
                             "--skip-networking", "--skip-log-bin", "--skip-name-resolve", "--event-scheduler=OFF",
                             "--local-infile=OFF", "--innodb-buffer-pool-size=64M", "--innodb-doublewrite=OFF",
                             "--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=1G"}),
        scratch, deadline);
    const auto address = scratch_address(scratch, was.value("database", ""));
    TRY_VOID(server.wait([&] { return MariadbSession::open(address, deadline).has_value(); }));
    TRY(auto session, MariadbSession::open(address, deadline));
    TRY(const auto there, mariadb_version(session));
    if (there != version) return missing();
    net::ProcessRequest load;
    load.arguments = {"mariadb",
                      "--no-defaults",
                      "--batch",
                      "--user=root",
                      "--socket=" + address.socket,
                      "--sandbox",
                      "--max-allowed-packet=1G",
                      "--default-character-set=utf8mb4"};
    load.input_file = dump;
    load.folder = scratch;
    TRY(const auto loaded, call(std::move(load), {deadline}));
    if (loaded.code != 0) return fail(Code::corrupt, "backup.dump-not-restored").detail(last_words(loaded.error));
    TRY(auto counted, mariadb_counts(session, address.database));
    TRY(counted["sequences"], mariadb_sequences(session, address.database));
    for (const auto& [table, _] : counted["tables"].items()) {
        TRY(const auto checked,
            session.query("CHECK TABLE " + MariadbSession::name(address.database) + "." + MariadbSession::name(table)));
        for (const auto& row : checked)
            if (row.size() > 3 && row[2] == "error")
                return fail(Code::corrupt, "backup.dump-not-restored").detail(table + ": " + row[3].value_or(""));
    }
    const auto ask = [&](const std::string&, const std::string& sql) -> Result<std::optional<std::string>> {
        TRY(auto asking, MariadbSession::open(address, deadline));
        TRY_VOID(asking.execute("START TRANSACTION READ ONLY"));
        TRY(const auto rows, asking.query(sql));
        if (rows.empty() || rows[0].empty()) return std::nullopt;
        return rows[0][0];
    };
    when_open({{address.database}, ask});
    return counted;
}

}  // namespace tilsyn::backup
