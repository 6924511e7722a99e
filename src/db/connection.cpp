// The engine-independent part of db.hpp.
#include <condition_variable>
#include <mutex>

#include "db/db.hpp"
#include "db/engines.hpp"

namespace tilsyn::db {

std::int64_t Row::integer(std::size_t i) const {
    if (const auto* v = std::get_if<std::int64_t>(&values_[i])) return *v;
    if (const auto* v = std::get_if<double>(&values_[i])) return static_cast<std::int64_t>(*v);
    return 0;
}
double Row::real(std::size_t i) const {
    if (const auto* v = std::get_if<double>(&values_[i])) return *v;
    if (const auto* v = std::get_if<std::int64_t>(&values_[i])) return static_cast<double>(*v);
    return 0;
}
std::string Row::text(std::size_t i) const {
    if (const auto* v = std::get_if<std::string>(&values_[i])) return *v;
    return {};
}
Blob Row::blob(std::size_t i) const {
    if (const auto* v = std::get_if<Blob>(&values_[i])) return *v;
    return {};
}

Result<Rows> Connection::query(std::string_view sql, Params params) {
    Rows result;
    TRY_VOID(each(
        sql, params,
        [&](const Row& row) -> Result<bool> {
            result.rows.push_back(row);
            return true;
        },
        &result.columns));
    return result;
}

Result<std::optional<Row>> Connection::one(std::string_view sql, std::initializer_list<Value> params) {
    std::optional<Row> found;
    TRY_VOID(each(sql, Params(params.begin(), params.size()), [&](const Row& row) -> Result<bool> {
        found = row;
        return false;
    }));
    return found;
}

Result<Transaction> Transaction::begin(Connection& connection) {
    TRY_VOID(connection.begin());
    return Transaction(connection);
}
Result<Transaction> Transaction::begin_read(Connection& connection) {
    TRY_VOID(connection.begin_read());
    return Transaction(connection);
}
Result<void> Transaction::commit() {
    auto* connection = std::exchange(connection_, nullptr);
    auto done = connection->commit();
    if (!done) connection->rollback();
    return done;
}

Location parse_location(std::string_view text) {
    const bool postgres = text.starts_with("postgresql://") || text.starts_with("postgres://");
    return {postgres ? Engine::postgres : Engine::sqlite, std::string(text)};
}

Result<std::unique_ptr<Connection>> open(const Location& location, Access access) {
    return location.engine == Engine::sqlite ? open_sqlite(location.target, access)
                                             : open_postgres(location.target, access);
}

// --- Pool ---------------------------------------------------------------------------------------------------------
struct Pool::State {
    Location location;
    Access access;
    std::size_t limit;
    std::mutex mutex;
    std::condition_variable returned;
    std::vector<std::unique_ptr<Connection>> idle;  // guarded by mutex
    std::size_t out = 0;                            // guarded by mutex
};

Pool::Pool(Location location, Access access, std::size_t limit) : state_(std::make_unique<State>()) {
    state_->location = std::move(location);
    state_->access = access;
    state_->limit = limit;
}
Pool::~Pool() = default;

Result<Pool::Lease> Pool::get(Deadline deadline) {
    std::unique_ptr<Connection> connection;
    {
        std::unique_lock lock(state_->mutex);
        if (!state_->returned.wait_until(lock, deadline.at(), [&] { return state_->out < state_->limit; }))
            return fail(Code::busy, "db.pool-exhausted", {{"limit", std::to_string(state_->limit)}});
        ++state_->out;
        if (!state_->idle.empty()) {
            connection = std::move(state_->idle.back());
            state_->idle.pop_back();
        }
    }
    if (connection && connection->healthy()) return Lease(this, std::move(connection));
    auto opened = open(state_->location, state_->access);
    if (!opened) {
        std::scoped_lock lock(state_->mutex);
        --state_->out;
        state_->returned.notify_one();
        return std::unexpected(std::move(opened).error());
    }
    return Lease(this, std::move(*opened));
}

Pool::Lease::~Lease() {
    if (!connection_) return;
    connection_->set_deadline(std::nullopt);
    std::scoped_lock lock(pool_->state_->mutex);
    if (connection_->healthy()) pool_->state_->idle.push_back(std::move(connection_));
    --pool_->state_->out;
    pool_->state_->returned.notify_one();
}

}  // namespace tilsyn::db
