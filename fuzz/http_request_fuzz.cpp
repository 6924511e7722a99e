// Bytes of a connection -> parser -> router -> handler -> answer. Checks more than that nothing crashes:
// every answer is one of the server's own, and nobody gets through to a route without the key.
#include <cstdint>
#include <cstdlib>

#include "http/offline.hpp"

using namespace tilsyn;

namespace {

void demand(bool condition) {
    if (!condition) std::abort();
}

http::Response echo(const http::Request& request) {
    demand(request.path.starts_with('/') && request.path.find('\0') == std::string::npos);
    demand(request.path.find("/../") == std::string::npos && !request.path.ends_with("/.."));
    demand(request.body.size() <= 64);
    for (const auto& [name, value] : request.params) demand(!value.empty() && value.find('/') == std::string::npos);
    auto response = http::json_response(request.body);
    for (const auto& [name, value] : request.params) response.headers.emplace_back("X-" + name, value);
    return response;
}

http::Response guarded(const http::Request& request) {
    demand(request.actor == "somebody" && request.header("authorization").find("key") != std::string::npos);
    return echo(request);
}

const http::Router& router() {
    static const http::Router instance([] {
        std::vector<http::Route> routes;
        routes.emplace_back(http::Method::get, "/", http::Access(http::Auth::public_, 0, http::Rate::light), echo);
        routes.emplace_back(http::Method::get, "/a/{one}", http::Access(http::Auth::public_, 0, http::Rate::light),
                            echo);
        routes.emplace_back(http::Method::get, "/a/b", http::Access(http::Auth::read, 0, http::Rate::light), guarded);
        routes.emplace_back(http::Method::post, "/a/{one}/{two}",
                            http::Access(http::Auth::public_, 64, http::Rate::light), echo);
        routes.emplace_back(http::Method::put, "/a/{one}/c", http::Access(http::Auth::write, 64, http::Rate::heavy),
                            guarded);
        return routes;
    }());
    return instance;
}

Result<http::Caller> authenticate(std::string_view key) {
    if (key == "key") return http::Caller{"somebody", http::Auth::write};
    return fail(Code::unauthorized, "http.no-key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    http::Limits limits;
    limits.header_bytes = 1024;
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    const auto answer = http::answer_bytes(bytes, router(), authenticate, limits);
    demand(answer.empty() || answer.starts_with("HTTP/1.1 "));
    return 0;
}
