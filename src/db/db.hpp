// One interface to SQLite and PostgreSQL. One conformance suite (conformance_test.cpp) runs on both.
//
// SQL is written once, with ? for parameters, in the words both engines share (INSERT ... ON CONFLICT, RETURNING,
// CTEs). Moments are int64 microseconds UTC, flags are 0/1 integers, JSON is text. Text must be UTF-8 without NUL.
// A Connection is used by one thread at a time; only interrupt() may be called from another.
#pragma once
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::db {

using Blob = std::vector<std::uint8_t>;
struct Null {
    bool operator==(const Null&) const = default;
};
using Value = std::variant<Null, std::int64_t, double, std::string, Blob>;

class Row {
  public:
    explicit Row(std::vector<Value> values) : values_(std::move(values)) {}
    std::size_t size() const { return values_.size(); }
    const Value& operator[](std::size_t i) const { return values_[i]; }
    bool null(std::size_t i) const { return std::holds_alternative<Null>(values_[i]); }
    // Wrong type or NULL gives 0 / "" / an empty blob: the caller knows its own columns.
    std::int64_t integer(std::size_t i) const;
    double real(std::size_t i) const;
    std::string text(std::size_t i) const;
    Blob blob(std::size_t i) const;
    Timestamp time(std::size_t i) const { return from_micros(integer(i)); }

  private:
    std::vector<Value> values_;
};

struct Rows {
    std::vector<std::string> columns;
    std::vector<Row> rows;
};

enum class Engine { sqlite, postgres };

// What a violated rule looks like to the caller: Error.code conflict for unique and foreign key, busy for lock and
// serialization, unavailable when the server is gone, io for a full disk.
class Connection {
  public:
    virtual ~Connection() = default;
    virtual Engine engine() const = 0;

    using Params = std::span<const Value>;
    using RowCallback = std::function<Result<bool>(const Row&)>;  // false: enough, stop here

    // Runs one statement, one row at a time. Statements are prepared once and kept. `columns` gets the names.
    virtual Result<void> each(std::string_view sql, Params params, const RowCallback& row,
                              std::vector<std::string>* columns = nullptr) = 0;
    virtual Result<std::int64_t> execute(std::string_view sql, Params params) = 0;  // rows changed
    // Statements, each for many rows, one after another: a loop on SQLite, one way to the server and back for hundreds
    // of rows on PostgreSQL. Stops at the first error. Rows changed by the very last.
    struct Batch {
        std::string_view sql;
        std::span<const std::vector<Value>> rows;
    };
    virtual Result<std::int64_t> execute_all(std::span<const Batch> batches) = 0;
    // Several statements without parameters: migrations and views.
    virtual Result<void> script(std::string_view sql) = 0;

    virtual Result<void> begin() = 0;       // BEGIN IMMEDIATE / BEGIN
    virtual Result<void> begin_read() = 0;  // a read-only transaction with one view of the data
    virtual Result<void> commit() = 0;
    virtual void rollback() = 0;
    virtual Result<void> savepoint() = 0;  // not nested
    virtual Result<void> release() = 0;
    virtual Result<void> rollback_to_savepoint() = 0;

    // From now on statements fail with Code::timeout after this point; nullopt lifts it.
    virtual void set_deadline(std::optional<Deadline> deadline) = 0;
    virtual void interrupt() = 0;  // any thread
    virtual bool healthy() = 0;    // false: reconnect

    // Conveniences over the above.
    Result<Rows> query(std::string_view sql, Params params);
    Result<Rows> query(std::string_view sql, std::initializer_list<Value> params = {}) {
        return query(sql, Params(params.begin(), params.size()));
    }
    Result<std::int64_t> execute(std::string_view sql, std::initializer_list<Value> params = {}) {
        return execute(sql, Params(params.begin(), params.size()));
    }
    Result<std::optional<Row>> one(std::string_view sql, std::initializer_list<Value> params = {});
    Result<void> execute_each(std::string_view sql, std::span<const std::vector<Value>> rows) {
        const Batch batch{sql, rows};
        auto done = execute_all({&batch, 1});
        return done ? Result<void>() : std::unexpected(std::move(done).error());
    }
};

// Rolls back unless commit() was called.
class Transaction {
  public:
    static Result<Transaction> begin(Connection& connection);
    static Result<Transaction> begin_read(Connection& connection);
    Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
    Transaction& operator=(Transaction&&) = delete;
    ~Transaction() {
        if (connection_ != nullptr) connection_->rollback();
    }
    Result<void> commit();

  private:
    explicit Transaction(Connection& connection) : connection_(&connection) {}
    Connection* connection_;
};

// Where the data is: "postgresql://..." or the path of an SQLite file.
struct Location {
    Engine engine = Engine::sqlite;
    std::string target;
};
Location parse_location(std::string_view text);

enum class Access {
    read_write,
    read_only,  // cannot write, whatever the SQL says
    query,      // read_only, and (SQLite) only views and no pragma, attach or extension: for SQL written by users
};
Result<std::unique_ptr<Connection>> open(const Location& location, Access access);

// Idle connections of one access, made on demand up to `limit`; get() waits no longer than the deadline. Thread-safe.
class Pool {
  public:
    Pool(Location location, Access access, std::size_t limit);
    ~Pool();
    class Lease {
      public:
        Lease(Pool* pool, std::unique_ptr<Connection> connection) : pool_(pool), connection_(std::move(connection)) {}
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        Connection& operator*() const { return *connection_; }
        Connection* operator->() const { return connection_.get(); }

      private:
        Pool* pool_;
        std::unique_ptr<Connection> connection_;
    };
    Result<Lease> get(Deadline deadline = Deadline::in(std::chrono::seconds(10)));

  private:
    friend class Lease;
    struct State;
    std::unique_ptr<State> state_;
};

// --- migrations ---------------------------------------------------------------------------------------------------
// Numbered, run forward inside one transaction at start; table schema_migration(id, sha256, applied_at). {int}, {blob},
// {real} and {strict} in the SQL become the engine's words. Tilsyn refuses a database that holds a migration it does
// not know (made by a newer version) or one whose text has changed.
struct Migration {
    std::string_view id;  // "0010-log": sorts into the order they run
    std::string_view sql;
    std::string_view sqlite_too = {};  // run after sql, on that engine alone
    std::string_view postgres_too = {};
};
Result<std::vector<std::string>> migrate(Connection& connection, std::span<const Migration> migrations, Timestamp now);
Result<std::vector<std::string>> pending_migrations(Connection& connection, std::span<const Migration> migrations);

}  // namespace tilsyn::db
