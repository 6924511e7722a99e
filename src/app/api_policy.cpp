// The policy in force, its versions, its coverage; putting a new one in force.
#include <map>
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "policy/coverage.hpp"
#include "policy/store.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

constexpr std::size_t listed_faults = 1000;

json version_json(const policy::Version& version) {
    return {{"version", version.version},
            {"hash", version.hash},
            {"applied_at", moment(version.applied_at)},
            {"applied_by", version.applied_by}};
}

Result<http::Response> get_policy(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto plan, plan_of(app));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto versions, policy::versions(*reader));
    const auto& in_force = plan->policy;
    // This process may be a moment behind another one: what it says of the version is of the policy it shows.
    json body{{"version", 0}, {"hash", in_force.hash}, {"applied_at", nullptr}, {"applied_by", ""}};
    for (const auto& version : versions)
        if (version.hash == in_force.hash) {
            body = version_json(version);
            break;
        }
    body["id"] = in_force.id;
    body["title"] = text_json(in_force.title);
    body["company"] = in_force.company;
    body["timezone"] = in_force.timezone;
    body["sections"] = json::array();
    for (const auto& section : in_force.sections)
        body["sections"].push_back({{"id", section.id}, {"title", text_json(section.title)}});
    std::map<std::string, std::vector<std::string>> controls;
    for (const auto& control : in_force.controls)
        for (const auto& promise : control.promises) controls[promise].push_back(control.id);
    body["promises"] = json::array();
    for (const auto& promise : in_force.promises)
        body["promises"].push_back({{"id", promise.id},
                                    {"section", promise.section},
                                    {"text", text_json(promise.text)},
                                    {"strength", to_string(promise.strength)},
                                    {"references", promise.references},
                                    {"controls", controls[promise.id]}});
    return answer(body);
}

Result<http::Response> coverage_of(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"lang"}));
    auto lang = request.lang;
    if (query.text("lang")) {
        TRY(const auto word, query.choice("lang", {"da", "en"}));
        lang = word == "da" ? Lang::da : Lang::en;
    }
    TRY(const auto plan, plan_of(app));
    return answer(policy::to_json(policy::coverage(plan->policy, checks::kind_specs(), lang)));
}

// A caller is told of files by their names in the policy folder, not of where this machine keeps them.
void make_relative(Error& fault, const std::filesystem::path& folder) {
    if (!fault.where || fault.where->file.empty()) return;
    const auto relative = std::filesystem::path(fault.where->file).lexically_relative(folder);
    if (!relative.empty() && !relative.native().starts_with("..")) fault.where->file = relative.generic_string();
}

Result<http::Response> apply(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY_VOID(Query::of(request));
    const auto folder = app.data() / "policy";
    std::vector<Error> faults;
    const auto applied = app.apply_policy(folder / "policy.toml", request.actor, faults);
    if (!applied) {
        if (faults.empty()) return std::unexpected(applied.error());
        const auto count = std::to_string(faults.size());
        if (faults.size() > listed_faults) faults.resize(listed_faults);
        for (auto& fault : faults) make_relative(fault, folder);
        return problem(fail(Code::invalid, "app.policy-faults", {{"file", "policy.toml"}, {"count", count}}).error,
                       request, faults);
    }
    if (hooks.wake) hooks.wake();
    return answer({{"version", applied->version},
                   {"changed", applied->changed},
                   {"plan",
                    {{"added", applied->plan.added},
                     {"removed", applied->plan.removed},
                     {"replanned", applied->plan.replanned}}}});
}

}  // namespace

void add_policy_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    routes.push_back(route(Method::get, "/api/v1/policy", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return get_policy(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/policy/versions", {Auth::read, 0, Rate::light},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY(const auto reader, Reader::get(app));
                               TRY(const auto versions, policy::versions(*reader));
                               json list = json::array();
                               for (const auto& version : versions) list.push_back(version_json(version));
                               return answer({{"versions", std::move(list)}});
                           }));
    routes.push_back(route(Method::get, "/api/v1/policy/coverage", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return coverage_of(app, r); }));
    routes.push_back(route(Method::post, "/api/v1/policy/apply", {Auth::admin, 0, Rate::heavy},
                           [&app, hooks](const auto& r) { return apply(app, hooks, r); }));
}

}  // namespace tilsyn::app::api
