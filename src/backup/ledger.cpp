#include "backup/ledger.hpp"

#include <array>

#include "backup/details.hpp"

namespace tilsyn::backup {
namespace {

constexpr db::Migration schema[] = {
    {"0150-backup", R"(
CREATE TABLE backup_set(id TEXT PRIMARY KEY, plan TEXT NOT NULL, data_set TEXT NOT NULL, repository TEXT NOT NULL, state TEXT NOT NULL,
    started_at {int} NOT NULL, ended_at {int}, engine_set TEXT NOT NULL, manifest TEXT NOT NULL, files {int} NOT NULL, bytes {int} NOT NULL,
    added {int} NOT NULL, details TEXT NOT NULL, forgotten_at {int}, lost_at {int}, machine TEXT NOT NULL){strict};
CREATE INDEX backup_set_plan ON backup_set(plan, started_at);
CREATE TABLE backup_drill(id TEXT PRIMARY KEY, set_id TEXT NOT NULL, plan TEXT NOT NULL, data_set TEXT NOT NULL, repository TEXT NOT NULL,
    extent TEXT NOT NULL, started_at {int} NOT NULL, ended_at {int}, outcome TEXT NOT NULL, files {int} NOT NULL, bytes {int} NOT NULL,
    faults {int} NOT NULL, lost {int} NOT NULL, took_ms {int} NOT NULL, details TEXT NOT NULL, machine TEXT NOT NULL){strict};
CREATE INDEX backup_drill_plan ON backup_drill(plan, started_at);
CREATE TABLE backup_check(id TEXT PRIMARY KEY, repository TEXT NOT NULL, at {int} NOT NULL, outcome TEXT NOT NULL, part {int} NOT NULL,
    parts {int} NOT NULL, stale_locks {int} NOT NULL, details TEXT NOT NULL){strict};
CREATE INDEX backup_check_repository ON backup_check(repository, at);
)"},
};

constexpr std::array<std::string_view, 4> states{"running", "made", "partial", "failed"};
constexpr std::string_view set_columns =
    "id, plan, data_set, repository, state, started_at, ended_at, engine_set, manifest, files, bytes, added, details, "
    "forgotten_at, lost_at, machine";
constexpr std::string_view drill_columns =
    "id, set_id, plan, data_set, repository, extent, started_at, ended_at, outcome, files, bytes, faults, lost, "
    "took_ms, "
    "details, machine";

std::optional<Timestamp> moment(const db::Row& row, std::size_t i) {
    return row.null(i) ? std::nullopt : std::optional(row.time(i));
}

Set set_of(const db::Row& row) {
    Set set{.id = row.text(0), .plan = row.text(1), .data_set = row.text(2), .repository = row.text(3)};
    for (std::size_t i = 0; i < states.size(); ++i)
        if (states[i] == row.text(4)) set.state = SetState(i);
    set.started = row.time(5);
    set.ended = moment(row, 6);
    set.engine_set = row.text(7);
    set.manifest = row.text(8);
    set.files = row.integer(9);
    set.bytes = row.integer(10);
    set.added = row.integer(11);
    set.details = row.text(12);
    set.forgotten = moment(row, 13);
    set.lost = moment(row, 14);
    set.machine = row.text(15);
    return set;
}

Drill drill_of(const db::Row& row) {
    Drill drill{.id = row.text(0),
                .set = row.text(1),
                .plan = row.text(2),
                .data_set = row.text(3),
                .repository = row.text(4),
                .extent = row.text(5) == "full" ? Extent::full : Extent::sample};
    drill.started = row.time(6);
    drill.ended = moment(row, 7);
    drill.outcome = row.text(8);
    drill.files = row.integer(9);
    drill.bytes = row.integer(10);
    drill.faults = row.integer(11);
    drill.lost = row.integer(12);
    drill.took_ms = row.integer(13);
    drill.details = row.text(14);
    drill.machine = row.text(15);
    return drill;
}

Result<void> mark(log::Committer& committer, const std::vector<std::string>& sets, const std::string& column,
                  log::Entry (*entry)()) {
    if (sets.empty()) return {};
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        for (const auto& id : sets) {
            TRY_VOID(context.db().execute("UPDATE backup_set SET " + column + " = ? WHERE id = ?",
                                          {to_micros(context.now()), id}));
            context.append(entry().text("set", id));
        }
        return {};
    });
}

Result<void> write_end(log::WriteContext& context, const Set& set) {
    TRY_VOID(
        context.db().execute("UPDATE backup_set SET state = ?, ended_at = ?, engine_set = ?, manifest = ?, files = "
                             "?, bytes = ?, added = ?, details = ? WHERE id = ?",
                             {std::string(to_string(set.state)), to_micros(context.now()), set.engine_set, set.manifest,
                              set.files, set.bytes, set.added, set.details, set.id}));
    log::Entry entry("backup.set");
    entry.text("set", set.id).text("plan", set.plan).text("data_set", set.data_set).text("repository", set.repository);
    entry.text("state", to_string(set.state)).time("started", set.started);
    if (!set.engine_set.empty()) entry.text("engine_set", set.engine_set);
    if (!set.manifest.empty()) entry.text("manifest", set.manifest);
    entry.integer("files", set.files).integer("bytes", set.bytes);
    context.append(std::move(entry));
    return {};
}

Result<void> write_end(log::WriteContext& context, const Drill& drill) {
    TRY_VOID(
        context.db().execute("UPDATE backup_drill SET outcome = ?, ended_at = ?, files = ?, bytes = ?, faults = ?, "
                             "lost = ?, took_ms = ?, details = ? WHERE id = ?",
                             {drill.outcome, to_micros(context.now()), drill.files, drill.bytes, drill.faults,
                              drill.lost, drill.took_ms, drill.details, drill.id}));
    log::Entry entry("backup.drill");
    entry.text("drill", drill.id)
        .text("set", drill.set)
        .text("plan", drill.plan)
        .text("extent", to_string(drill.extent));
    entry.text("outcome", drill.outcome).time("started", drill.started).integer("files", drill.files);
    entry.integer("bytes", drill.bytes).integer("faults", drill.faults).integer("lost", drill.lost);
    entry.integer("took_ms", drill.took_ms);
    context.append(std::move(entry));
    return {};
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

std::string_view to_string(SetState state) {
    return states[std::size_t(state)];
}
std::string_view to_string(Extent extent) {
    return extent == Extent::full ? "full" : "sample";
}

Result<void> begin_set(log::Committer& committer, const Set& set) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "INSERT INTO backup_set(id, plan, data_set, repository, state, started_at, engine_set, manifest, files, "
            "bytes, "
            "added, details, machine) VALUES(?, ?, ?, ?, 'running', ?, '', '', 0, 0, 0, '{}', ?)",
            {set.id, set.plan, set.data_set, set.repository, to_micros(set.started), set.machine}));
        return {};
    });
}

Result<void> end_set(log::Committer& committer, const Set& set) {
    return committer.write([&](log::WriteContext& context) { return write_end(context, set); });
}

Result<void> begin_drill(log::Committer& committer, const Drill& drill) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "INSERT INTO backup_drill(id, set_id, plan, data_set, repository, extent, started_at, outcome, files, "
            "bytes, "
            "faults, lost, took_ms, details, machine) VALUES(?, ?, ?, ?, ?, ?, ?, 'running', 0, 0, 0, 0, 0, '{}', ?)",
            {drill.id, drill.set, drill.plan, drill.data_set, drill.repository, std::string(to_string(drill.extent)),
             to_micros(drill.started), drill.machine}));
        return {};
    });
}

Result<void> end_drill(log::Committer& committer, const Drill& drill) {
    return committer.write([&](log::WriteContext& context) { return write_end(context, drill); });
}

Result<void> mark_forgotten(log::Committer& committer, const std::vector<std::string>& sets) {
    return mark(committer, sets, "forgotten_at", [] { return log::Entry("backup.forgotten"); });
}
Result<void> mark_lost(log::Committer& committer, const std::vector<std::string>& sets) {
    return mark(committer, sets, "lost_at", [] { return log::Entry("backup.lost"); });
}

Result<void> record_check(log::Committer& committer, const Check& check) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "INSERT INTO backup_check(id, repository, at, outcome, part, parts, stale_locks, "
            "details) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            {check.id, check.repository, to_micros(check.at), check.outcome, std::int64_t(check.part),
             std::int64_t(check.parts), std::int64_t(check.stale_locks), check.details}));
        log::Entry entry("backup.check");
        entry.text("repository", check.repository).text("outcome", check.outcome).time("started", check.at);
        context.append(entry.integer("part", check.part).integer("parts", check.parts));
        return {};
    });
}

Result<std::vector<Check>> checks_of(db::Connection& reader, std::string_view repository, int limit) {
    TRY(const auto rows, reader.query("SELECT id, repository, at, outcome, part, parts, stale_locks, details FROM "
                                      "backup_check WHERE repository = ? ORDER BY at DESC, id DESC LIMIT ?",
                                      {std::string(repository), std::int64_t(limit)}));
    std::vector<Check> out;
    for (const auto& row : rows.rows)
        out.push_back({row.text(0), row.text(1), row.time(2), row.text(3), int(row.integer(4)), int(row.integer(5)),
                       int(row.integer(6)), row.text(7)});
    return out;
}

Result<int> end_cut_off(log::Committer& committer, db::Connection& reader, const std::string& machine) {
    TRY(const auto sets,
        reader.query("SELECT " + std::string(set_columns) + " FROM backup_set WHERE state = 'running' AND machine = ?",
                     {machine}));
    TRY(const auto drills, reader.query("SELECT " + std::string(drill_columns) +
                                            " FROM backup_drill WHERE outcome = 'running' AND machine = ?",
                                        {machine}));
    if (sets.rows.empty() && drills.rows.empty()) return 0;
    Details cut_off;
    cut_off.why(msg("backup.cut-off"));
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        for (const auto& row : sets.rows) {
            auto set = set_of(row);
            set.state = SetState::failed;
            set.details = cut_off.text();
            TRY_VOID(write_end(context, set));
        }
        for (const auto& row : drills.rows) {
            auto drill = drill_of(row);
            drill.outcome = "unknown";
            drill.details = cut_off.text();
            TRY_VOID(write_end(context, drill));
        }
        return {};
    }));
    return int(sets.rows.size() + drills.rows.size());
}

Result<std::vector<Set>> sets_of(db::Connection& reader, std::string_view plan, int limit) {
    TRY(const auto rows, reader.query("SELECT " + std::string(set_columns) +
                                          " FROM backup_set WHERE plan = ? ORDER BY started_at DESC, id DESC LIMIT ?",
                                      {std::string(plan), std::int64_t(limit)}));
    std::vector<Set> out;
    for (const auto& row : rows.rows) out.push_back(set_of(row));
    return out;
}

Result<std::optional<Set>> find_set(db::Connection& reader, std::string_view id) {
    TRY(const auto row,
        reader.one("SELECT " + std::string(set_columns) + " FROM backup_set WHERE id = ?", {std::string(id)}));
    return row ? std::optional(set_of(*row)) : std::nullopt;
}

Result<bool> ever_held(db::Connection& reader, std::string_view repository) {
    TRY(const auto row, reader.one("SELECT 1 FROM backup_set WHERE repository = ? AND engine_set <> '' LIMIT 1",
                                   {std::string(repository)}));
    return row.has_value();
}

Result<std::optional<Drill>> find_drill(db::Connection& reader, std::string_view id) {
    TRY(const auto row,
        reader.one("SELECT " + std::string(drill_columns) + " FROM backup_drill WHERE id = ?", {std::string(id)}));
    return row ? std::optional(drill_of(*row)) : std::nullopt;
}

Result<std::vector<Drill>> drills_of(db::Connection& reader, std::string_view plan, int limit) {
    TRY(const auto rows, reader.query("SELECT " + std::string(drill_columns) +
                                          " FROM backup_drill WHERE plan = ? ORDER BY started_at DESC, id DESC LIMIT ?",
                                      {std::string(plan), std::int64_t(limit)}));
    std::vector<Drill> out;
    for (const auto& row : rows.rows) out.push_back(drill_of(row));
    return out;
}

}  // namespace tilsyn::backup
