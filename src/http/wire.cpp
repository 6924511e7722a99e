#include "http/wire.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "http/problem.hpp"

namespace tilsyn::http {
namespace {

bool safe_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
    });
}
bool safe_value(std::string_view value) {
    return std::ranges::none_of(value, [](unsigned char c) { return (c < 32 && c != '\t') || c == 127; });
}
bool safe(const Response& response) {
    if (response.status < 200 || response.status > 599 || !safe_value(response.content_type)) return false;
    return std::ranges::all_of(response.headers,
                               [](const auto& header) { return safe_name(header.first) && safe_value(header.second); });
}

// RFC 9110 5.6.7. Not strftime(): that one speaks the language of the process.
std::string http_date(Timestamp now) {
    static constexpr std::string_view days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
    return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[std::chrono::weekday(day).c_encoding()],
                       unsigned(date.day()), months[unsigned(date.month()) - 1], int(date.year()), time.hours().count(),
                       time.minutes().count(), time.seconds().count());
}

constexpr std::pair<std::string_view, std::string_view> always[] = {
    {"Server", "tilsyn"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cache-Control", "no-store"},
    {"Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"},
};

}  // namespace

bool sends_body(int status, bool head) {
    return !head && status != 204 && status != 304;
}

std::string header_bytes(Response& response, const Wire& wire, std::string_view request_id, Lang lang, Timestamp now) {
    if (!safe(response)) {
        response = refusal(500, "http.fault", lang, request_id, {{"id", std::string(request_id)}});
        response.log_note = "a handler gave a status or a header that cannot be sent";
    }
    auto out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\nX-Request-Id: {}\r\n", response.status,
                           reason_phrase(response.status), http_date(now), request_id);
    const auto add = [&](std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out), "{}: {}\r\n", name, value);
    };
    for (const auto& [name, value] : always) {
        const auto own = std::ranges::find_if(response.headers, [&, n = lower_ascii(name)](const auto& header) {
            return lower_ascii(header.first) == n;
        });
        if (own == response.headers.end()) add(name, value);
    }
    for (const auto& [name, value] : response.headers) add(name, value);
    if (response.status != 204 && response.status != 304) {
        if (!response.content_type.empty()) add("Content-Type", response.content_type);
        add("Content-Length", std::to_string(response.body.size()));
    }
    if (!wire.keep_alive)
        add("Connection", "close");
    else if (wire.http10)
        add("Connection", "keep-alive");
    out += "\r\n";
    return out;
}

}  // namespace tilsyn::http
