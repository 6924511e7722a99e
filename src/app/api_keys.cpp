// Keys: who may call.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "app/keys.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

Result<http::Response> list(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto keys, list_keys(*reader));
    json out = json::array();
    for (const auto& key : keys)
        out.push_back({{"id", key.id},
                       {"name", key.name},
                       {"role", to_string(key.role)},
                       {"created_at", moment(key.created_at)},
                       {"revoked_at", moment_or_null(key.revoked_at)}});
    return answer({{"keys", std::move(out)}});
}

Result<http::Response> create(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto body, body_object(request, {{"name"}, {"role"}}));
    const auto role = parse_key_role(body["role"].get<std::string>());
    if (!role) return fail(Code::invalid, "api.bad-choice", {{"name", "role"}, {"choices", "read, write, admin"}});
    const auto name = body["name"].get<std::string>();
    TRY(const auto key, create_key(app.committer(), name, *role, request.actor));
    return answer({{"key", key}, {"name", name}, {"role", to_string(*role)}}, 201);
}

}  // namespace

void add_key_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    routes.push_back(route(Method::get, "/api/v1/keys", {Auth::admin, 0, Rate::light},
                           [&app](const auto& r) { return list(app, r); }));
    routes.push_back(route(Method::post, "/api/v1/keys", {Auth::admin, small_body, Rate::light},
                           [&app](const auto& r) { return create(app, r); }));
    routes.push_back(route(Method::delete_, "/api/v1/keys/{id}", {Auth::admin, 0, Rate::light},
                           [&app, hooks](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY_VOID(revoke_key(app.committer(), request.params.at("id"), request.actor));
                               if (hooks.keys_changed) hooks.keys_changed();
                               return no_content();
                           }));
}

}  // namespace tilsyn::app::api
