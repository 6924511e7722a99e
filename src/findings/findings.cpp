#include "findings/findings.hpp"

#include <map>

#include "db/views.hpp"

namespace tilsyn::findings {
namespace {

constexpr db::Migration schema[] = {
    {"0300-findings", R"(
CREATE TABLE finding(id TEXT PRIMARY KEY, control TEXT NOT NULL, subject TEXT NOT NULL, severity TEXT NOT NULL, owner TEXT NOT NULL,
    opened_at {int} NOT NULL, due_at {int} NOT NULL, closed_at {int}, close_reason TEXT){strict};
CREATE UNIQUE INDEX finding_open ON finding(control, subject) WHERE closed_at IS NULL;
CREATE TABLE exception(id TEXT PRIMARY KEY, control TEXT NOT NULL, subject TEXT NOT NULL, reason TEXT NOT NULL, granted_by TEXT NOT NULL,
    granted_at {int} NOT NULL, until {int} NOT NULL, revoked_at {int}){strict};
CREATE INDEX exception_control ON exception(control);
)"},
};

// (control, subject) pairs looked up in one statement. Fixed, so that there is one statement to prepare.
constexpr std::size_t lookup_chunk = 64;

using Key = std::pair<std::string, std::string>;

Result<std::map<Key, std::string>> open_findings(db::Connection& connection, std::span<const Followed> outcomes) {
    static const std::string sql = [] {
        // CROSS JOIN keeps SQLite from walking every open finding for each chunk.
        std::string text = "WITH wanted(control, subject) AS (VALUES (?, ?)";
        for (std::size_t i = 1; i < lookup_chunk; ++i) text += ", (?, ?)";
        return text +
               ") SELECT f.control, f.subject, f.id FROM wanted w CROSS JOIN finding f WHERE f.control = w.control AND "
               "f.subject = w.subject AND f.closed_at IS NULL";
    }();
    std::map<Key, std::string> found;
    for (std::size_t start = 0; start < outcomes.size(); start += lookup_chunk) {
        std::vector<db::Value> params;
        for (std::size_t i = 0; i < lookup_chunk; ++i) {  // a short last chunk repeats its last pair
            const auto& followed = outcomes[std::min(start + i, outcomes.size() - 1)];
            params.emplace_back(followed.control->id);
            params.emplace_back(followed.subject);
        }
        TRY_VOID(connection.each(sql, params, [&](const db::Row& row) -> Result<bool> {
            found[{row.text(0), row.text(1)}] = row.text(2);
            return true;
        }));
    }
    return found;
}

log::Entry entry_for(std::string_view kind, const Followed& followed) {
    log::Entry entry(kind);
    entry.control(followed.control->id);
    if (followed.personal)
        entry.private_text("s", followed.subject);
    else
        entry.text("s", followed.subject);
    return entry;
}

Finding read(const db::Row& row) {
    Finding finding;
    finding.id = row.text(0);
    finding.control = row.text(1);
    finding.subject = row.text(2);
    finding.severity = policy::parse_severity(row.text(3)).value_or(policy::Severity::medium);
    finding.owner = row.text(4);
    finding.opened_at = row.time(5);
    finding.due_at = row.time(6);
    if (!row.null(7)) finding.closed_at = row.time(7);
    finding.close_reason = row.text(8);
    return finding;
}

Result<bool> any_open(db::Connection& connection) {
    TRY(const auto row, connection.one("SELECT 1 FROM finding WHERE closed_at IS NULL LIMIT 1"));
    return row.has_value();
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

Result<void> create_views(db::Connection& connection) {
    const auto moment = [&](std::string_view column) {
        return db::moment_as_text(connection.engine(), column) + " AS " + std::string(column);
    };
    TRY_VOID(db::replace_view(connection, "findings",
                              "SELECT id, control, subject, severity, owner, " + moment("opened_at") + ", " +
                                  moment("due_at") + ", " + moment("closed_at") + " FROM finding"));
    return db::replace_view(connection, "exceptions",
                            "SELECT id, control, subject, " + moment("granted_at") + ", " +
                                db::moment_as_text(connection.engine(), "until") + " AS valid_until, " +
                                moment("revoked_at") + " FROM exception");
}

Timestamp due_date(policy::Severity severity, const policy::Calendar& calendar, Timestamp opened) {
    int left = severity == policy::Severity::critical ? 1
               : severity == policy::Severity::high   ? 3
               : severity == policy::Severity::medium ? 5
                                                      : 20;
    auto local = calendar.zone().local(opened);
    std::chrono::sys_days day(local.date);
    while (left > 0) {
        day += std::chrono::days(1);
        if (calendar.working_day(Date(day))) --left;
    }
    return calendar.zone().utc_of({Date(day), std::chrono::hours(16)});
}

Result<void> follow(log::WriteContext& context, const policy::Calendar& calendar, std::span<const Followed> outcomes) {
    using checks::Outcome;
    std::vector<Followed> relevant;
    bool opens = false;
    for (const auto& followed : outcomes) {
        const bool bad = followed.outcome == Outcome::fail || followed.outcome == Outcome::missed;
        const bool good = followed.outcome == Outcome::pass || followed.outcome == Outcome::not_applicable;
        opens = opens || bad;
        if (bad || good) relevant.push_back(followed);  // unknown and stale change nothing: nothing new is known
    }
    if (relevant.empty()) return {};
    if (!opens) {
        TRY(const bool any, any_open(context.db()));
        if (!any) return {};
    }
    TRY(auto open, open_findings(context.db(), relevant));
    for (const auto& followed : relevant) {
        const Key key{followed.control->id, followed.subject};
        const auto found = open.find(key);
        const bool bad = followed.outcome == Outcome::fail || followed.outcome == Outcome::missed;
        if (bad && found == open.end()) {
            const auto due = due_date(followed.control->severity, calendar, context.now());
            const auto index = context.append(
                entry_for("finding.open", followed).time("due", due).text("owner", followed.control->owner));
            const std::string id = "F" + std::to_string(index);
            TRY_VOID(context.db().execute(
                "INSERT INTO finding(id, control, subject, severity, owner, opened_at, due_at) VALUES(?, ?, ?, ?, ?, "
                "?, ?)",
                {id, followed.control->id, followed.subject, std::string(to_string(followed.control->severity)),
                 followed.control->owner, to_micros(context.now()), to_micros(due)}));
            open[key] = id;
        } else if (!bad && found != open.end()) {
            const std::string reason(checks::to_string(followed.outcome));
            context.append(entry_for("finding.close", followed).text("finding", found->second).text("reason", reason));
            TRY_VOID(context.db().execute("UPDATE finding SET closed_at = ?, close_reason = ? WHERE id = ?",
                                          {to_micros(context.now()), reason, found->second}));
            open.erase(found);
        }
    }
    return {};
}

Result<void> retire(log::WriteContext& context, std::string_view control, std::optional<std::string_view> subject) {
    std::vector<std::string> ids;
    const std::string sql = "SELECT id FROM finding WHERE closed_at IS NULL AND control = ?" +
                            std::string(subject ? " AND subject = ?" : "");
    std::vector<db::Value> params{std::string(control)};
    if (subject) params.emplace_back(std::string(*subject));
    TRY_VOID(context.db().each(sql, params, [&](const db::Row& row) -> Result<bool> {
        ids.push_back(row.text(0));
        return true;
    }));
    for (const auto& id : ids) {
        context.append(log::Entry("finding.close").control(control).text("finding", id).text("reason", "retired"));
        TRY_VOID(context.db().execute("UPDATE finding SET closed_at = ?, close_reason = 'retired' WHERE id = ?",
                                      {to_micros(context.now()), id}));
    }
    return {};
}

Result<Exception> grant(log::Committer& committer, const policy::Policy& policy, std::string_view control,
                        std::string_view subject, std::string_view reason, Timestamp until, std::string_view by) {
    if (policy.control(control) == nullptr)
        return fail(Code::not_found, "findings.no-control", {{"control", std::string(control)}});
    if (reason.empty()) return fail(Code::invalid, "findings.reason-needed");
    Exception exception{.id = {},
                        .control = std::string(control),
                        .subject = std::string(subject),
                        .reason = std::string(reason),
                        .granted_by = std::string(by),
                        .granted_at = {},
                        .until = until,
                        .revoked_at = std::nullopt};
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        if (until <= context.now())
            return fail(Code::invalid, "findings.until-past", {{"until", format_utc_seconds(until)}});
        if (subject != "*") {
            TRY(const auto known, context.db().one("SELECT 1 FROM subject_state WHERE control = ? AND subject = ?",
                                                   {exception.control, exception.subject}));
            if (!known)
                return fail(Code::not_found, "findings.no-subject",
                            {{"control", exception.control}, {"subject", exception.subject}});
        }
        const auto index = context.append(log::Entry("exception.grant")
                                              .control(control)
                                              .time("until", until)
                                              .private_text("s", subject)
                                              .private_text("reason", reason)
                                              .private_text("by", by));
        exception.id = "E" + std::to_string(index);
        exception.granted_at = context.now();
        TRY_VOID(
            context.db().execute("INSERT INTO exception(id, control, subject, reason, granted_by, granted_at, until) "
                                 "VALUES(?, ?, ?, ?, ?, ?, ?)",
                                 {exception.id, exception.control, exception.subject, exception.reason,
                                  exception.granted_by, to_micros(context.now()), to_micros(until)}));
        std::vector<std::string> closed;
        TRY_VOID(context.db().each(
            "SELECT id FROM finding WHERE closed_at IS NULL AND control = ? AND (subject = ? OR ? = '*')",
            std::array<db::Value, 3>{exception.control, exception.subject, exception.subject},
            [&](const db::Row& row) -> Result<bool> {
                closed.push_back(row.text(0));
                return true;
            }));
        for (const auto& id : closed) {
            context.append(log::Entry("finding.close")
                               .control(control)
                               .text("finding", id)
                               .text("reason", "exception")
                               .text("exception", exception.id));
            TRY_VOID(context.db().execute("UPDATE finding SET closed_at = ?, close_reason = 'exception' WHERE id = ?",
                                          {to_micros(context.now()), id}));
        }
        return {};
    }));
    return exception;
}

Result<void> revoke(log::Committer& committer, std::string_view id, std::string_view by) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY(const auto row,
            context.db().one("SELECT control FROM exception WHERE id = ? AND revoked_at IS NULL", {std::string(id)}));
        if (!row) return fail(Code::not_found, "findings.no-exception", {{"id", std::string(id)}});
        context.append(
            log::Entry("exception.revoke").control(row->text(0)).text("exception", id).private_text("by", by));
        TRY_VOID(context.db().execute("UPDATE exception SET revoked_at = ? WHERE id = ?",
                                      {to_micros(context.now()), std::string(id)}));
        return {};
    });
}

Result<std::vector<Finding>> select(db::Connection& connection, std::string_view clause,
                                    std::initializer_list<db::Value> params, std::int64_t limit) {
    TRY(const auto rows,
        connection.query("SELECT f.id, f.control, f.subject, f.severity, f.owner, f.opened_at, f.due_at, "
                         "f.closed_at, f.close_reason FROM finding f " +
                             std::string(clause) + " ORDER BY f.opened_at, f.id LIMIT " + std::to_string(limit),
                         params));
    std::vector<Finding> out;
    for (const auto& row : rows.rows) out.push_back(read(row));
    return out;
}

Result<std::vector<Finding>> list(db::Connection& connection, Which which, std::int64_t limit) {
    std::string sql =
        "SELECT id, control, subject, severity, owner, opened_at, due_at, closed_at, close_reason FROM finding ";
    if (which == Which::open)
        sql += "WHERE closed_at IS NULL ORDER BY due_at, id LIMIT ?";
    else if (which == Which::closed)
        sql += "WHERE closed_at IS NOT NULL ORDER BY closed_at DESC, id LIMIT ?";
    else
        sql += "ORDER BY opened_at DESC, id LIMIT ?";
    std::vector<Finding> result;
    TRY_VOID(connection.each(sql, std::array<db::Value, 1>{limit}, [&](const db::Row& row) -> Result<bool> {
        result.push_back(read(row));
        return true;
    }));
    return result;
}

Result<std::vector<Exception>> exceptions(db::Connection& connection, Timestamp now, bool active_only) {
    std::string sql = "SELECT id, control, subject, reason, granted_by, granted_at, until, revoked_at FROM exception ";
    std::vector<db::Value> params;
    if (active_only) {
        sql += "WHERE revoked_at IS NULL AND until > ? ";
        params.emplace_back(to_micros(now));
    }
    sql += "ORDER BY until, id";
    std::vector<Exception> result;
    TRY_VOID(connection.each(sql, params, [&](const db::Row& row) -> Result<bool> {
        Exception e{row.text(0), row.text(1), row.text(2), row.text(3),
                    row.text(4), row.time(5), row.time(6), std::nullopt};
        if (!row.null(7)) e.revoked_at = row.time(7);
        result.push_back(std::move(e));
        return true;
    }));
    return result;
}

}  // namespace tilsyn::findings
