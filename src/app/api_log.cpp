// The control log, exactly as it was written.
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "crypto/hash.hpp"
#include "log/merkle.hpp"
#include "log/store/export.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

Result<http::Response> head(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    TRY(const auto reader, Reader::get(app));
    // From the database: another node may have written what this one has not seen.
    TRY(const auto row, reader->one("SELECT size, frontier FROM log_head WHERE id = 1"));
    if (!row) return fail(Code::corrupt, "log.no-head");
    TRY(const auto frontier, log::Frontier::from_bytes(row->integer(0), row->blob(1)));
    return answer({{"size", row->integer(0)}, {"root", crypto::base64(frontier.root())}});
}

Result<http::Response> entries(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"from", "limit"}));
    TRY(const auto from, query.integer("from", 0, 0, std::numeric_limits<std::int64_t>::max()));
    TRY(const auto limit, query.limit());
    TRY(const auto reader, Reader::get(app));
    json list = json::array();
    bool more = false;
    TRY_VOID(reader->each("SELECT idx, leaf, body FROM log_entry WHERE idx >= ? ORDER BY idx LIMIT ?",
                          std::array<db::Value, 2>{from, limit + 1}, [&](const db::Row& row) -> Result<bool> {
                              more = std::int64_t(list.size()) == limit;
                              if (!more)
                                  list.push_back({{"index", row.integer(0)},
                                                  {"leaf", crypto::base64(row.blob(1))},
                                                  {"body", row.text(2)}});
                              return true;
                          }));
    json next = more ? json(list.back()["index"].get<std::int64_t>() + 1) : json(nullptr);
    return answer({{"entries", std::move(list)}, {"next", std::move(next)}});
}

// What anybody may have, since it tells nothing but how much there is: the newest signed checkpoint, or the newest that
// enough witnesses have cosigned.
Result<http::Response> checkpoint(App& app, bool witnessed) {
    TRY(const auto reader, Reader::get(app));
    std::optional<log::StoredCheckpoint> stored;
    if (witnessed) {
        TRY(auto newest, app.newest_witnessed(*reader));
        if (newest) stored = std::move(newest->checkpoint);
    } else {
        TRY(stored, log::newest_checkpoint(*reader));
    }
    if (!stored) return fail(Code::not_found, witnessed ? "api.log-not-witnessed" : "api.log-not-signed");
    http::Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.body = stored->note;
    response.headers.emplace_back("Cache-Control", "no-cache");
    return response;
}

// C2SP tlog-tiles: hash tiles and entry bundles of the newest checkpoint.
Result<http::Response> tile(App& app, const http::Request& request) {
    TRY_VOID(Query::of(request));
    const auto path = "tile/" + request.params.at("path+");
    TRY(const auto wanted, log::parse_tile_path(path));
    TRY(const auto reader, Reader::get(app));
    TRY(const auto stored, log::newest_checkpoint(*reader));
    TRY(auto bytes, log::tile_bytes(*reader, app.tree(), stored ? stored->size : 0, wanted));
    http::Response response;
    response.content_type = "application/octet-stream";
    response.body = std::move(bytes);
    response.headers.emplace_back("Cache-Control", "private, max-age=31536000, immutable");
    return response;
}

}  // namespace

void add_log_routes(Routes& routes, App& app, const ServiceHooks&) {
    routes.push_back(route(Method::get, "/api/v1/log/head", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return head(app, r); }));
    routes.push_back(route(Method::get, "/api/v1/log/entries", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return entries(app, r); }));
    routes.push_back(route(Method::get, "/log/checkpoint", {Auth::public_, 0, Rate::light},
                           [&app](const auto&) { return checkpoint(app, false); }));
    routes.push_back(route(Method::get, "/log/witnessed", {Auth::public_, 0, Rate::light},
                           [&app](const auto&) { return checkpoint(app, true); }));
    routes.push_back(route(Method::get, "/log/tile/{path+}", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return tile(app, r); }));
}

}  // namespace tilsyn::app::api
