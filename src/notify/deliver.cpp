#include "notify/deliver.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "net/mail.hpp"
#include "net/probe_http.hpp"

namespace tilsyn::notify {
namespace {

using nlohmann::json;

// RFC 2047, where it is not plain: words of at most 75 characters, none of which cuts a letter in two.
std::string encoded_header(std::string_view text) {
    if (std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c < 0x7f; })) return std::string(text);
    std::string out;
    while (!text.empty()) {
        auto size = std::min<std::size_t>(text.size(), 42);
        while (size < text.size() && size > 1 && (static_cast<unsigned char>(text[size]) & 0xc0) == 0x80) --size;
        out += (out.empty() ? "" : "\r\n ") + ("=?utf-8?B?" + crypto::base64(crypto::as_bytes(text.substr(0, size)))) +
               "?=";
        text.remove_prefix(size);
    }
    return out;
}

// "Tue, 24 Nov 2026 09:00:00 +0000"
std::string mail_date(Timestamp now) {
    const auto day = std::chrono::floor<std::chrono::days>(now);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::seconds>(now - day));
    static constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return fmt::format("{}, {} {} {} {:02}:{:02}:{:02} +0000", days[std::chrono::weekday(day).c_encoding()],
                       unsigned(date.day()), months[unsigned(date.month()) - 1], int(date.year()), time.hours().count(),
                       time.minutes().count(), time.seconds().count());
}

// Of an address no more than where it leads: for many receivers the path is what lets one in.
std::string place_of(const std::string& url) {
    const auto host = url.find("://");
    return host == url.npos ? std::string() : url.substr(0, url.find('/', host + 3));
}

// What a receiver says, as far as it can be shown on a terminal.
std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 300))
        if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
    return valid_utf8(out) ? out : std::string();
}

Result<void> deliver_mail(const Notice& notice, const Channel& channel, Timestamp now, Deadline deadline) {
    return net::send_mail({.server = channel.server,
                           .tls = channel.tls,
                           .user = channel.user,
                           .password = channel.password,
                           .ca_file = channel.ca,
                           .from = channel.from,
                           .to = channel.to,
                           .message = mail_message(notice, channel, now)},
                          deadline);
}

Result<void> deliver_http(const Notice& notice, const Channel& channel, Deadline deadline) {
    net::HttpRequest request{.url = channel.url, .method = "POST", .headers = {}, .body = {}};
    request.ca_file = channel.ca;
    request.body_kept = 2000;
    request.headers.emplace_back("Idempotency-Key", notice.id);
    if (!channel.token.empty()) request.headers.emplace_back("Authorization", "Bearer " + channel.token);
    if (channel.type == Type::ntfy) {
        request.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
        request.headers.emplace_back("Title", encoded_header(notice.subject));
        if (notice.kind == "findings") request.headers.emplace_back("Priority", "high");
        request.body = notice.body;
    } else {
        request.headers.emplace_back("Content-Type", "application/json");
        // Slack, Mattermost and Teams all read "text".
        request.body = channel.type == Type::chat ? json{{"text", "*" + notice.subject + "*\n" + notice.body}}.dump(
                                                        -1, ' ', false, json::error_handler_t::replace)
                                                  : notice.payload;
    }
    auto answer = net::http_probe(request, deadline);
    if (!answer) {
        for (auto& [name, value] : answer.error().message.params)
            if (name == "url") value = place_of(value);
        return std::unexpected(std::move(answer).error());
    }
    if (answer->status >= 200 && answer->status < 300) return {};
    return fail(Code::unavailable, "notify.refused",
                {{"channel", channel.id}, {"status", std::to_string(answer->status)}})
        .detail(shown(answer->body));
}

}  // namespace

std::string mail_message(const Notice& notice, const Channel& channel, Timestamp now) {
    const auto domain = channel.from.substr(channel.from.find('@') + 1);
    std::string out = "Date: " + mail_date(now) + "\r\nFrom: Tilsyn <" + channel.from +
                      ">\r\nTo: " + join(channel.to, ",\r\n ") + "\r\nSubject: " + encoded_header(notice.subject) +
                      "\r\nMessage-ID: <" + notice.id + "@" + domain +
                      ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: base64\r\nAuto-Submitted: auto-generated\r\n\r\n";
    const auto text = crypto::base64(crypto::as_bytes(notice.body));
    for (std::size_t at = 0; at < text.size(); at += 76) out += text.substr(at, 76) + "\r\n";
    return out;
}

Result<void> deliver(const Notice& notice, const Channel& channel, Timestamp now, Deadline deadline) {
    return channel.type == Type::mail ? deliver_mail(notice, channel, now, deadline)
                                      : deliver_http(notice, channel, deadline);
}

}  // namespace tilsyn::notify
