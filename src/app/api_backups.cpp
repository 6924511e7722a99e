// Backups: plans, sets and restores; the picture of a data set; reports of programs that Tilsyn does not run.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "app/backup_view.hpp"
#include "backup/drill_report.hpp"
#include "backup/report.hpp"
#include "base/zone.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

constexpr std::size_t report_body = 1 << 20;
constexpr int days_shown = 90, most_days = 800;

std::string_view word(backup::RunBy run_by) {
    switch (run_by) {
        case backup::RunBy::tilsyn:
            return "tilsyn";
        case backup::RunBy::watched:
            return "watched";
        case backup::RunBy::reported:
            return "reported";
        case backup::RunBy::elsewhere:
            break;
    }
    return "elsewhere";
}

Zone zone_of(App& app) {
    const auto plan = app.plan();
    return plan ? plan->calendar.zone() : Zone::utc();
}

Result<http::Response> list_plans(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto plans, backup::read_plans(*app.registers()));
    TRY(const auto reader, Reader::get(app));
    json list = json::array();
    for (const auto& plan : plans) {
        TRY(const auto sets, backup::sets_of(*reader, plan.id));
        TRY(const auto drills, backup::drills_of(*reader, plan.id));
        const auto held = std::ranges::count_if(
            sets, [](const backup::Set& set) { return !set.engine_set.empty() && !set.forgotten && !set.lost; });
        const auto full = std::ranges::find(drills, backup::Extent::full, &backup::Drill::extent);
        list.push_back({{"id", plan.id},
                        {"data_set", plan.data_set},
                        {"repository", plan.repository},
                        {"engine", plan.engine},
                        {"run_by", word(plan.run_by)},
                        {"sets", held},
                        {"newest_set", sets.empty() ? json(nullptr) : set_json(sets.front())},
                        {"newest_full_restore", full == drills.end() ? json(nullptr) : drill_json(*full)}});
    }
    const auto running = hooks.backup_running ? hooks.backup_running() : std::nullopt;
    return answer({{"plans", std::move(list)}, {"running", running ? running_json(*running) : json(nullptr)}});
}

// Both take the plan from the path and end with whether there are more.
template <class List, class Json>
Result<http::Response> list_of_plan(App& app, const http::Request& request, const char* name, List list, Json to_json) {
    TRY(const auto query, Query::of(request, {"limit"}));
    TRY(const auto limit, query.limit());
    TRY_VOID(app.registers()->get("backup-plans", request.params.at("plan")));
    TRY(const auto reader, Reader::get(app));
    TRY(auto found, list(*reader, request.params.at("plan"), int(limit) + 1));
    const bool more = std::int64_t(found.size()) > limit;
    if (more) found.pop_back();
    json items = json::array();
    for (const auto& item : found) items.push_back(to_json(item));
    return answer({{name, std::move(items)}, {"more", more}});
}

Result<http::Response> time_line(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"days"}));
    TRY(const auto days, query.integer("days", days_shown, 1, most_days));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto line, time_line_of(app, *reader, request.params.at("data_set"), int(days), request.lang));
    http::Response response;
    response.content_type = "image/svg+xml";
    response.body = backup::time_line_svg(line, zone_of(app), request.lang);
    // As a document of its own it may show itself, and nothing else.
    response.headers.emplace_back("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
    return response;
}

Result<http::Response> report_of_drill(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto found, find_drill(app, *reader, request.params.at("drill")));
    http::Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = backup::drill_report(found.drill, found.set, found.data_set, zone_of(app), request.lang);
    return response;
}

Result<http::Response> take_report(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto body, body_object(request, {{"engine"}, {"exit_code", Type::integer}, {"output"}}));
    const auto code = body["exit_code"].get<std::int64_t>();
    if (code < 0 || code > 255)
        return fail(Code::invalid, "api.bad-number", {{"name", "exit_code"}, {"least", "0"}, {"most", "255"}});
    TRY(const auto plan, backup::read_plan(*app.registers(), request.params.at("plan")));
    TRY(const auto set, report_backup(app, plan,
                                      {.engine = body["engine"].get<std::string>(),
                                       .exit_code = int(code),
                                       .output = body["output"].get<std::string>(),
                                       .by = request.actor}));
    if (hooks.wake) hooks.wake();
    return answer(set_json(set), 201);
}

}  // namespace

void add_backup_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    const std::string base = "/api/v1/backups", plan = base + "/{plan}";
    routes.push_back(route(Method::get, base, {Auth::read, 0, Rate::light},
                           [&app, hooks](const auto& r) { return list_plans(app, hooks, r); }));
    routes.push_back(route(Method::get, plan + "/sets", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_of_plan(app, r, "sets", backup::sets_of, set_json); }));
    routes.push_back(route(Method::get, plan + "/restores", {Auth::read, 0, Rate::light}, [&app](const auto& r) {
        return list_of_plan(app, r, "restores", backup::drills_of, drill_json);
    }));
    routes.push_back(route(Method::post, plan + "/reports", {Auth::write, report_body, Rate::light},
                           [&app, hooks](const auto& r) { return take_report(app, hooks, r); }));
    routes.push_back(route(Method::get, "/api/v1/restores/{drill}/report", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return report_of_drill(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/data-sets/{data_set}/time-line", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return time_line(app, r); }));
}

}  // namespace tilsyn::app::api
