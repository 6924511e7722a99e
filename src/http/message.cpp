#include "http/message.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_prefix.hpp>

#include "base/random.hpp"
#include "base/text.hpp"
#include "http/offline.hpp"
#include "http/problem.hpp"
#include "http/wire.hpp"

namespace tilsyn::http {
namespace {

namespace beast = boost::beast;

std::optional<Method> method_of(beast::http::verb verb) {
    switch (verb) {
        case beast::http::verb::get:
            return Method::get;
        case beast::http::verb::head:
            return Method::head;
        case beast::http::verb::post:
            return Method::post;
        case beast::http::verb::put:
            return Method::put;
        case beast::http::verb::patch:
            return Method::patch;
        case beast::http::verb::delete_:
            return Method::delete_;
        default:
            return std::nullopt;
    }
}

// Two of these would mean that two readers could each believe another one.
bool single_only(std::string_view name) {
    return name == "host" || name == "authorization" || name == "content-type" || name == "content-length" ||
           name == "transfer-encoding" || name == "content-encoding" || name == "expect";
}

std::string_view view(boost::beast::string_view text) {
    return {text.data(), text.size()};
}

}  // namespace

std::optional<Response> read_head(const Parser& parser, const HostRule& hosts, Head& head) {
    const auto& message = parser.get();
    auto& request = head.request;
    if (request.request_id.empty()) request.request_id = random_id();
    const auto refuse = [&](int status, std::string_view key, Params params = {}) {
        return refusal(status, key, request.lang, request.request_id, params);
    };
    std::string repeated;
    for (const auto& field : message) {
        const auto name = lower_ascii(view(field.name_string()));
        const auto value = std::string(view(field.value()));
        const auto [entry, first] = request.headers.emplace(name, value);
        if (first) continue;
        if (single_only(name)) repeated = name;
        entry->second += ", " + value;
    }
    request.lang = choose_language(request.header("accept-language"));
    const auto method = method_of(message.method());
    if (method) request.method = *method;
    head.arrival.known_method = method.has_value();
    head.http10 = message.version() == 10;
    head.keep_alive = message.keep_alive();
    if (!repeated.empty()) return refuse(400, "http.repeated-header", {{"name", repeated}});

    auto target = parse_target(view(message.target()));
    if (!target) return problem(target.error(), request.lang, request.request_id);
    request.path = std::move(target->path);
    request.query = std::move(target->query);

    const bool has_host = request.headers.contains("host");
    if (!has_host && !head.http10) return refuse(400, "http.no-host");
    const auto host = target->authority.empty() ? request.header("host") : target->authority;
    if ((has_host || !target->authority.empty()) && !hosts.accepts(host)) return refuse(421, "http.wrong-host");

    // Anything but plain "chunked" leaves it open where the body ends.
    if (request.headers.contains("transfer-encoding") &&
        (head.http10 || lower_ascii(request.header("transfer-encoding")) != "chunked" || !parser.chunked() ||
         request.headers.contains("content-length")))
        return refuse(400, "http.wrong-transfer");
    const auto length = parser.content_length();
    head.arrival.has_body = parser.chunked() || (length && *length > 0);
    head.arrival.body_bytes = length ? *length : 0;

    if (const auto expect = request.header("expect"); !expect.empty() && !head.http10) {
        if (lower_ascii(expect) != "100-continue") return refuse(417, "http.wrong-expectation");
        head.expects_continue = true;
    }
    return std::nullopt;
}

Response refusal_of(beast::error_code error, const Head& head, std::size_t body_limit) {
    const auto refuse = [&](int status, std::string_view key, Params params = {}) {
        return refusal(status, key, head.request.lang, head.request.request_id, params);
    };
    if (error == beast::http::error::header_limit || error == beast::http::error::buffer_overflow)
        return refuse(431, "http.header-too-large");
    if (error == beast::http::error::body_limit)
        return refuse(413, "http.body-too-large", {{"limit", std::to_string(body_limit)}});
    if (error == beast::http::error::bad_version) return refuse(505, "http.wrong-version");
    return refuse(400, "http.malformed");
}

std::string answer_bytes(std::string_view bytes, const Router& router, const Authenticate& authenticate,
                         const Limits& limits) {
    const HostRule hosts(true, limits.host_names);
    std::string out;
    while (!bytes.empty()) {
        Head head;
        head.request.request_id = random_id();
        std::size_t body_limit = 0;
        Parser parser;
        parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
        parser.body_limit(boost::none);
        beast::error_code error;
        const auto feed = [&](auto finished) {
            while (!error && !finished() && !bytes.empty()) {
                const auto used = parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
                bytes.remove_prefix(used);
            }
            return finished();
        };
        Response response;
        bool keep = false;
        const bool whole_head = feed([&] { return parser.is_header_done(); });
        if (!whole_head && (!error || error == beast::http::error::need_more)) return out;
        auto refused = whole_head ? read_head(parser, hosts, head) : refusal_of(error, head, 0);
        if (refused) {
            response = std::move(*refused);
        } else if (const auto route = router.find(head.request, head.arrival); !route) {
            response = route.error();
            keep = head.keep_alive && !head.arrival.has_body;
        } else if (auto denied = router.authorise(**route, head.request, authenticate)) {
            response = std::move(*denied);
            keep = head.keep_alive && !head.arrival.has_body;
        } else {
            body_limit = (*route)->access.body_limit;
            parser.body_limit(body_limit);
            parser.eager(true);
            const bool whole = feed([&] { return parser.is_done(); });
            if (!whole && (!error || error == beast::http::error::need_more)) return out;
            if (whole) {
                head.request.body = std::move(parser.get().body());
                response = router.run(**route, head.request);
                keep = head.keep_alive;
            } else {
                response = refusal_of(error, head, body_limit);
            }
        }
        Wire wire;
        wire.http10 = head.http10;
        wire.keep_alive = keep;
        out += header_bytes(response, wire, head.request.request_id, head.request.lang, Timestamp{});
        if (sends_body(response.status, head.arrival.known_method && head.request.method == Method::head))
            out += response.body;
        if (!keep) return out;
    }
    return out;
}

}  // namespace tilsyn::http
