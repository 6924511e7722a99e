#include "monitor/store.hpp"

#include <algorithm>
#include <array>

#include "crypto/hash.hpp"
#include "db/views.hpp"
#include "monitor/varint.hpp"

namespace tilsyn::monitor {
namespace {

constexpr db::Migration schema[] = {
    {"0700-monitor", R"(
CREATE TABLE monitor_lease(id {int} PRIMARY KEY, node TEXT NOT NULL){strict};
INSERT INTO monitor_lease(id, node) VALUES(1, '');
CREATE TABLE monitor_target(id {int} PRIMARY KEY, control TEXT NOT NULL, subject TEXT NOT NULL,
    since {int} NOT NULL, UNIQUE(control, subject)){strict};
CREATE TABLE monitor_tail(id {int} NOT NULL, hour {int} NOT NULL, data {blob} NOT NULL, PRIMARY KEY(hour, id)){norowid};
CREATE TABLE monitor_chunk(target {int} NOT NULL, hour {int} NOT NULL, count {int} NOT NULL, data {blob} NOT NULL,
    sha256 TEXT NOT NULL, PRIMARY KEY(target, hour)){norowid};
CREATE TABLE monitor_hour(target {int} NOT NULL, hour {int} NOT NULL, up {int} NOT NULL, down {int} NOT NULL,
    unmeasured {int} NOT NULL, last_at {int} NOT NULL, last_seen {int} NOT NULL, sketch {blob} NOT NULL, PRIMARY KEY(target, hour)){norowid};
CREATE TABLE monitor_day(target {int} NOT NULL, day {int} NOT NULL, up {int} NOT NULL, down {int} NOT NULL,
    unmeasured {int} NOT NULL, sketch {blob} NOT NULL, PRIMARY KEY(target, day)){norowid};
CREATE TABLE monitor_span(target {int} NOT NULL, from_lo {int} NOT NULL, state {int} NOT NULL, from_hi {int} NOT NULL,
    to_lo {int} NOT NULL, to_hi {int} NOT NULL, open {int} NOT NULL, PRIMARY KEY(target, from_lo, state)){norowid};
CREATE INDEX monitor_span_open ON monitor_span(target) WHERE open = 1;
)"},
};

db::Blob blob(std::string_view bytes) {
    return {bytes.begin(), bytes.end()};
}

struct Counts {
    std::array<std::int64_t, 3> seen{};  // by Seen
    Sketch sketch;                       // of what was up
};

Counts counts_of(std::span<const Sample> samples) {
    Counts counts;
    for (const auto& sample : samples) {
        ++counts.seen[std::size_t(sample.seen)];
        if (sample.seen == Seen::up) counts.sketch.add(std::uint64_t(sample.tens_of_micros) * 10);
    }
    return counts;
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

Result<bool> take_lease(db::Connection& connection, const std::string& node) {
    TRY(const auto changed,
        connection.execute("UPDATE monitor_lease SET node = ? WHERE id = 1 AND (node = ? OR node NOT IN (SELECT node "
                           "FROM schedule_node))",
                           {node, node}));
    return changed > 0;
}

Result<bool> holds_lease(db::Connection& connection, const std::string& node) {
    TRY(const auto row, connection.one("SELECT node FROM monitor_lease WHERE id = 1"));
    return row && row->text(0) == node;
}

Result<std::vector<TargetId>> target_ids(db::Connection& connection,
                                         std::span<const std::pair<std::string, std::string>> pairs,
                                         std::span<const std::int64_t> since_ms) {
    std::map<std::pair<std::string, std::string>, TargetId> known;
    TargetId next = 1;
    TRY_VOID(
        connection.each("SELECT id, control, subject FROM monitor_target", {}, [&](const db::Row& row) -> Result<bool> {
            known[{row.text(1), row.text(2)}] = row.integer(0);
            next = std::max(next, row.integer(0) + 1);
            return true;
        }));
    std::vector<TargetId> ids;
    std::vector<std::vector<db::Value>> added;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& pair = pairs[i];
        const auto [place, fresh] = known.try_emplace(pair, next);
        if (fresh) added.push_back({next++, pair.first, pair.second, since_ms[i]});
        ids.push_back(place->second);
    }
    TRY_VOID(
        connection.execute_each("INSERT INTO monitor_target(id, control, subject, since) VALUES(?, ?, ?, ?)", added));
    return ids;
}

Result<void> write_results(db::Connection& connection, std::int64_t id, std::span<const SampleOf> samples,
                           std::span<const SpanOf> spans) {
    std::map<std::int64_t, std::string> by_hour;
    for (const auto& [target, sample] : samples) {
        auto& out = by_hour[hour_of(sample.at)];
        put_varint(out, std::uint64_t(target));
        put_varint(out, zigzag(sample.at));
        put_varint(out, packed(sample));
    }
    std::vector<std::vector<db::Value>> tail, rows;
    for (const auto& [hour, bytes] : by_hour) tail.push_back({id, hour, blob(bytes)});
    for (const auto& [target, span] : spans)
        rows.push_back({target, span.from_lo, std::int64_t(span.state), span.from_hi, span.to_lo, span.to_hi,
                        std::int64_t(span.open)});
    TRY_VOID(connection.execute_each(
        "INSERT INTO monitor_tail(id, hour, data) VALUES(?, ?, ?) ON CONFLICT(hour, id) DO NOTHING", tail));
    return connection.execute_each(
        "INSERT INTO monitor_span(target, from_lo, state, from_hi, to_lo, to_hi, open) VALUES(?, ?, ?, ?, ?, ?, ?) ON "
        "CONFLICT(target, from_lo, state) DO UPDATE SET from_hi = excluded.from_hi, to_lo = excluded.to_lo, to_hi = "
        "excluded.to_hi, open = excluded.open",
        rows);
}

Result<std::vector<std::string>> write_hours(db::Connection& connection, std::span<const HourOf> hours) {
    std::vector<std::string> hashes;
    std::vector<std::vector<db::Value>> chunks, rows;
    for (const auto& hour : hours) {
        TRY(const auto samples, read_samples(hour.samples));
        if (samples.empty()) {
            hashes.emplace_back();
            continue;
        }
        hashes.push_back(crypto::hex(crypto::sha256(hour.samples)));
        const auto counts = counts_of(samples);
        chunks.push_back({hour.target, hour.hour, std::int64_t(samples.size()), blob(hour.samples), hashes.back()});
        rows.push_back({hour.target, hour.hour, counts.seen[0], counts.seen[1], counts.seen[2], samples.back().at,
                        std::int64_t(samples.back().seen), blob(counts.sketch.encode())});
    }
    TRY_VOID(connection.execute_each(
        "INSERT INTO monitor_chunk(target, hour, count, data, sha256) VALUES(?, ?, ?, ?, ?) ON CONFLICT(target, hour) "
        "DO UPDATE SET count = excluded.count, data = excluded.data, sha256 = excluded.sha256",
        chunks));
    TRY_VOID(connection.execute_each(
        "INSERT INTO monitor_hour(target, hour, up, down, unmeasured, last_at, last_seen, sketch) VALUES(?, ?, ?, ?, "
        "?, ?, ?, ?) ON CONFLICT(target, hour) DO UPDATE SET up = excluded.up, down = excluded.down, unmeasured = "
        "excluded.unmeasured, last_at = excluded.last_at, last_seen = excluded.last_seen, sketch = excluded.sketch",
        rows));
    return hashes;
}

Result<void> forget_tail(db::Connection& connection, std::int64_t up_to_hour) {
    auto done = connection.execute("DELETE FROM monitor_tail WHERE hour <= ?", {up_to_hour});
    return done ? Result<void>() : std::unexpected(std::move(done).error());
}

Result<void> write_day(db::Connection& connection, std::span<const TargetId> targets, std::int64_t day,
                       std::int64_t from_hour, std::int64_t to_hour) {
    std::vector<std::vector<db::Value>> rows;
    for (const auto target : targets) {
        Counts counts;
        TRY_VOID(connection.each(
            "SELECT up, down, unmeasured, sketch FROM monitor_hour WHERE target = ? AND hour >= ? AND hour < ?",
            std::array<db::Value, 3>{target, from_hour, to_hour}, [&](const db::Row& row) -> Result<bool> {
                for (std::size_t i = 0; i < 3; ++i) counts.seen[i] += row.integer(i);
                TRY(const auto sketch, Sketch::decode(bytes_of(row.blob(3))));
                counts.sketch.merge(sketch);
                return true;
            }));
        if (counts.seen[0] + counts.seen[1] + counts.seen[2] == 0) continue;
        rows.push_back({target, day, counts.seen[0], counts.seen[1], counts.seen[2], blob(counts.sketch.encode())});
    }
    return connection.execute_each(
        "INSERT INTO monitor_day(target, day, up, down, unmeasured, sketch) VALUES(?, ?, ?, ?, ?, ?) ON "
        "CONFLICT(target, day) DO UPDATE SET up = excluded.up, down = excluded.down, unmeasured = "
        "excluded.unmeasured, sketch = excluded.sketch",
        rows);
}

Result<void> drop_old(db::Connection& connection, std::span<const TargetId> targets, const Retention& retention,
                      std::int64_t this_hour) {
    std::vector<std::vector<db::Value>> samples, hours;  // by target: the key of the tables begins with it
    for (const auto target : targets) {
        samples.push_back({target, this_hour - retention.samples * 24});
        hours.push_back({target, this_hour - retention.hours * 24});
    }
    TRY_VOID(connection.execute_each("DELETE FROM monitor_chunk WHERE target = ? AND hour < ?", samples));
    return connection.execute_each("DELETE FROM monitor_hour WHERE target = ? AND hour < ?", hours);
}

Result<Recovered> recover(db::Connection& connection) {
    Recovered out;
    TRY_VOID(connection.each(
        "SELECT t.id, h.last_at, h.last_seen FROM monitor_target t JOIN monitor_hour h ON h.target = t.id AND h.hour = "
        "(SELECT MAX(hour) FROM monitor_hour WHERE target = t.id)",
        {}, [&](const db::Row& row) -> Result<bool> {
            out.last[row.integer(0)] = {row.integer(1), Seen(row.integer(2)), 0};
            return true;
        }));
    TRY_VOID(connection.each(
        "SELECT id, hour, data FROM monitor_tail ORDER BY hour, id", {}, [&](const db::Row& row) -> Result<bool> {
            out.next_id = std::max(out.next_id, row.integer(0) + 1);
            const auto bytes = row.blob(2);
            for (auto rest = bytes_of(bytes); !rest.empty();) {
                const auto target = take_varint(rest), at = take_varint(rest), value = take_varint(rest);
                Sample sample;
                if (!target || !at || !value || !unpack(*value, sample))
                    return fail(Code::corrupt, "monitor.tail-damaged").hint("monitor.damaged-hint");
                sample.at = unzigzag(*at);
                out.last[TargetId(*target)] = sample;
                out.hours[{TargetId(*target), row.integer(1)}].add(sample);
            }
            return true;
        }));
    TRY_VOID(connection.each("SELECT target, from_lo, state, from_hi, to_lo, to_hi FROM monitor_span WHERE open = 1",
                             {}, [&](const db::Row& row) -> Result<bool> {
                                 const auto target = row.integer(0);
                                 Span span{Seen(row.integer(2)), row.integer(1), row.integer(3),
                                           row.integer(4),       row.integer(5), true};
                                 // It went on until the newest result, though that was not written down each time.
                                 if (const auto last = out.last.find(target); last != out.last.end())
                                     span.to_lo = span.to_hi = std::max(span.to_hi, last->second.at);
                                 out.open[target] = span;
                                 return true;
                             }));
    return out;
}

Result<void> create_views(db::Connection& connection) {
    const auto moment = [&](const std::string& column, std::string_view name) {
        return db::moment_as_text(connection.engine(), "(" + column + " * 1000)") + " AS " + std::string(name);
    };
    TRY_VOID(db::replace_view(connection, "watched",
                              "SELECT control, subject, " + moment("since", "since") + " FROM monitor_target"));
    return db::replace_view(
        connection, "watched_spans",
        "SELECT t.control, t.subject, CASE WHEN s.state = 1 THEN 'down' ELSE 'unmeasured' END AS state, " +
            moment("s.from_lo", "began_after") + ", " + moment("s.from_hi", "began_by") + ", " +
            moment("s.to_lo", "ended_after") + ", " + moment("s.to_hi", "ended_by") +
            ", s.open AS is_open, (s.to_lo - s.from_hi) / 1000 AS seconds_at_least, (s.to_hi - s.from_lo) / 1000 AS "
            "seconds_at_most FROM monitor_span s JOIN monitor_target t ON t.id = s.target");
}

}  // namespace tilsyn::monitor
