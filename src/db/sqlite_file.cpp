#include "db/sqlite_file.hpp"

#include <sqlite3.h>

#include <cstring>
#include <memory>
#include <vector>

#include "crypto/hash.hpp"

namespace tilsyn::db {
namespace {

using Handle = std::unique_ptr<sqlite3, decltype(&sqlite3_close)>;
using Statement = std::unique_ptr<sqlite3_stmt, decltype(&sqlite3_finalize)>;

Fail cannot(const std::filesystem::path& path, int code, const char* words) {
    const auto kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? Code::busy
                      : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? Code::corrupt
                      : code == SQLITE_CANTOPEN                         ? Code::not_found
                      : code == SQLITE_INTERRUPT                        ? Code::timeout
                                                                        : Code::io;
    return fail(kind, "db.cannot-read-file", {{"path", path.string()}}).detail(words);
}

Result<Handle> open_file(const std::filesystem::path& path, int flags) {
    sqlite3* raw = nullptr;
    const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
    Handle handle(raw, sqlite3_close);
    if (code != SQLITE_OK) return cannot(path, code, sqlite3_errstr(code));
    sqlite3_extended_result_codes(handle.get(), 0);
    return handle;
}

int late(void* deadline) {
    return static_cast<const Deadline*>(deadline)->passed() ? 1 : 0;
}

// The values of a row as bytes that no other row has: type, length, content.
void serialize(sqlite3_stmt* statement, std::string& out) {
    out.clear();
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
        const int type = sqlite3_column_type(statement, i);
        out += char('0' + type);
        // As text: the same digits come out of the same number on any machine.
        const void* value = type == SQLITE_BLOB ? sqlite3_column_blob(statement, i)
                                                : static_cast<const void*>(sqlite3_column_text(statement, i));
        const auto size = std::size_t(sqlite3_column_bytes(statement, i));
        out += std::to_string(size) + ":";
        if (size > 0) out.append(static_cast<const char*>(value), size);
    }
}

std::string quoted(const std::string& name) {
    std::string out = "\"";
    for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
}

}  // namespace

Result<void> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to, Deadline deadline) {
    TRY(const auto source, open_file(from, SQLITE_OPEN_READONLY));
    TRY(const auto target, open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    sqlite3_busy_timeout(source.get(), 200);
    sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
    if (backup == nullptr) return cannot(from, sqlite3_errcode(target.get()), sqlite3_errmsg(target.get()));
    // All in one step, and so of one moment: in parts, it would begin anew with every write of somebody else.
    int code = SQLITE_BUSY;
    while (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        code = sqlite3_backup_step(backup, -1);
        if (deadline.passed()) break;
    }
    const int finished = sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE) return cannot(from, code, sqlite3_errstr(code));
    if (finished != SQLITE_OK) return cannot(to, finished, sqlite3_errmsg(target.get()));
    // A copy of a database in WAL mode is one, too, and would leave files beside it for whoever opens it.
    if (sqlite3_exec(target.get(), "PRAGMA journal_mode = DELETE", nullptr, nullptr, nullptr) != SQLITE_OK)
        return cannot(to, sqlite3_errcode(target.get()), sqlite3_errmsg(target.get()));
    return {};
}

Result<SqliteFacts> inspect_sqlite(const std::filesystem::path& path, Deadline deadline) {
    TRY(const auto file, open_file(path, SQLITE_OPEN_READONLY));
    sqlite3_progress_handler(file.get(), 10000, late, &deadline);
    const auto each = [&](const std::string& sql, const auto& row) -> Result<void> {
        sqlite3_stmt* raw = nullptr;
        int code = sqlite3_prepare_v2(file.get(), sql.c_str(), -1, &raw, nullptr);
        const Statement statement(raw, sqlite3_finalize);
        while (code == SQLITE_OK || code == SQLITE_ROW) {
            code = sqlite3_step(raw);
            if (code == SQLITE_ROW) row(raw);
        }
        if (code != SQLITE_DONE) return cannot(path, code, sqlite3_errmsg(file.get()));
        return {};
    };
    SqliteFacts facts;
    TRY_VOID(each("PRAGMA integrity_check(1)", [&](sqlite3_stmt* row) {
        facts.integrity = reinterpret_cast<const char*>(sqlite3_column_text(row, 0));
    }));
    std::vector<std::string> names;
    TRY_VOID(each(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
        [&](sqlite3_stmt* row) { names.emplace_back(reinterpret_cast<const char*>(sqlite3_column_text(row, 0))); }));
    std::string bytes;
    for (const auto& name : names) {
        SqliteTable table;
        std::uint64_t sum = 0;
        TRY_VOID(each("SELECT * FROM " + quoted(name), [&](sqlite3_stmt* row) {
            serialize(row, bytes);
            std::uint64_t part = 0;
            std::memcpy(&part, crypto::sha256(bytes).data(), sizeof part);
            sum += part;
            ++table.rows;
        }));
        std::uint8_t digits[8];
        for (int i = 0; i < 8; ++i) digits[i] = std::uint8_t(sum >> (8 * i));
        table.sum = crypto::hex(digits);
        facts.tables.emplace(name, std::move(table));
    }
    return facts;
}

}  // namespace tilsyn::db
