#include "app/backup_view.hpp"

#include <nlohmann/json.hpp>

namespace tilsyn::app {
namespace {

using nlohmann::json;

json moment(const std::optional<Timestamp>& t) {
    return t ? json(format_utc_seconds(*t)) : json(nullptr);
}

json reasons(const std::string& details) {
    return {{"da", backup::reasons(details, Lang::da)}, {"en", backup::reasons(details, Lang::en)}};
}

std::string name_of(const registers::Fields& fields, const std::string& otherwise) {
    const auto found = fields.find("name");
    return found == fields.end() || found->second.empty() ? otherwise : found->second;
}

std::string_view word(backup::Step step) {
    switch (step) {
        case backup::Step::reading:
            return "reading";
        case backup::Step::storing:
            return "storing";
        case backup::Step::looking_again:
            return "looking_again";
        case backup::Step::restoring:
            return "restoring";
        case backup::Step::comparing:
            return "comparing";
    }
    return "reading";
}

}  // namespace

json set_json(const backup::Set& set) {
    return {{"id", set.id},
            {"plan", set.plan},
            {"data_set", set.data_set},
            {"repository", set.repository},
            {"state", to_string(set.state)},
            {"started_at", moment(set.started)},
            {"ended_at", moment(set.ended)},
            {"engine_set", set.engine_set},
            {"manifest", set.manifest},
            {"files", set.files},
            {"bytes", set.bytes},
            {"added", set.added},
            {"forgotten_at", moment(set.forgotten)},
            {"lost_at", moment(set.lost)},
            {"reasons", reasons(set.details)}};
}

json drill_json(const backup::Drill& drill) {
    return {{"id", drill.id},
            {"set", drill.set},
            {"plan", drill.plan},
            {"data_set", drill.data_set},
            {"extent", to_string(drill.extent)},
            {"started_at", moment(drill.started)},
            {"ended_at", moment(drill.ended)},
            {"outcome", drill.outcome},
            {"files", drill.files},
            {"bytes", drill.bytes},
            {"faults", drill.faults},
            {"lost", drill.lost},
            {"took_ms", drill.took_ms},
            {"reasons", reasons(drill.details)}};
}

json running_json(const RunningJob& job) {
    const auto& p = job.progress;
    const double rate = job.in_step > 0.5 ? double(p.bytes) / job.in_step : 0;
    const bool foreseeable = rate > 0 && p.bytes_total > p.bytes;
    return {{"plan", job.plan},
            {"step", word(p.step)},
            {"since", moment(job.since)},
            {"files", p.files},
            {"files_total", p.files_total > 0 ? json(p.files_total) : json(nullptr)},
            {"bytes", p.bytes},
            {"bytes_total", p.bytes_total > 0 ? json(p.bytes_total) : json(nullptr)},
            {"bytes_per_second", std::int64_t(rate)},
            {"seconds_left", foreseeable ? json(std::int64_t(double(p.bytes_total - p.bytes) / rate)) : json(nullptr)}};
}

Result<backup::TimeLine> time_line_of(App& app, db::Connection& reader, const std::string& data_set, int days,
                                      Lang lang) {
    TRY(const auto row, app.registers()->get("data-sets", data_set));
    const auto now = app.clock().now();
    const auto name = name_of(row.fields, data_set);
    backup::TimeLine line{
        .title = tr(lang, "backup.line-title", {{"name", name}}), .from = now - std::chrono::days(days), .to = now};
    TRY(const auto plans, backup::read_plans(*app.registers()));
    for (const auto& plan : plans) {
        if (plan.data_set != data_set) continue;
        backup::Lane lane{.name = plan.id};
        TRY(lane.sets, backup::sets_of(reader, plan.id));
        TRY(lane.drills, backup::drills_of(reader, plan.id, 1000));
        line.lanes.push_back(std::move(lane));
    }
    return line;
}

Result<DrillWithSet> find_drill(App& app, db::Connection& reader, const std::string& id) {
    TRY(auto drill, backup::find_drill(reader, id));
    if (!drill) return fail(Code::not_found, "backup.no-drill", {{"drill", id}});
    TRY(auto set, backup::find_set(reader, drill->set));
    DrillWithSet out{.drill = std::move(*drill), .set = set.value_or(backup::Set{})};
    const auto row = app.registers()->get("data-sets", out.drill.data_set);
    out.data_set = row ? name_of(row->fields, out.drill.data_set) : out.drill.data_set;
    return out;
}

}  // namespace tilsyn::app
