#include <algorithm>
#include <span>
#include <stdexcept>

#include "base/text.hpp"
#include "http/problem.hpp"
#include "http/server.hpp"

namespace tilsyn::http {
namespace {

std::vector<std::string_view> segments_of(std::string_view path) {
    if (!path.starts_with('/')) return {std::string_view()};  // an empty segment matches nothing
    if (path.size() == 1) return {};
    return split(path.substr(1), '/');
}

bool is_parameter(std::string_view segment) {
    return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

// "{path+}", the last segment of a pattern: all that is left of a path, one segment or more.
bool is_rest(std::string_view segment) {
    return is_parameter(segment) && segment[segment.size() - 2] == '+';
}

bool accepted_body(std::string_view content_type) {
    const auto type = lower_ascii(trim(content_type.substr(0, content_type.find(';'))));
    return type == "application/json" || type == "text/csv" || type == "application/octet-stream";
}

// RFC 6750: "Bearer", then the key. The scheme's name is case-insensitive.
std::string_view bearer_key(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer ";
    if (lower_ascii(authorization.substr(0, scheme.size())) != scheme) return {};
    return trim(authorization.substr(scheme.size()));
}

std::string list_of(const std::vector<Method>& methods) {
    std::string out;
    for (const auto method : methods) {
        if (!out.empty()) out += ", ";
        out += to_string(method);
    }
    return out;
}

}  // namespace

std::string_view to_string(Method method) {
    switch (method) {
        case Method::get:
            return "GET";
        case Method::head:
            return "HEAD";
        case Method::post:
            return "POST";
        case Method::put:
            return "PUT";
        case Method::patch:
            return "PATCH";
        case Method::delete_:
            return "DELETE";
    }
    return "GET";
}

std::string Request::header(std::string_view lower_name) const {
    const auto found = headers.find(std::string(lower_name));
    return found == headers.end() ? std::string() : found->second;
}

struct Router::Node {
    std::map<std::string, std::unique_ptr<Node>, std::less<>> literal;
    std::unique_ptr<Node> parameter;
    std::unique_ptr<Node> rest;
    std::map<Method, std::size_t> routes;  // index into Router::routes_

    // Depth first, literals before parameters, so that the more exact route wins. The depth is that of the
    // longest pattern, so a long path costs nothing.
    template <class Visit>
    bool walk(std::span<const std::string_view> left, std::vector<std::string_view>& captured,
              const Visit& visit) const {
        if (left.empty()) return !routes.empty() && visit(*this, captured);
        if (left[0].empty()) return false;
        if (const auto found = literal.find(left[0]);
            found != literal.end() && found->second->walk(left.subspan(1), captured, visit))
            return true;
        captured.push_back(left[0]);
        if (parameter && parameter->walk(left.subspan(1), captured, visit)) return true;
        captured.pop_back();
        if (!rest || std::ranges::any_of(left, &std::string_view::empty)) return false;
        // The segments are views of one path, a slash apart.
        captured.emplace_back(left.front().data(), std::size_t(left.back().end() - left.front().begin()));
        if (rest->walk({}, captured, visit)) return true;
        captured.pop_back();
        return false;
    }
};

Router::Router(std::vector<Route> routes) : routes_(std::move(routes)) {
    auto root = std::make_shared<Node>();
    for (std::size_t index = 0; index < routes_.size(); ++index) {
        const auto& route = routes_[index];
        Node* node = root.get();
        const Node* node_of_rest = nullptr;
        for (const auto segment : segments_of(route.pattern)) {
            const bool parameter = is_parameter(segment);
            if (node == node_of_rest)
                throw std::invalid_argument("something follows the rest of a path: " + route.pattern);
            if (segment.empty() || (!parameter && segment.find_first_of("{}") != segment.npos))
                throw std::invalid_argument("malformed route pattern: " + route.pattern);
            auto& next = is_rest(segment) ? node->rest
                         : parameter      ? node->parameter
                                          : node->literal[std::string(segment)];
            if (!next) next = std::make_unique<Node>();
            node = next.get();
            if (is_rest(segment)) node_of_rest = node;
        }
        if (!node->routes.emplace(route.method, index).second)
            throw std::invalid_argument("two routes for " + std::string(to_string(route.method)) + " " + route.pattern);
    }
    root_ = std::move(root);
}

const Route* Router::match(Method method, std::string_view path, Request& request, std::vector<Method>* allowed) const {
    const auto segments = segments_of(path);
    std::vector<std::string_view> captured;
    const Route* found = nullptr;
    std::map<Method, bool> seen;
    root_->walk(segments, captured, [&](const Node& node, const std::vector<std::string_view>& values) {
        auto entry = node.routes.find(method);
        if (entry == node.routes.end() && method == Method::head) entry = node.routes.find(Method::get);
        if (entry == node.routes.end()) {
            for (const auto& [other, index] : node.routes) seen[other] = true;
            return false;  // a less exact pattern may have it
        }
        found = &routes_[entry->second];
        std::size_t next = 0;
        for (const auto segment : segments_of(found->pattern))
            if (is_parameter(segment))
                request.params[std::string(segment.substr(1, segment.size() - 2))] = std::string(values[next++]);
        return true;
    });
    if (found == nullptr && allowed != nullptr) {
        if (seen.contains(Method::get)) seen[Method::head] = true;
        allowed->clear();
        for (const auto& [other, unused] : seen) allowed->push_back(other);
    }
    return found;
}

std::expected<const Route*, Response> Router::find(Request& request, const Arrival& arrival) const {
    const auto refuse = [&](int status, std::string_view key, Params params = {}) {
        return std::unexpected(refusal(status, key, request.lang, request.request_id, params));
    };
    std::vector<Method> allowed;
    const Route* route = nullptr;
    if (arrival.known_method) {
        route = match(request.method, request.path, request, &allowed);
    } else {  // none of our methods: all that matters is which ones the path has
        Request scratch;
        for (const auto method : {Method::get, Method::post, Method::put, Method::patch, Method::delete_})
            if (match(method, request.path, scratch, nullptr) != nullptr) {
                allowed.push_back(method);
                if (method == Method::get) allowed.push_back(Method::head);
            }
    }
    if (route == nullptr && allowed.empty()) return refuse(404, "http.no-such-path", {{"path", request.path}});
    if (route == nullptr) {
        auto answer = refuse(405, "http.wrong-method", {{"methods", list_of(allowed)}});
        answer.error().headers.emplace_back("Allow", list_of(allowed));
        return answer;
    }
    if (!arrival.has_body) return route;
    const auto limit = route->access.body_limit;
    if (limit == 0) return refuse(413, "http.no-body-here");
    if (arrival.body_bytes > limit) return refuse(413, "http.body-too-large", {{"limit", std::to_string(limit)}});
    if (route->access.bodies == Bodies::ours && !accepted_body(request.header("content-type")))
        return refuse(415, "http.wrong-content-type");
    // We would store what we cannot read.
    if (!request.header("content-encoding").empty()) return refuse(415, "http.encoded-body");
    return route;
}

std::optional<Response> Router::authorise(const Route& route, Request& request,
                                          const Authenticate& authenticate) const {
    if (route.access.auth == Auth::public_) return std::nullopt;
    const auto authorization = request.header("authorization");
    const auto key = bearer_key(authorization);
    if (key.empty()) return refusal(401, "http.no-key", request.lang, request.request_id);
    try {
        if (!authenticate) return refusal(401, "http.no-key", request.lang, request.request_id);
        const auto caller = authenticate(key);
        if (!caller) return problem(caller.error(), request.lang, request.request_id);
        if (caller->may < route.access.auth) return refusal(403, "http.may-not", request.lang, request.request_id);
        request.actor = caller->actor;
        return std::nullopt;
    } catch (const std::exception& exception) {
        auto answer = refusal(500, "http.fault", request.lang, request.request_id, {{"id", request.request_id}});
        answer.log_note = exception.what();
        return answer;
    }
}

Response Router::run(const Route& route, const Request& request) const {
    try {
        return route.handler(request);
    } catch (const std::exception& exception) {
        auto answer = refusal(500, "http.fault", request.lang, request.request_id, {{"id", request.request_id}});
        answer.log_note = exception.what();
        return answer;
    }
}

Response Router::handle(Request request, const Authenticate& authenticate) const {
    Arrival arrival;
    arrival.has_body = !request.body.empty();
    arrival.body_bytes = request.body.size();
    const auto route = find(request, arrival);
    if (!route) return route.error();
    if (auto refused = authorise(**route, request, authenticate)) return std::move(*refused);
    return run(**route, request);
}

}  // namespace tilsyn::http
