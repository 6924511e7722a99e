#include "schedule/subject_rows.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace tilsyn::schedule {

Result<std::map<std::string, registers::Fields>> load_rows(db::Connection& connection,
                                                           const std::vector<Claim>& claims) {
    constexpr std::size_t chunk = 64;
    static const std::string sql = [] {
        // CROSS JOIN keeps SQLite from walking the whole register for each chunk.
        std::string text = "WITH wanted(register, id) AS (VALUES (?, ?)";
        for (std::size_t i = 1; i < chunk; ++i) text += ", (?, ?)";
        return text +
               ") SELECT r.register, r.id, r.body FROM wanted w CROSS JOIN register_row r WHERE r.register = "
               "w.register AND r.id = w.id";
    }();
    std::vector<std::string> subjects;
    for (const auto& claim : claims)
        if (claim.subject != company) subjects.push_back(claim.subject);
    std::map<std::string, registers::Fields> rows;
    for (std::size_t start = 0; start < subjects.size(); start += chunk) {
        std::vector<db::Value> params;
        for (std::size_t i = 0; i < chunk; ++i) {
            const auto& subject = subjects[std::min(start + i, subjects.size() - 1)];
            const auto slash = subject.find('/');
            params.emplace_back(subject.substr(0, slash));
            params.emplace_back(subject.substr(slash + 1));
        }
        TRY_VOID(connection.each(sql, params, [&](const db::Row& row) -> Result<bool> {
            auto& fields = rows[row.text(0) + "/" + row.text(1)];
            const auto body = nlohmann::json::parse(row.text(2), nullptr, false);
            if (body.is_object())
                for (const auto& [name, value] : body.items())
                    fields[name] = value.is_string() ? value.get<std::string>() : value.dump();
            fields["id"] = row.text(1);
            return true;
        }));
    }
    return rows;
}

Result<std::vector<Watched>> watched(db::Connection& connection, const Plan& plan) {
    std::vector<Watched> out;
    std::vector<Claim> pairs;
    for (const auto& control : plan.policy.controls) {
        if (!control.watched) continue;
        TRY_VOID(
            connection.each("SELECT subject, outcome, planned_at FROM subject_state WHERE control = ? ORDER BY subject",
                            std::array<db::Value, 1>{control.id}, [&](const db::Row& row) -> Result<bool> {
                                out.push_back({&control, {row.text(0), {}}, row.text(1), row.time(2)});
                                pairs.push_back({control.id, row.text(0), {}, 1});
                                return true;
                            }));
    }
    TRY(const auto rows, load_rows(connection, pairs));
    for (auto& pair : out)
        if (const auto row = rows.find(pair.subject.id); row != rows.end()) pair.subject.fields = row->second;
    return out;
}

Result<void> release_watched(log::WriteContext& context, const Plan& plan) {
    std::vector<std::vector<db::Value>> rows;
    const auto now = to_micros(context.now());
    for (const auto& control : plan.policy.controls)
        if (control.watched)
            rows.push_back({std::int64_t(State::waiting), now, now, control.id, std::int64_t(State::watched),
                            now - control.cadence.interval.count()});
    return context.db().execute_each(
        "UPDATE subject_state SET state = ?, planned_at = CASE WHEN planned_at > ? THEN ? ELSE planned_at END WHERE "
        "control = ? AND state = ? AND (observed_at IS NULL "
        "OR observed_at <= ?)",
        rows);
}

}  // namespace tilsyn::schedule
