// PostgreSQL 15 through libpq. Statements are prepared once a connection; ? becomes $1, $2 ...; many rows go through
// pipeline mode. A lost server is Code::unavailable, and healthy() is false from then on: the owner reconnects.
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <map>
#include <vector>

#include "db/engines.hpp"

namespace tilsyn::db {
namespace {

constexpr Oid oid_bool = 16, oid_bytea = 17, oid_int8 = 20, oid_int2 = 21, oid_int4 = 23, oid_float4 = 700,
              oid_float8 = 701, oid_numeric = 1700;
// Rows sent before their answers are read. Small enough that neither side's socket buffer can fill, which on a blocking
// connection would leave both waiting for the other.
constexpr std::size_t pipeline_chunk = 256;
constexpr std::size_t most_prepared = 200;

struct FinishConnection {
    void operator()(PGconn* c) const { PQfinish(c); }
};
struct ClearResult {
    void operator()(PGresult* r) const { PQclear(r); }
};
using Answer = std::unique_ptr<PGresult, ClearResult>;

std::string numbered(std::string_view sql) {
    std::string out;
    out.reserve(sql.size() + 16);
    int n = 0;
    char quote = 0;
    for (const char c : sql) {
        if (quote != 0) {
            if (c == quote) quote = 0;
        } else if (c == '\'' || c == '"') {
            quote = c;
        } else if (c == '?') {
            out += '$';
            out += std::to_string(++n);
            continue;
        }
        out += c;
    }
    return out;
}

// The parameters of one call in the shape libpq wants: text format, bytea as hex.
class Bound {
  public:
    Result<void> set(Connection::Params params) {
        texts_.clear();
        texts_.reserve(params.size());
        values_.assign(params.size(), nullptr);
        for (std::size_t i = 0; i < params.size(); ++i) {
            const auto& value = params[i];
            if (std::holds_alternative<Null>(value)) {
                texts_.emplace_back();
                continue;
            }
            if (const auto* n = std::get_if<std::int64_t>(&value))
                texts_.push_back(std::to_string(*n));
            else if (const auto* d = std::get_if<double>(&value)) {
                char buffer[64];
                const auto end = std::to_chars(buffer, buffer + sizeof buffer, *d).ptr;
                texts_.emplace_back(buffer, end);
            } else if (const auto* t = std::get_if<std::string>(&value)) {
                if (t->find('\0') != t->npos) return fail(Code::invalid, "db.nul-in-text");
                texts_.push_back(*t);
            } else {
                constexpr char digits[] = "0123456789abcdef";
                const auto& blob = std::get<Blob>(value);
                std::string text = "\\x";
                text.reserve(2 + blob.size() * 2);
                for (const auto byte : blob) {
                    text += digits[byte >> 4];
                    text += digits[byte & 15];
                }
                texts_.push_back(std::move(text));
            }
            values_[i] = texts_.back().c_str();
        }
        // Short strings live inside the std::string: take the addresses once nothing moves any more.
        for (std::size_t i = 0; i < params.size(); ++i)
            if (values_[i] != nullptr) values_[i] = texts_[i].c_str();
        return {};
    }
    int count() const { return int(values_.size()); }
    const char* const* values() const { return values_.empty() ? nullptr : values_.data(); }

  private:
    std::vector<std::string> texts_;
    std::vector<const char*> values_;
};

Code code_of(std::string_view state, std::string_view& key) {
    if (state.starts_with("23")) {
        key = state == "23503" ? "db.foreign-key" : "db.constraint";
        return Code::conflict;
    }
    if (state == "40001" || state == "40P01" || state == "55P03") return key = "db.busy", Code::busy;
    if (state == "57014") return key = "db.timeout", Code::timeout;
    if (state.starts_with("57P") || state.starts_with("08") || state == "25P03")
        return key = "db.unavailable", Code::unavailable;
    if (state == "53100") return key = "db.disk-full", Code::io;
    if (state.starts_with("53")) return key = "db.unavailable", Code::unavailable;
    if (state == "25006") return key = "db.read-only", Code::forbidden;
    if (state == "42501") return key = "db.not-allowed", Code::forbidden;
    if (state.starts_with("42") || state.starts_with("22")) return key = "db.bad-sql", Code::invalid;
    if (state.starts_with("58")) return key = "db.io", Code::io;
    return key = "db.failed", Code::internal;
}

class PostgresConnection final : public Connection {
  public:
    PostgresConnection(PGconn* handle, Access access) : handle_(handle), access_(access) {}

    Engine engine() const override { return Engine::postgres; }

    Result<void> each(std::string_view sql, Params params, const RowCallback& row,
                      std::vector<std::string>* columns) override {
        TRY(const auto name, prepare(sql));
        TRY_VOID(apply_deadline());
        Bound bound;
        TRY_VOID(bound.set(params));
        // Row by row: a large answer is never whole in memory.
        if (PQsendQueryPrepared(handle_.get(), name.c_str(), bound.count(), bound.values(), nullptr, nullptr, 0) != 1)
            return lost(sql);
        PQsetSingleRowMode(handle_.get());
        std::optional<Error> problem;
        bool more = true;
        bool cancelled = false;
        while (Answer answer{PQgetResult(handle_.get())}) {
            const auto status = PQresultStatus(answer.get());
            if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
                if (columns != nullptr) read_columns(answer.get(), *columns);
                for (int r = 0; more && r < PQntuples(answer.get()); ++r) {
                    auto wanted = row(read(answer.get(), r));
                    more = wanted && *wanted;
                    if (!wanted) problem = std::move(wanted.error());
                }
                if (!more && !cancelled && status == PGRES_SINGLE_TUPLE) cancelled = true;
            } else if (status != PGRES_COMMAND_OK && !problem) {
                problem = error_of(answer.get(), sql).error;
            }
        }
        if (problem) return std::unexpected(std::move(*problem));
        return check_alive(sql);
    }

    Result<std::int64_t> execute(std::string_view sql, Params params) override {
        TRY(const auto name, prepare(sql));
        TRY_VOID(apply_deadline());
        Bound bound;
        TRY_VOID(bound.set(params));
        const Answer answer{
            PQexecPrepared(handle_.get(), name.c_str(), bound.count(), bound.values(), nullptr, nullptr, 0)};
        const auto status = PQresultStatus(answer.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return error_of(answer.get(), sql);
        return affected(answer.get());
    }

    Result<std::int64_t> execute_all(std::span<const Batch> batches) override {
        std::vector<Command> commands;
        TRY_VOID(make_room(batches.size()));  // so that none of them pushes out another
        for (const auto& [sql, rows] : batches) {
            if (rows.empty()) continue;
            TRY(const auto name, prepare(sql));
            for (const auto& row : rows) commands.push_back({name, sql, &row});
        }
        if (commands.empty()) return 0;
        TRY_VOID(apply_deadline());
        if (PQenterPipelineMode(handle_.get()) != 1) return lost(commands.front().sql);
        std::optional<Error> problem;
        std::int64_t changed = 0;
        for (std::size_t start = 0; start < commands.size() && !problem; start += pipeline_chunk)
            problem = send_chunk(std::span(commands).subspan(start, std::min(pipeline_chunk, commands.size() - start)),
                                 changed);
        if (PQexitPipelineMode(handle_.get()) != 1 && !problem) problem = lost(commands.front().sql).error;
        if (problem) return std::unexpected(std::move(*problem));
        return changed;
    }

    Result<void> script(std::string_view sql) override {
        TRY_VOID(apply_deadline());
        const Answer answer{PQexec(handle_.get(), std::string(sql).c_str())};
        const auto status = PQresultStatus(answer.get());
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
            return error_of(answer.get(), sql.substr(0, 200));
        return {};
    }

    Result<void> begin() override { return command("BEGIN"); }
    Result<void> begin_read() override {
        return command(access_ == Access::query
                           ? "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path = facts"
                           : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    }
    Result<void> commit() override {
        const Answer answer{PQexec(handle_.get(), "COMMIT")};
        if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return error_of(answer.get(), "COMMIT");
        // COMMIT of a failed transaction answers ROLLBACK, without an error.
        if (std::strcmp(PQcmdStatus(answer.get()), "COMMIT") != 0) return fail(Code::conflict, "db.rolled-back");
        return {};
    }
    void rollback() override { const Answer answer{PQexec(handle_.get(), "ROLLBACK")}; }
    Result<void> savepoint() override { return command("SAVEPOINT change"); }
    Result<void> release() override { return command("RELEASE change"); }
    Result<void> rollback_to_savepoint() override { return command("ROLLBACK TO change; RELEASE change"); }

    void set_deadline(std::optional<Deadline> deadline) override { deadline_ = deadline; }
    void interrupt() override {
        PGcancel* cancel = PQgetCancel(handle_.get());
        char ignored[256];
        if (cancel != nullptr) PQcancel(cancel, ignored, sizeof ignored);
        PQfreeCancel(cancel);
    }
    bool healthy() override { return !lost_ && PQstatus(handle_.get()) == CONNECTION_OK; }

  private:
    Fail lost(std::string_view sql) const {
        lost_ = true;
        return fail(Code::unavailable, "db.unavailable")
            .detail(std::string(PQerrorMessage(handle_.get())) + " [" + std::string(sql) + "]");
    }

    Fail error_of(PGresult* answer, std::string_view sql) const {
        if (answer == nullptr || PQstatus(handle_.get()) != CONNECTION_OK) return lost(sql);
        const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
        if (state == nullptr) return lost(sql);
        std::string_view key;
        const Code code = code_of(state, key);
        // The server says goodbye before libpq sees the closed socket: from here on the connection is not to be
        // trusted.
        lost_ = lost_ || code == Code::unavailable;
        return fail(code, key).detail(std::string(PQresultErrorMessage(answer)) + " [" + std::string(sql) + "]");
    }

    Result<void> check_alive(std::string_view sql) const {
        if (PQstatus(handle_.get()) != CONNECTION_OK) return lost(sql);
        return {};
    }

    Result<void> command(const char* sql) {
        const Answer answer{PQexec(handle_.get(), sql)};
        if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return error_of(answer.get(), sql);
        return {};
    }

    // statement_timeout is the server's own clock for the deadline; set only when it changes from none to some.
    Result<void> apply_deadline() {
        if (!deadline_) {
            if (!timeout_set_) return {};
            timeout_set_ = false;
            return command("SET statement_timeout = 0");
        }
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline_->left()).count();
        if (left <= 0) return fail(Code::timeout, "db.timeout");
        timeout_set_ = true;
        return command(("SET statement_timeout = " + std::to_string(left)).c_str());
    }

    // Forgets all prepared statements when there is no place for so many more.
    Result<void> make_room(std::size_t count) {
        if (names_.empty() || names_.size() + count <= most_prepared) return {};
        TRY_VOID(command("DEALLOCATE ALL"));
        names_.clear();
        return {};
    }

    Result<std::string> prepare(std::string_view sql) {
        if (const auto found = names_.find(sql); found != names_.end()) return found->second;
        TRY_VOID(make_room(1));
        const std::string name = "s" + std::to_string(++prepared_);
        const Answer answer{PQprepare(handle_.get(), name.c_str(), numbered(sql).c_str(), 0, nullptr)};
        if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) return error_of(answer.get(), sql);
        return names_.emplace(std::string(sql), name).first->second;
    }

    struct Command {
        std::string name;  // as prepared
        std::string_view sql;
        const std::vector<Value>* row;
    };
    std::optional<Error> send_chunk(std::span<const Command> commands, std::int64_t& changed) {
        std::optional<Error> problem;
        Bound bound;
        std::size_t sent = 0;
        for (const auto& command : commands) {
            auto set = bound.set(*command.row);
            if (!set) {
                problem = std::move(set).error();
                break;
            }
            if (PQsendQueryPrepared(handle_.get(), command.name.c_str(), bound.count(), bound.values(), nullptr,
                                    nullptr, 0) != 1) {
                problem = lost(command.sql).error;
                break;
            }
            ++sent;
        }
        if (PQpipelineSync(handle_.get()) != 1) return lost(commands.front().sql).error;
        for (std::size_t i = 0; i < sent; ++i) {
            const Answer answer{PQgetResult(handle_.get())};
            const auto status = PQresultStatus(answer.get());
            const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
            if (good) changed = affected(answer.get());
            if (!good && status != PGRES_PIPELINE_ABORTED && !problem)
                problem = error_of(answer.get(), commands[i].sql).error;
            const Answer end_of_statement{PQgetResult(handle_.get())};
        }
        const Answer sync{PQgetResult(handle_.get())};
        if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC && !problem) problem = lost(commands.front().sql).error;
        return problem;
    }

    static std::int64_t affected(const PGresult* answer) {
        const char* count = PQcmdTuples(const_cast<PGresult*>(answer));
        std::int64_t n = 0;
        std::from_chars(count, count + std::strlen(count), n);
        return n;
    }

    static void read_columns(const PGresult* answer, std::vector<std::string>& columns) {
        columns.clear();
        for (int i = 0; i < PQnfields(answer); ++i) columns.emplace_back(PQfname(answer, i));
    }

    static Row read(const PGresult* answer, int r) {
        std::vector<Value> values;
        const int count = PQnfields(answer);
        values.reserve(std::size_t(count));
        for (int i = 0; i < count; ++i) {
            if (PQgetisnull(answer, r, i) == 1) {
                values.emplace_back(Null{});
                continue;
            }
            const char* text = PQgetvalue(answer, r, i);
            const auto length = std::size_t(PQgetlength(answer, r, i));
            switch (PQftype(answer, i)) {
                case oid_bool:
                    values.emplace_back(std::int64_t(*text == 't'));
                    break;
                case oid_int2:
                case oid_int4:
                case oid_int8: {
                    std::int64_t n = 0;
                    std::from_chars(text, text + length, n);
                    values.emplace_back(n);
                    break;
                }
                case oid_float4:
                case oid_float8: {
                    double d = 0;
                    std::from_chars(text, text + length, d);
                    values.emplace_back(d);
                    break;
                }
                case oid_numeric: {  // sum() and avg() of integers; SQLite gives an integer when it is whole
                    std::int64_t n = 0;
                    const auto whole = std::from_chars(text, text + length, n);
                    double d = 0;
                    std::from_chars(text, text + length, d);
                    if (whole.ec == std::errc{} && whole.ptr == text + length)
                        values.emplace_back(n);
                    else
                        values.emplace_back(d);
                    break;
                }
                case oid_bytea: {
                    std::size_t size = 0;
                    unsigned char* bytes = PQunescapeBytea(reinterpret_cast<const unsigned char*>(text), &size);
                    values.emplace_back(Blob(bytes, bytes + size));
                    PQfreemem(bytes);
                    break;
                }
                default:
                    values.emplace_back(std::string(text, length));
            }
        }
        return Row(std::move(values));
    }

    std::unique_ptr<PGconn, FinishConnection> handle_;
    Access access_;
    std::map<std::string, std::string, std::less<>> names_;  // SQL -> name of the prepared statement
    std::size_t prepared_ = 0;
    std::optional<Deadline> deadline_;
    bool timeout_set_ = false;
    mutable bool lost_ = false;
};

}  // namespace

Result<std::unique_ptr<Connection>> open_postgres(const std::string& url, Access access) {
    // TCP keepalives: a server that vanished without a word is noticed within half a minute. A transaction that stops
    // half-way (a paused process) is ended by the server, so that it cannot hold the head of the log for ever.
    static constexpr const char* keys[] = {
        "dbname",           "connect_timeout",  "keepalives_idle", "keepalives_interval", "keepalives_count",
        "tcp_user_timeout", "application_name", "options",         "client_encoding",     nullptr};
    const char* options =
        access == Access::read_write
            ? "-c idle_in_transaction_session_timeout=10000 -c lock_timeout=15000 -c client_min_messages=warning"
            : "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=60000 -c "
              "client_min_messages=warning";
    const char* values[] = {url.c_str(), "5", "10", "5", "3", "20000", "tilsyn", options, "UTF8", nullptr};
    PGconn* handle = PQconnectdbParams(keys, values, 1);
    if (handle == nullptr || PQstatus(handle) != CONNECTION_OK) {
        auto error = fail(Code::unavailable, "db.cannot-connect")
                         .detail(handle != nullptr ? PQerrorMessage(handle) : "out of memory");
        PQfinish(handle);
        return error;
    }
    PQsetNoticeProcessor(handle, [](void*, const char*) {}, nullptr);
    return std::make_unique<PostgresConnection>(handle, access);
}

}  // namespace tilsyn::db
