#include "http/problem.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace tilsyn::http {
namespace {

struct Status {
    int status;
    std::string_view reason;
    std::string_view title;
};
constexpr Status statuses[] = {
    {100, "Continue", ""},
    {200, "OK", ""},
    {201, "Created", ""},
    {202, "Accepted", ""},
    {204, "No Content", ""},
    {301, "Moved Permanently", ""},
    {302, "Found", ""},
    {303, "See Other", ""},
    {304, "Not Modified", ""},
    {400, "Bad Request", "http.title-400"},
    {401, "Unauthorized", "http.title-401"},
    {403, "Forbidden", "http.title-403"},
    {404, "Not Found", "http.title-404"},
    {405, "Method Not Allowed", "http.title-405"},
    {409, "Conflict", "http.title-409"},
    {413, "Content Too Large", "http.title-413"},
    {415, "Unsupported Media Type", "http.title-415"},
    {417, "Expectation Failed", "http.title-417"},
    {421, "Misdirected Request", "http.title-421"},
    {422, "Unprocessable Content", "http.title-400"},
    {431, "Request Header Fields Too Large", "http.title-431"},
    {500, "Internal Server Error", "http.title-500"},
    {501, "Not Implemented", "http.title-501"},
    {503, "Service Unavailable", "http.title-503"},
    {504, "Gateway Timeout", "http.title-504"},
    {505, "HTTP Version Not Supported", "http.title-505"},
};

const Status* find_status(int status) {
    for (const auto& entry : statuses)
        if (entry.status == status) return &entry;
    return nullptr;
}

Response document(int status, std::string_view type, const std::string& detail, Lang lang, std::string_view instance) {
    const auto* known = find_status(status);
    nlohmann::ordered_json json;
    json["type"] = fmt::format("urn:tilsyn:problem:{}", type);
    json["title"] = tr(lang, known != nullptr && !known->title.empty() ? known->title : "http.title-500");
    json["status"] = status;
    json["detail"] = detail;
    json["instance"] = instance;
    Response response;
    response.status = status;
    response.content_type = "application/problem+json";
    // What a caller sent may stand in the detail, and need not be UTF-8.
    response.body = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    response.headers.emplace_back("Content-Language", lang == Lang::da ? "da" : "en");
    return response;
}

}  // namespace

std::string_view reason_phrase(int status) {
    const auto* known = find_status(status);
    return known != nullptr ? known->reason : "Status";
}

int status_of(Code code) {
    switch (code) {
        case Code::invalid:
            return 400;
        case Code::unauthorized:
            return 401;
        case Code::forbidden:
            return 403;
        case Code::not_found:
            return 404;
        case Code::conflict:
            return 409;
        case Code::too_large:
            return 413;
        case Code::unsupported:
            return 501;
        case Code::busy:
        case Code::unavailable:
        case Code::cancelled:
            return 503;  // what was asked for was stopped, as when the server is
        case Code::timeout:
            return 504;
        case Code::io:
        case Code::corrupt:
        case Code::internal:
            return 500;
    }
    return 500;
}

Response json_response(std::string body, int status) {
    Response response;
    response.status = status;
    response.body = std::move(body);
    return response;
}

Response problem(const Error& error, Lang lang, std::string_view instance) {
    const int status = status_of(error.code);
    const bool ours = status == 500;
    auto response = document(
        status, to_string(error.code),
        ours ? tr(lang, "http.fault", {{"id", std::string(instance)}}) : render(error, lang, false), lang, instance);
    if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (error.code == Code::busy) response.headers.emplace_back("Retry-After", "1");
    if (status >= 500)
        response.log_note =
            fmt::format("{} ({}:{})", render(error, Lang::en, true), error.raised.file_name(), error.raised.line());
    return response;
}

Response refusal(int status, std::string_view key, Lang lang, std::string_view instance, Params params) {
    auto response = document(status, key.substr(key.find('.') + 1), tr(lang, key, params), lang, instance);
    if (status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
    if (status == 503) response.headers.emplace_back("Retry-After", "1");
    return response;
}

}  // namespace tilsyn::http
