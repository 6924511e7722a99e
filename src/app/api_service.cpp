// The service itself: alive, ready, figures, contract.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "base/embedded.hpp"

namespace tilsyn::embedded {
std::span<const EmbeddedFile> api_files();  // api/*
}

namespace tilsyn::app::api {

using http::Auth;
using http::Method;
using http::Rate;

void add_service_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    routes.push_back(route(Method::get, "/healthz", {Auth::public_, 0, Rate::light},
                           [](const http::Request&) -> Result<http::Response> {
                               return answer({{"status", "ok"}, {"version", version}});
                           }));

    routes.push_back(route(Method::get, "/readyz", {Auth::public_, 0, Rate::light},
                           [&app, hooks](const http::Request&) -> Result<http::Response> {
                               // Anybody may ask, and often: one short statement, and no waiting for a connection.
                               bool database = false;
                               if (auto lease = app.readers().get(Deadline::in(std::chrono::seconds(1)))) {
                                   const auto row = (*lease)->one("SELECT size FROM log_head WHERE id = 1");
                                   database = row && *row;
                               }
                               const bool log = !hooks.log_verified || hooks.log_verified();
                               const bool engine = !hooks.engine_alive || hooks.engine_alive();
                               const bool ready = database && log && engine;
                               return answer(
                                   {{"ready", ready}, {"database", database}, {"log", log}, {"engine", engine}},
                                   ready ? 200 : 503);
                           }));

    const auto auth = hooks.metrics_public ? Auth::public_ : Auth::read;
    routes.push_back(route(Method::get, "/metrics", {auth, 0, Rate::heavy},
                           [hooks](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               // A proxy in front of a loopback address would hand the figures to everybody.
                               if (hooks.metrics_public &&
                                   (!request.header("x-forwarded-for").empty() ||
                                    !request.header("forwarded").empty() || !request.header("via").empty()))
                                   return fail(Code::forbidden, "api.metrics-forwarded");
                               http::Response response;
                               response.content_type = "text/plain; version=0.0.4; charset=utf-8";
                               if (hooks.metrics) response.body = hooks.metrics();
                               return response;
                           }));

    routes.push_back(route(Method::get, "/api/v1/openapi.yaml", {Auth::public_, 0, Rate::light},
                           [](const http::Request&) -> Result<http::Response> {
                               http::Response response;
                               response.content_type = "application/yaml; charset=utf-8";
                               for (const auto& file : embedded::api_files())
                                   if (file.name == "openapi.yaml") response.body = file.content;
                               return response;
                           }));
}

}  // namespace tilsyn::app::api
