// SQLite 3.40: WAL, synchronous=FULL (with NORMAL a power cut can undo a commit that was already acknowledged),
// foreign keys on. One connection, one thread; a busy writer is waited for up to busy_timeout.
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <set>

#include "db/engines.hpp"

namespace tilsyn::db {
namespace {

constexpr int busy_timeout_ms = 10'000;
constexpr int steps_between_deadline_checks = 1'000;

struct CloseDatabase {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
};
struct FinalizeStatement {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

Fail error_of(sqlite3* handle, int rc, std::string_view what) {
    const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : rc;
    std::string detail = std::string(what) + ": " + (handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(rc));
    switch (rc & 0xFF) {
        case SQLITE_CONSTRAINT: {
            const char* key = extended == SQLITE_CONSTRAINT_FOREIGNKEY ? "db.foreign-key" : "db.constraint";
            return fail(Code::conflict, key).detail(std::move(detail));
        }
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
            return fail(Code::busy, "db.busy").detail(std::move(detail));
        case SQLITE_INTERRUPT:
            return fail(Code::timeout, "db.timeout").detail(std::move(detail));
        case SQLITE_FULL:
            return fail(Code::io, "db.disk-full").detail(std::move(detail)).hint("db.disk-full-hint");
        case SQLITE_IOERR:
            return fail(Code::io, "db.io").detail(std::move(detail)).hint("db.disk-full-hint");
        case SQLITE_READONLY:
            return fail(Code::forbidden, "db.read-only").detail(std::move(detail));
        case SQLITE_AUTH:
            return fail(Code::forbidden, "db.not-allowed").detail(std::move(detail));
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            return fail(Code::corrupt, "db.corrupt").detail(std::move(detail)).hint("db.corrupt-hint");
        case SQLITE_CANTOPEN:
            return fail(Code::io, "db.cannot-open").detail(std::move(detail));
        case SQLITE_TOOBIG:
            return fail(Code::too_large, "db.too-large").detail(std::move(detail));
        case SQLITE_ERROR:
            return fail(Code::invalid, "db.bad-sql").detail(std::move(detail));
        default:
            return fail(Code::internal, "db.failed").detail(std::move(detail));
    }
}

// For SQL that users write: only SELECT, tables only through views, and never the tables that hold secrets. SQLite
// names the view responsible for a read, but it names a WITH clause in the same way, so that fence alone could be
// walked round by a WITH clause called like a view: the tables with secrets are therefore refused by name, whoever
// asks.
struct QueryFence {
    std::set<std::string, std::less<>> tables;  // of the database when the connection was opened
};
constexpr std::string_view secret_tables[] = {"log_private", "api_key", "sqlite_master", "sqlite_schema",
                                              "sqlite_temp_master"};

int authorize_query(void* context, int action, const char* first, const char* second, const char* /*database*/,
                    const char* view) {
    const auto& fence = *static_cast<const QueryFence*>(context);
    const std::string_view name = first != nullptr ? first : "";
    switch (action) {
        case SQLITE_SELECT:
        case SQLITE_TRANSACTION:
        case SQLITE_RECURSIVE:
            return SQLITE_OK;
        case SQLITE_READ:
            if (std::ranges::find(secret_tables, name) != std::end(secret_tables)) return SQLITE_DENY;
            // An empty column means only that the table is in the statement, as for count(*) over a flattened view.
            if (second == nullptr || *second == '\0') return SQLITE_OK;
            return view == nullptr && fence.tables.contains(name) ? SQLITE_DENY : SQLITE_OK;
        case SQLITE_FUNCTION: {
            const std::string_view function = second != nullptr ? second : "";
            return function == "load_extension" || function == "fts3_tokenizer" ? SQLITE_DENY : SQLITE_OK;
        }
        default:
            return SQLITE_DENY;
    }
}

class SqliteConnection final : public Connection {
  public:
    explicit SqliteConnection(std::unique_ptr<sqlite3, CloseDatabase> handle) : handle_(std::move(handle)) {
        sqlite3_progress_handler(handle_.get(), steps_between_deadline_checks, &SqliteConnection::on_progress, this);
    }

    Engine engine() const override { return Engine::sqlite; }

    Result<void> fence_for_queries() {
        TRY(const auto tables, query("SELECT name FROM sqlite_master WHERE type = 'table'"));
        for (const auto& row : tables.rows) fence_.tables.insert(row.text(0));
        sqlite3_limit(handle_.get(), SQLITE_LIMIT_ATTACHED, 0);
        sqlite3_limit(handle_.get(), SQLITE_LIMIT_LENGTH, 16 << 20);
        sqlite3_limit(handle_.get(), SQLITE_LIMIT_SQL_LENGTH, 1 << 20);
        sqlite3_limit(handle_.get(), SQLITE_LIMIT_EXPR_DEPTH, 200);
        statements_.clear();
        sqlite3_set_authorizer(handle_.get(), authorize_query, &fence_);
        return {};
    }

    Result<void> each(std::string_view sql, Params params, const RowCallback& row,
                      std::vector<std::string>* columns) override {
        TRY(auto* statement, prepare(sql));
        const Reset reset{statement};
        TRY_VOID(bind(statement, params));
        const int count = sqlite3_column_count(statement);
        if (columns != nullptr) {
            columns->clear();
            for (int i = 0; i < count; ++i) columns->emplace_back(sqlite3_column_name(statement, i));
        }
        for (;;) {
            const int rc = sqlite3_step(statement);
            if (rc == SQLITE_DONE) return {};
            if (rc != SQLITE_ROW) return error_of(handle_.get(), rc, sql);
            TRY(const bool more, row(read(statement, count)));
            if (!more) return {};
        }
    }

    Result<std::int64_t> execute(std::string_view sql, Params params) override {
        TRY(auto* statement, prepare(sql));
        return run(statement, sql, params);
    }

    Result<std::int64_t> execute_all(std::span<const Batch> batches) override {
        std::int64_t changed = 0;
        for (const auto& [sql, rows] : batches) {
            if (rows.empty()) continue;
            TRY(auto* statement, prepare(sql));
            for (const auto& row : rows) {
                TRY(changed, run(statement, sql, row));
            }
        }
        return changed;
    }

    Result<void> script(std::string_view sql) override {
        const std::string text(sql);
        const int rc = sqlite3_exec(handle_.get(), text.c_str(), nullptr, nullptr, nullptr);
        if (rc != SQLITE_OK) return error_of(handle_.get(), rc, text.substr(0, 200));
        return {};
    }

    Result<void> begin() override { return simple("BEGIN IMMEDIATE"); }
    Result<void> begin_read() override { return simple("BEGIN"); }
    Result<void> commit() override { return simple("COMMIT"); }
    void rollback() override {
        // After some errors (disk full) SQLite has rolled back by itself.
        if (sqlite3_get_autocommit(handle_.get()) == 0)
            sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
    }
    Result<void> savepoint() override { return simple("SAVEPOINT change"); }
    Result<void> release() override { return simple("RELEASE change"); }
    Result<void> rollback_to_savepoint() override {
        TRY_VOID(simple("ROLLBACK TO change"));
        return simple("RELEASE change");
    }

    void set_deadline(std::optional<Deadline> deadline) override { deadline_ = deadline; }
    void interrupt() override { sqlite3_interrupt(handle_.get()); }
    bool healthy() override { return true; }

  private:
    struct Reset {
        sqlite3_stmt* statement;
        ~Reset() {
            sqlite3_reset(statement);
            sqlite3_clear_bindings(statement);
        }
    };

    static int on_progress(void* self) {
        const auto& deadline = static_cast<SqliteConnection*>(self)->deadline_;
        return deadline && deadline->passed() ? 1 : 0;
    }

    Result<void> simple(std::string_view sql) {
        TRY_VOID(execute(sql, Params{}));
        return {};
    }

    Result<sqlite3_stmt*> prepare(std::string_view sql) {
        if (const auto found = statements_.find(sql); found != statements_.end()) return found->second.get();
        sqlite3_stmt* raw = nullptr;
        const char* tail = nullptr;
        const int rc =
            sqlite3_prepare_v3(handle_.get(), sql.data(), int(sql.size()), SQLITE_PREPARE_PERSISTENT, &raw, &tail);
        Statement statement(raw);
        if (rc != SQLITE_OK) return error_of(handle_.get(), rc, sql);
        const std::string_view rest(tail, std::size_t(sql.data() + sql.size() - tail));
        if (raw == nullptr || rest.find_first_not_of(" \t\r\n;") != rest.npos)
            return fail(Code::invalid, "db.one-statement").detail(std::string(sql));
        if (statements_.size() >= 200) statements_.clear();  // only generated SQL can fill it
        return statements_.emplace(std::string(sql), std::move(statement)).first->second.get();
    }

    Result<void> bind(sqlite3_stmt* statement, Params params) {
        if (sqlite3_bind_parameter_count(statement) != int(params.size()))
            return fail(Code::internal, "db.parameter-count").detail(sqlite3_sql(statement));
        for (int i = 0; i < int(params.size()); ++i) {
            const auto& value = params[std::size_t(i)];
            int rc = SQLITE_OK;
            // SQLITE_STATIC: the caller's values outlive the step.
            if (const auto* n = std::get_if<std::int64_t>(&value))
                rc = sqlite3_bind_int64(statement, i + 1, *n);
            else if (const auto* d = std::get_if<double>(&value))
                rc = sqlite3_bind_double(statement, i + 1, *d);
            else if (const auto* t = std::get_if<std::string>(&value)) {
                if (t->find('\0') != t->npos) return fail(Code::invalid, "db.nul-in-text");
                rc = sqlite3_bind_text64(statement, i + 1, t->data(), t->size(), SQLITE_STATIC, SQLITE_UTF8);
            } else if (const auto* b = std::get_if<Blob>(&value)) {
                rc = sqlite3_bind_blob64(statement, i + 1, b->empty() ? "" : reinterpret_cast<const char*>(b->data()),
                                         b->size(), SQLITE_STATIC);
            } else
                rc = sqlite3_bind_null(statement, i + 1);
            if (rc != SQLITE_OK) return error_of(handle_.get(), rc, "bind");
        }
        return {};
    }

    Result<std::int64_t> run(sqlite3_stmt* statement, std::string_view sql, Params params) {
        const Reset reset{statement};
        TRY_VOID(bind(statement, params));
        int rc = SQLITE_ROW;
        while (rc == SQLITE_ROW) rc = sqlite3_step(statement);
        if (rc != SQLITE_DONE) return error_of(handle_.get(), rc, sql);
        return sqlite3_changes64(handle_.get());
    }

    static Row read(sqlite3_stmt* statement, int count) {
        std::vector<Value> values;
        values.reserve(std::size_t(count));
        for (int i = 0; i < count; ++i) {
            switch (sqlite3_column_type(statement, i)) {
                case SQLITE_INTEGER:
                    values.emplace_back(std::int64_t(sqlite3_column_int64(statement, i)));
                    break;
                case SQLITE_FLOAT:
                    values.emplace_back(sqlite3_column_double(statement, i));
                    break;
                case SQLITE_TEXT: {
                    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, i));
                    values.emplace_back(std::string(text, std::size_t(sqlite3_column_bytes(statement, i))));
                    break;
                }
                case SQLITE_BLOB: {
                    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement, i));
                    values.emplace_back(Blob(data, data + sqlite3_column_bytes(statement, i)));
                    break;
                }
                default:
                    values.emplace_back(Null{});
            }
        }
        return Row(std::move(values));
    }

    std::unique_ptr<sqlite3, CloseDatabase> handle_;
    std::map<std::string, Statement, std::less<>> statements_;  // destroyed before handle_ (declared after it)
    std::optional<Deadline> deadline_;
    QueryFence fence_;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path, Access access) {
    const int mode = access == Access::read_write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY;
    sqlite3* raw = nullptr;
    const int rc = sqlite3_open_v2(path.c_str(), &raw, mode | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    std::unique_ptr<sqlite3, CloseDatabase> handle(raw);
    if (rc != SQLITE_OK) return error_of(raw, rc, path);
    sqlite3_busy_timeout(raw, busy_timeout_ms);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    const char* setup =
        access == Access::read_write
            ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-16000;"
            : "PRAGMA query_only=ON; PRAGMA cache_size=-8000;";
    if (const int set = sqlite3_exec(raw, setup, nullptr, nullptr, nullptr); set != SQLITE_OK)
        return error_of(raw, set, path);
    auto connection = std::make_unique<SqliteConnection>(std::move(handle));
    // LIKE as on PostgreSQL: a query of a policy must mean the same on both.
    if (access == Access::query) sqlite3_exec(raw, "PRAGMA case_sensitive_like=ON", nullptr, nullptr, nullptr);
    if (access == Access::query) TRY_VOID(connection->fence_for_queries());
    return connection;
}

}  // namespace tilsyn::db
