// Controls, their subjects, verdicts and runs.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "app/status.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

Result<std::optional<findings::Verdict>> wanted_verdict(const Query& query) {
    const auto given = query.text("verdict");
    if (!given) return std::nullopt;
    TRY(const auto word,
        query.choice("verdict", {"fail", "missed", "unknown", "stale", "accepted", "pass", "not_applicable"}));
    return findings::parse_verdict(word);
}

json subject_json(const findings::SubjectVerdict& subject) {
    auto details = subject.details.empty() ? json(nullptr) : json::parse(subject.details, nullptr, false);
    if (!details.is_object()) details = nullptr;
    return {{"subject", subject.subject},
            {"verdict", to_string(subject.verdict)},
            {"planned_at", moment(subject.planned_at)},
            {"observed_at", subject.observed ? json(moment(subject.observed_at)) : json(nullptr)},
            {"log_index", subject.log_index >= 0 ? json(subject.log_index) : json(nullptr)},
            {"why", why_json(subject.why)},
            {"details", std::move(details)},
            {"finding", subject.finding.empty() ? json(nullptr) : json(subject.finding)}};
}

std::string_view mode_word(policy::Mode mode) {
    return mode == policy::Mode::person ? "person" : mode == policy::Mode::batch ? "batch" : "machine";
}

Result<http::Response> list_controls(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"verdict"}));
    TRY(const auto only, wanted_verdict(query));
    TRY(const auto report, status(app));
    auto controls = std::move(to_json(report)["controls"]);
    if (only) {
        auto kept = json::array();
        for (auto& control : controls)
            if (control["verdict"] == to_string(*only)) kept.push_back(std::move(control));
        controls = std::move(kept);
    }
    return answer({{"controls", std::move(controls)}});
}

Result<http::Response> get_control(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, request.params.at("id")));
    policy::Policy alone;  // verdicts() looks at the controls it is given
    alone.controls = {*control};
    TRY(const auto reader, Reader::get(app));
    TRY(const auto verdicts, findings::verdicts(*reader, alone, app.clock().now()));
    const auto& verdict = verdicts.at(0);
    json counts = json::object();
    for (const auto& [name, count] : verdict.counts) counts[std::string(to_string(name))] = count;
    return answer({{"id", control->id},
                   {"title", text_json(control->title)},
                   {"why", text_json(control->why)},
                   {"kind", control->kind},
                   {"mode", mode_word(plan->mode(*control))},
                   {"definition", json::parse(control->definition, nullptr, false)},
                   {"verdict", to_string(verdict.verdict)},
                   {"population", verdict.population},
                   {"not_yet", verdict.not_yet},
                   {"counts", counts},
                   {"oldest", moment_or_null(verdict.oldest)},
                   {"newest", moment_or_null(verdict.newest)},
                   {"next_due", moment_or_null(verdict.next_due)}});
}

Result<http::Response> list_subjects(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"verdict", "limit"}));
    TRY(const auto only, wanted_verdict(query));
    TRY(const auto limit, query.limit());
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, request.params.at("id")));
    TRY(const auto reader, Reader::get(app));
    TRY(auto subjects, findings::subject_verdicts(*reader, control->id, app.clock().now(), only, limit + 1));
    const bool more = std::int64_t(subjects.size()) > limit;
    if (more) subjects.pop_back();
    json list = json::array();
    for (const auto& subject : subjects) list.push_back(subject_json(subject));
    return answer({{"subjects", std::move(list)}, {"more", more}});
}

Result<http::Response> list_runs(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"subject", "before", "limit"}));
    TRY(const auto limit, query.limit());
    TRY(const auto before,
        query.integer("before", std::numeric_limits<std::int64_t>::max(), 0, std::numeric_limits<std::int64_t>::max()));
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, request.params.at("id")));
    std::string sql =
        "SELECT log_index, subject, outcome, planned_at, observed_at, attempt FROM runs WHERE control = ? AND "
        "log_index < ? ";
    std::vector<db::Value> params{control->id, before};
    if (const auto subject = query.text("subject")) {
        sql += "AND subject = ? ";
        params.emplace_back(*subject);
    }
    params.emplace_back(limit + 1);
    TRY(const auto reader, Reader::get(app));
    json runs = json::array();
    bool more = false;
    TRY_VOID(reader->each(sql + "ORDER BY log_index DESC LIMIT ?", params, [&](const db::Row& row) -> Result<bool> {
        more = std::int64_t(runs.size()) == limit;
        if (!more)
            runs.push_back({{"log_index", row.integer(0)},
                            {"subject", row.text(1)},
                            {"outcome", row.text(2)},
                            {"planned_at", row.text(3)},
                            {"observed_at", row.text(4)},
                            {"attempt", row.integer(5)}});
        return true;
    }));
    json next = more ? runs.back()["log_index"] : json(nullptr);
    return answer({{"runs", std::move(runs)}, {"next", std::move(next)}});
}

Result<http::Response> run_control(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, request.params.at("id")));
    if (plan->mode(*control) == policy::Mode::person)
        return fail(Code::conflict, "api.run-by-person", {{"control", control->id}});
    TRY(const auto count, schedule::request_run(app.committer(), *plan, control->id, request.actor));
    if (hooks.wake) hooks.wake();
    return answer({{"requested", count}}, 202);
}

}  // namespace

void add_status_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    routes.push_back(route(Method::get, "/api/v1/status", {Auth::read, 0, Rate::heavy},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY(const auto report, status(app));
                               return answer(to_json(report));
                           }));
    routes.push_back(route(Method::get, "/api/v1/controls", {Auth::read, 0, Rate::heavy},
                           [&app](const auto& r) { return list_controls(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/controls/{id}", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return get_control(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/controls/{id}/subjects", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_subjects(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/controls/{id}/runs", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_runs(app, r); }));
    routes.push_back(route(Method::post, "/api/v1/controls/{id}/run", {Auth::write, 0, Rate::light},
                           [&app, hooks](const auto& r) { return run_control(app, hooks, r); }));
}

}  // namespace tilsyn::app::api
