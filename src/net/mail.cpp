#include "net/mail.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/text.hpp"

namespace tilsyn::net {
namespace {

struct FreeCurl {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
};

struct Source {
    std::string_view left;
};
std::size_t on_read(char* buffer, std::size_t, std::size_t room, void* user) {
    auto& source = *static_cast<Source*>(user);
    const auto part = std::min(room, source.left.size());
    std::memcpy(buffer, source.left.data(), part);
    source.left.remove_prefix(part);
    return part;
}
// The server's last line: what it said of it.
std::size_t on_line(char* data, std::size_t, std::size_t size, void* user) {
    *static_cast<std::string*>(user) = trim(std::string_view(data, size));
    return size;
}

bool one_line(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

}  // namespace

Result<void> send_mail(const MailRequest& request, Deadline deadline) {
    static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    const std::unique_ptr<CURL, FreeCurl> curl(ready ? ::curl_easy_init() : nullptr);
    if (!curl) return fail(Code::internal, "net.mail-failed", {{"server", request.server}});
    const bool wrapped = request.server.starts_with("smtps://");
    const auto url = wrapped ? request.server : "smtp://" + request.server;
    bool good = !request.to.empty() && one_line(request.server) && one_line(request.from);
    curl_slist* list = nullptr;
    for (const auto& to : request.to) {
        good = good && one_line(to) && !to.empty();
        list = ::curl_slist_append(list, ("<" + to + ">").c_str());
    }
    const std::unique_ptr<curl_slist, FreeCurl> receivers(list);
    if (!good) return fail(Code::invalid, "net.mail-bad", {{"server", request.server}});
    std::string said;
    Source source{request.message};
    char words[CURL_ERROR_SIZE] = "";
    auto* handle = curl.get();
    ::curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    ::curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    ::curl_easy_setopt(handle, CURLOPT_PROXY, "");
    ::curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, words);
    ::curl_easy_setopt(handle, CURLOPT_USE_SSL, long(request.tls ? CURLUSESSL_ALL : CURLUSESSL_NONE));
    ::curl_easy_setopt(handle, CURLOPT_SSLVERSION, long(CURL_SSLVERSION_TLSv1_2));
    if (!request.ca_file.empty()) ::curl_easy_setopt(handle, CURLOPT_CAINFO, request.ca_file.c_str());
    if (!request.user.empty()) {
        ::curl_easy_setopt(handle, CURLOPT_USERNAME, request.user.c_str());
        ::curl_easy_setopt(handle, CURLOPT_PASSWORD, request.password.c_str());
    }
    ::curl_easy_setopt(handle, CURLOPT_MAIL_FROM, ("<" + request.from + ">").c_str());
    ::curl_easy_setopt(handle, CURLOPT_MAIL_RCPT, receivers.get());
    ::curl_easy_setopt(handle, CURLOPT_UPLOAD, 1L);
    ::curl_easy_setopt(handle, CURLOPT_READFUNCTION, &on_read);
    ::curl_easy_setopt(handle, CURLOPT_READDATA, &source);
    ::curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, &on_line);
    ::curl_easy_setopt(handle, CURLOPT_HEADERDATA, &said);
    ::curl_easy_setopt(handle, CURLOPT_TIMEOUT_MS, long(std::max<std::int64_t>(deadline.left().count() / 1000, 1)));
    const auto code = ::curl_easy_perform(handle);
    if (code == CURLE_OK) return {};
    long answer = 0;
    ::curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer);
    // 5yz after we were let in: it will never take this one (RFC 5321, 4.2.1).
    const bool never = answer >= 500 && answer < 600 && (code == CURLE_SEND_ERROR || code == CURLE_WEIRD_SERVER_REPLY);
    const auto detail =
        std::string(*words != '\0' ? words : ::curl_easy_strerror(code)) + (said.empty() ? "" : " (" + said + ")");
    return fail(code == CURLE_OPERATION_TIMEDOUT ? Code::timeout
                : never                          ? Code::invalid
                                                 : Code::unavailable,
                "net.mail-failed", {{"server", request.server}})
        .detail(detail);
}

}  // namespace tilsyn::net
