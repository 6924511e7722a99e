// What a handler sees: plain values. Beast never leaves this folder.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn::http {

enum class Method { get, head, post, put, patch, delete_ };
std::string_view to_string(Method);

struct Request {
    Method method = Method::get;
    std::string path;  // decoded, without the query; no segment holds a slash
    std::map<std::string, std::string> query;
    std::map<std::string, std::string> headers;  // lower-case names
    std::map<std::string, std::string> params;   // {name} segments of the route, decoded
    std::string body;
    std::string remote_address;
    std::string request_id;
    Lang lang = Lang::en;  // from Accept-Language
    std::string actor;     // who the key belongs to; empty for public routes
    std::string header(std::string_view lower_name) const;
};

struct Response {
    int status = 200;
    std::string content_type = "application/json";
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string log_note;  // what went wrong inside, for the log of the server; never sent
};

Response json_response(std::string body, int status = 200);
// RFC 9457: type, title, status, detail, instance; never internal detail. Faults of our own (io, corrupt,
// internal) are not described to the caller at all: their text goes to log_note, which the instance leads to.
Response problem(const Error& error, Lang lang, std::string_view instance);
int status_of(Code code);

enum class Auth { public_, read, write, admin };  // what a key must be allowed to do
enum class Rate { light, heavy };                 // heavy: few at a time (imports, exports)
// Which bodies may come: JSON, CSV and plain bytes, which no form of a web page can send; or any, as the protocols of
// others demand. Only for a route where nobody's rights are at stake.
enum class Bodies { ours, any };

// Everything a route must say about itself. Who, how much and how often have no defaults: a route without one of them
// does not compile.
struct Access {
    Auth auth;
    std::size_t body_limit;  // bytes; 0: no body accepted
    Rate rate;
    Bodies bodies;
    constexpr Access(Auth a, std::size_t limit, Rate r, Bodies b = Bodies::ours)
        : auth(a), body_limit(limit), rate(r), bodies(b) {}
};

using Handler =
    std::function<Response(const Request&)>;  // runs on a pool thread; may block until the request's deadline

struct Route {
    Method method;
    std::string pattern;  // "/api/v1/registers/{register}/rows/{id}"; "{path+}" at the end takes all that is left
    Access access;
    Handler handler;
    Route(Method m, std::string p, Access a, Handler h)
        : method(m), pattern(std::move(p)), access(a), handler(std::move(h)) {}
};

}  // namespace tilsyn::http
