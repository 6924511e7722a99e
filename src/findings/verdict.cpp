#include "findings/verdict.hpp"

#include <nlohmann/json.hpp>

namespace tilsyn::findings {
namespace {

// The verdict of one row of subject_state s at the moment bound to the two first parameters. "none": never observed.
// A missed run stands until the next outcome; a pass whose time has run out is stale.
constexpr std::string_view verdict_sql =
    "CASE WHEN s.outcome IS NULL THEN 'none' "
    "WHEN s.outcome <> 'pass' AND s.outcome <> 'not_applicable' AND EXISTS (SELECT 1 FROM exception e WHERE e.control "
    "= s.control "
    "AND (e.subject = s.subject OR e.subject = '*') AND e.revoked_at IS NULL AND e.until > ?) THEN 'accepted' "
    "WHEN s.outcome = 'pass' AND s.fresh_until < ? THEN 'stale' ELSE s.outcome END";

Message parse_why(const nlohmann::json& why) {
    Message message;
    message.key = why.value("key", "");
    if (why.contains("params"))
        for (const auto& [name, value] : why["params"].items())
            message.params.emplace_back(name, value.get<std::string>());
    return message;
}

}  // namespace

std::string_view to_string(Verdict verdict) {
    switch (verdict) {
        case Verdict::fail:
            return "fail";
        case Verdict::missed:
            return "missed";
        case Verdict::unknown:
            return "unknown";
        case Verdict::stale:
            return "stale";
        case Verdict::accepted:
            return "accepted";
        case Verdict::pass:
            return "pass";
        case Verdict::not_applicable:
            return "not_applicable";
    }
    return "unknown";
}

std::optional<Verdict> parse_verdict(std::string_view text) {
    for (const auto verdict : all_verdicts)
        if (to_string(verdict) == text) return verdict;
    return std::nullopt;
}

Result<std::vector<ControlVerdict>> verdicts(db::Connection& connection, const policy::Policy& policy, Timestamp now) {
    std::map<std::string, ControlVerdict, std::less<>> found;
    const std::string sql =
        "SELECT control, verdict, count(*), min(observed_at), max(observed_at), min(planned_at) FROM (SELECT "
        "s.control, " +
        std::string(verdict_sql) +
        " AS verdict, s.observed_at, s.planned_at FROM subject_state s) v GROUP BY control, verdict";
    TRY(const auto rows, connection.query(sql, {to_micros(now), to_micros(now)}));
    for (const auto& row : rows.rows) {
        auto& control = found[row.text(0)];
        const auto count = row.integer(2);
        control.population += count;
        if (const auto verdict = parse_verdict(row.text(1))) {
            control.counts[*verdict] += count;
        } else {
            control.counts[Verdict::unknown] += count;
            control.not_yet += count;
        }
        if (!row.null(3)) control.oldest = control.oldest ? std::min(*control.oldest, row.time(3)) : row.time(3);
        if (!row.null(4)) control.newest = control.newest ? std::max(*control.newest, row.time(4)) : row.time(4);
        if (!row.null(5)) control.next_due = control.next_due ? std::min(*control.next_due, row.time(5)) : row.time(5);
    }
    std::vector<ControlVerdict> result;
    result.reserve(policy.controls.size());
    for (const auto& control : policy.controls) {
        auto verdict = std::move(found[control.id]);
        verdict.control = control.id;
        if (verdict.population == 0)  // nothing to look at is never a pass
            verdict.verdict =
                control.when_empty == policy::WhenEmpty::not_applicable ? Verdict::not_applicable : Verdict::unknown;
        else
            verdict.verdict = verdict.counts.begin()->first;  // the map is in order of weight
        result.push_back(std::move(verdict));
    }
    return result;
}

Result<std::vector<SubjectVerdict>> subject_verdicts(db::Connection& connection, std::string_view control,
                                                     Timestamp now, std::optional<Verdict> only, std::int64_t limit) {
    // The rows are picked first and joined afterwards: a control may have a hundred thousand subjects.
    std::string sql =
        "SELECT v.subject, v.verdict, v.observed_at, v.planned_at, v.idx, p.value, f.id FROM (SELECT control, subject, "
        "verdict, observed_at, planned_at, idx, "
        "CASE verdict WHEN 'fail' THEN 0 WHEN 'missed' THEN 1 WHEN 'unknown' THEN 2 WHEN 'none' THEN 3 WHEN 'stale' "
        "THEN 4 WHEN 'accepted' THEN 5 "
        "WHEN 'pass' THEN 6 ELSE 7 END AS weight FROM (SELECT s.control, s.subject, " +
        std::string(verdict_sql) +
        " AS verdict, s.observed_at, s.planned_at, s.idx FROM subject_state s WHERE s.control = ?) w ";
    std::vector<db::Value> params{to_micros(now), to_micros(now), std::string(control)};
    if (only) {
        sql += *only == Verdict::unknown ? "WHERE verdict IN (?, 'none') " : "WHERE verdict = ? ";
        params.emplace_back(std::string(to_string(*only)));
    }
    sql +=
        "ORDER BY weight, subject LIMIT ?) v LEFT JOIN log_private p ON p.idx = v.idx AND p.field = 'detail' "
        "LEFT JOIN finding f ON f.control = v.control AND f.subject = v.subject AND f.closed_at IS NULL ORDER BY "
        "v.weight, v.subject";
    params.emplace_back(limit);
    std::vector<SubjectVerdict> result;
    TRY_VOID(connection.each(sql, params, [&](const db::Row& row) -> Result<bool> {
        SubjectVerdict subject;
        subject.subject = row.text(0);
        subject.verdict = parse_verdict(row.text(1)).value_or(Verdict::unknown);
        subject.observed = !row.null(2);
        subject.observed_at = row.time(2);
        subject.planned_at = row.time(3);
        subject.log_index = row.null(4) ? -1 : row.integer(4);
        subject.details = row.text(5);
        subject.finding = row.text(6);
        const auto json = nlohmann::json::parse(subject.details, nullptr, false);
        if (json.is_object() && json.contains("why")) subject.why = parse_why(json["why"]);
        result.push_back(std::move(subject));
        return true;
    }));
    return result;
}

}  // namespace tilsyn::findings
