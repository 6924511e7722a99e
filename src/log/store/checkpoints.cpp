#include "log/store/checkpoints.hpp"

#include <algorithm>

namespace tilsyn::log {
namespace {

constexpr std::string_view columns = "SELECT c.size, c.root, c.note, c.signed_at FROM log_checkpoint c ";

Result<StoredCheckpoint> read(const db::Row& row) {
    StoredCheckpoint stored;
    stored.size = row.integer(0);
    const auto root = row.blob(1);
    if (root.size() != stored.root.size()) return fail(Code::corrupt, "log.bad-frontier").hint("log.corrupt-hint");
    std::ranges::copy(root, stored.root.begin());
    stored.note = row.text(2);
    stored.signed_at = row.time(3);
    return stored;
}

Result<void> add_cosignatures(db::Connection& connection, StoredCheckpoint& stored) {
    return connection.each("SELECT line FROM log_cosignature WHERE size = ? ORDER BY witness",
                           std::array<db::Value, 1>{stored.size}, [&](const db::Row& row) -> Result<bool> {
                               stored.note += row.text(0);
                               ++stored.cosignatures;
                               return true;
                           });
}

Result<std::optional<StoredCheckpoint>> first(db::Connection& connection, const std::string& sql,
                                              std::vector<db::Value> values = {}) {
    std::optional<StoredCheckpoint> found;
    TRY_VOID(connection.each(std::string(columns) + sql + " LIMIT 1", values, [&](const db::Row& row) -> Result<bool> {
        TRY(found, read(row));
        return false;
    }));
    if (found) TRY_VOID(add_cosignatures(connection, *found));
    return found;
}

Stamp read_stamp(const db::Row& row) {
    const auto token = row.blob(2);
    return {row.integer(0), std::string(row.text(1)), std::string(token.begin(), token.end()), row.time(3)};
}

constexpr std::string_view is_lasting =
    "(c.for_good = 1 OR EXISTS(SELECT 1 FROM log_cosignature s WHERE s.size = c.size) "
    "OR EXISTS(SELECT 1 FROM log_stamp s WHERE s.size = c.size))";
constexpr auto others_stay = std::chrono::hours(48);

}  // namespace

Result<std::optional<StoredCheckpoint>> newest_checkpoint(db::Connection& connection) {
    return first(connection, "ORDER BY c.size DESC");
}

Result<std::optional<StoredCheckpoint>> checkpoint_covering(db::Connection& connection, std::int64_t size,
                                                            bool lasting) {
    return first(connection,
                 "WHERE c.size >= ?" + (lasting ? " AND " + std::string(is_lasting) : "") + " ORDER BY c.size", {size});
}

Result<std::vector<StoredCheckpoint>> lasting_checkpoints(db::Connection& connection, std::int64_t from_size,
                                                          std::int64_t to_size) {
    std::vector<StoredCheckpoint> out;
    TRY_VOID(connection.each(
        std::string(columns) + "WHERE c.size >= ? AND c.size <= ? AND " + std::string(is_lasting) + " ORDER BY c.size",
        std::array<db::Value, 2>{from_size, to_size}, [&](const db::Row& row) -> Result<bool> {
            TRY(auto stored, read(row));
            out.push_back(std::move(stored));
            return true;
        }));
    for (auto& stored : out) TRY_VOID(add_cosignatures(connection, stored));
    return out;
}

Result<void> keep_checkpoint(Committer& committer, const Checkpoint& checkpoint, std::string_view note, Timestamp at) {
    return committer.write([&](WriteContext& context) -> Result<void> {
        const auto hour = [](Timestamp t) { return std::chrono::floor<std::chrono::hours>(t); };
        TRY(const auto last, context.db().one("SELECT signed_at FROM log_checkpoint ORDER BY size DESC LIMIT 1"));
        const bool first_of_hour = !last || hour(last->time(0)) != hour(at);
        TRY_VOID(context.db().execute(
            "INSERT INTO log_checkpoint(size, root, note, signed_at, for_good) VALUES(?, ?, ?, ?, ?) "
            "ON CONFLICT(size) DO NOTHING",
            {checkpoint.size, db::Blob(checkpoint.root.begin(), checkpoint.root.end()), std::string(note),
             to_micros(at), std::int64_t{first_of_hour}}));
        if (first_of_hour)
            TRY_VOID(context.db().execute(
                "DELETE FROM log_checkpoint AS c WHERE c.signed_at < ? AND NOT " + std::string(is_lasting),
                {to_micros(at - others_stay)}));
        return {};
    });
}

Result<void> keep_cosignature(Committer& committer, std::int64_t size, const VerifierKey& witness,
                              std::string_view line, Timestamp at) {
    std::string whole(line);
    if (!whole.ends_with('\n')) whole += '\n';
    return committer.write([&](WriteContext& context) -> Result<void> {
        TRY_VOID(
            context.db().execute("INSERT INTO log_cosignature(size, witness, line, cosigned_at) VALUES(?, ?, ?, ?) "
                                 "ON CONFLICT(size, witness) DO NOTHING",
                                 {size, to_string(witness), whole, to_micros(at)}));
        return {};
    });
}

Result<void> keep_stamp(Committer& committer, const Stamp& stamp) {
    return committer.write([&](WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "INSERT INTO log_stamp(size, tsa, token, stamped_at) VALUES(?, ?, ?, ?) "
            "ON CONFLICT(size, tsa) DO NOTHING",
            {stamp.size, stamp.tsa, db::Blob(stamp.token.begin(), stamp.token.end()), to_micros(stamp.at)}));
        return {};
    });
}

Result<std::optional<Stamp>> newest_stamp(db::Connection& connection, std::string_view tsa) {
    std::optional<Stamp> out;
    TRY_VOID(
        connection.each("SELECT size, tsa, token, stamped_at FROM log_stamp WHERE tsa = ? ORDER BY size DESC LIMIT 1",
                        std::array<db::Value, 1>{std::string(tsa)}, [&](const db::Row& row) -> Result<bool> {
                            out = read_stamp(row);
                            return false;
                        }));
    return out;
}

Result<std::vector<Stamp>> stamps_between(db::Connection& connection, std::int64_t from_size, std::int64_t to_size) {
    std::vector<Stamp> out;
    TRY_VOID(
        connection.each("SELECT size, tsa, token, stamped_at FROM log_stamp WHERE size >= ? AND size <= ? "
                        "ORDER BY size, tsa",
                        std::array<db::Value, 2>{from_size, to_size}, [&](const db::Row& row) -> Result<bool> {
                            out.push_back(read_stamp(row));
                            return true;
                        }));
    return out;
}

}  // namespace tilsyn::log
