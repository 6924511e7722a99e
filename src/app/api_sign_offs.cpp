// What people are asked, their signatures, and the files they attach.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "schedule/sign_off.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

constexpr auto furthest = std::chrono::hours(24 * 400);

json asked_json(const schedule::Asked& asked) {
    // The canonical form of the control holds the kind's parameters as the policy gives them.
    auto definition = json::parse(asked.control->definition, nullptr, false);
    return {{"control", asked.control->id},
            {"title", text_json(asked.control->title)},
            {"subject", asked.subject},
            {"planned_at", moment(asked.planned)},
            {"deadline_at", moment(asked.deadline)},
            {"due", asked.due},
            {"persons", asked.persons},
            {"waiting_for_second", asked.waiting_for_second.empty() ? json(nullptr) : json(asked.waiting_for_second)},
            {"procedure", asked.control->procedure.empty() ? json(nullptr) : json(asked.control->procedure)},
            {"check", definition.is_object() && definition.contains("check") ? definition["check"] : json::object()}};
}

Result<http::Response> list_asked(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"person", "ahead"}));
    const auto ahead = parse_duration(query.text("ahead").value_or("7 days"));
    if (!ahead || *ahead < Duration(0) || *ahead > furthest)
        return fail(Code::invalid, "api.bad-span", {{"name", "ahead"}, {"most", "400 d"}});
    const auto person = query.text("person");
    TRY(const auto plan, plan_of(app));
    TRY(const auto reader, Reader::get(app));
    std::optional<std::string_view> only;
    if (person) only = *person;
    TRY(const auto found, schedule::asked(*reader, *plan, app.clock().now(), *ahead, only));
    json list = json::array();
    for (const auto& asked : found) list.push_back(asked_json(asked));
    return answer({{"asked", std::move(list)}});
}

Result<http::Response> sign(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto body, body_object(request, {{"control"},
                                               {"subject", Type::text, false},
                                               {"person"},
                                               {"decision"},
                                               {"note", Type::text, false},
                                               {"count", Type::integer, false},
                                               {"answers", Type::texts, false},
                                               {"evidence", Type::texts, false}}));
    schedule::Answer given;
    given.decision = body["decision"].get<std::string>();
    if (given.decision != "pass" && given.decision != "fail" && given.decision != "refuse")
        return fail(Code::invalid, "api.bad-choice", {{"name", "decision"}, {"choices", "pass, fail, refuse"}});
    given.note = body.value("note", std::string());
    if (body.contains("count")) given.count = body["count"].get<std::int64_t>();
    given.answers = body.value("answers", std::vector<std::string>());
    given.evidence = body.value("evidence", std::vector<std::string>());
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, body["control"].get<std::string>()));
    TRY(const auto result,
        schedule::sign(app.committer(), *plan, control->id, body.value("subject", std::string(schedule::company)),
                       body["person"].get<std::string>(), given));
    if (hooks.wake) hooks.wake();
    return answer({{"waits_for_second", result.waits_for_second},
                   {"outcome", result.waits_for_second ? json(nullptr) : json(checks::to_string(result.outcome))},
                   {"log_index", result.log_index >= 0 ? json(result.log_index) : json(nullptr)}},
                  201);
}

}  // namespace

void add_sign_off_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    routes.push_back(route(Method::get, "/api/v1/sign-offs", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_asked(app, r); }));
    routes.push_back(route(Method::post, "/api/v1/sign-offs", {Auth::write, small_body, Rate::light},
                           [&app, hooks](const auto& r) { return sign(app, hooks, r); }));
    routes.push_back(route(Method::post, "/api/v1/evidence", {Auth::write, schedule::evidence_limit, Rate::heavy},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY_VOID(need_content(request, {"application/octet-stream"}));
                               if (request.body.empty()) return fail(Code::invalid, "api.no-body");
                               TRY(const auto sha256, schedule::store_evidence(app.data().string(), request.body));
                               return answer({{"sha256", sha256}, {"bytes", request.body.size()}}, 201);
                           }));
}

}  // namespace tilsyn::app::api
