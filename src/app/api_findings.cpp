// Findings and exceptions.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "findings/findings.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

constexpr std::size_t reason_limit = 2000;

json finding_json(const findings::Finding& finding) {
    return {{"id", finding.id},
            {"control", finding.control},
            {"subject", finding.subject},
            {"severity", to_string(finding.severity)},
            {"owner", finding.owner},
            {"opened_at", moment(finding.opened_at)},
            {"due_at", moment(finding.due_at)},
            {"closed_at", moment_or_null(finding.closed_at)},
            {"close_reason", finding.closed_at ? json(finding.close_reason) : json(nullptr)}};
}

json exception_json(const findings::Exception& exception) {
    return {{"id", exception.id},
            {"control", exception.control},
            {"subject", exception.subject},
            {"reason", exception.reason},
            {"granted_by", exception.granted_by},
            {"granted_at", moment(exception.granted_at)},
            {"until", moment(exception.until)},
            {"revoked_at", moment_or_null(exception.revoked_at)}};
}

Result<http::Response> list_findings(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"which", "limit"}));
    TRY(const auto which, query.choice("which", {"open", "closed", "all"}));
    TRY(const auto limit, query.limit());
    TRY(const auto reader, Reader::get(app));
    TRY(auto found, findings::list(*reader,
                                   which == "open"     ? findings::Which::open
                                   : which == "closed" ? findings::Which::closed
                                                       : findings::Which::all,
                                   limit + 1));
    const bool more = std::int64_t(found.size()) > limit;
    if (more) found.pop_back();
    json list = json::array();
    for (const auto& finding : found) list.push_back(finding_json(finding));
    return answer({{"findings", std::move(list)}, {"more", more}});
}

Result<http::Response> list_exceptions(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"active"}));
    TRY(const auto active, query.flag("active", true));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto found, findings::exceptions(*reader, app.clock().now(), active));
    json list = json::array();
    for (const auto& exception : found) list.push_back(exception_json(exception));
    return answer({{"exceptions", std::move(list)}});
}

Result<http::Response> grant_exception(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto body, body_object(request, {{"control"}, {"subject", Type::text, false}, {"reason"}, {"until"}}));
    const auto reason = body["reason"].get<std::string>();
    if (reason.size() > reason_limit)
        return fail(Code::invalid, "api.text-too-long", {{"name", "reason"}, {"limit", std::to_string(reason_limit)}});
    const auto until = parse_utc(body["until"].get<std::string>());
    if (!until) return fail(Code::invalid, "api.bad-moment", {{"name", "until"}});
    TRY(const auto plan, plan_of(app));
    TRY(const auto* control, control_of(*plan, body["control"].get<std::string>()));
    TRY(const auto exception, findings::grant(app.committer(), plan->policy, control->id,
                                              body.value("subject", std::string("*")), reason, *until, request.actor));
    return answer(exception_json(exception), 201);
}

}  // namespace

void add_finding_routes(Routes& routes, App& app, const ServiceHooks&) {
    routes.push_back(route(Method::get, "/api/v1/findings", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_findings(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/exceptions", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_exceptions(app, r); }));
    routes.push_back(route(Method::post, "/api/v1/exceptions", {Auth::write, small_body, Rate::light},
                           [&app](const auto& r) { return grant_exception(app, r); }));
    routes.push_back(route(Method::delete_, "/api/v1/exceptions/{id}", {Auth::write, 0, Rate::light},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY_VOID(findings::revoke(app.committer(), request.params.at("id"), request.actor));
                               return no_content();
                           }));
}

}  // namespace tilsyn::app::api
