#include "net/probe_http.hpp"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/text.hpp"

namespace tilsyn::net {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t max_header_bytes = 256 * 1024;

struct FreeCurl {
    void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
    void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
    void operator()(char* text) const { ::curl_free(text); }
};
using Easy = std::unique_ptr<CURL, FreeCurl>;
using List = std::unique_ptr<curl_slist, FreeCurl>;
using Url = std::unique_ptr<CURLU, FreeCurl>;

bool curl_ready() {
    static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return ready;
}

struct Target {
    std::string scheme;
    std::string host;  // as curl looks it up: lower case, punycode, IPv6 in brackets
    std::uint16_t port = 0;
    std::string shown;
    bool literal_ipv6 = false;
    std::string bare_host() const { return literal_ipv6 ? host.substr(1, host.size() - 2) : host; }
    bool same_origin(const Target& other) const {
        return scheme == other.scheme && host == other.host && port == other.port;
    }
};

std::string part(CURLU* url, CURLUPart what, unsigned flags = 0) {
    char* text = nullptr;
    if (::curl_url_get(url, what, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, FreeCurl> owner(text);
    return text;
}

std::string shown(CURLU* url) {
    for (const auto what : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT})
        ::curl_url_set(url, what, nullptr, 0);
    return part(url, CURLUPART_URL);
}

Result<Target> parse_target(const std::string& text) {
    const auto bad = [&](std::string_view key) { return fail(Code::invalid, key, {{"url", url_for_display(text)}}); };
    const Url url(::curl_url());
    if (text.find('\0') != text.npos || ::curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK)
        return bad("net.bad-url");
    Target target;
    target.scheme = lower_ascii(part(url.get(), CURLUPART_SCHEME));
    if (target.scheme != "http" && target.scheme != "https") return bad("net.bad-scheme");
    target.host = lower_ascii(part(url.get(), CURLUPART_HOST, CURLU_PUNYCODE));
    if (target.host.empty()) return bad("net.bad-url");
    target.literal_ipv6 = target.host.front() == '[';
    const auto port = part(url.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
    const auto end = port.data() + port.size();
    if (std::from_chars(port.data(), end, target.port).ptr != end || target.port == 0) return bad("net.bad-url");
    target.shown = shown(url.get());
    return target;
}

bool token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](unsigned char c) {
        return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(char(c)) != std::string_view::npos;
    });
}
bool field_value(std::string_view text) {
    return std::ranges::none_of(text, [](unsigned char c) { return (c < 32 && c != '\t') || c == 127; });
}

// What the callbacks of one hop write into.
struct Receiver {
    HttpResult* result = nullptr;
    std::size_t body_kept = 0;
    std::size_t header_bytes = 0;
    bool headers_too_large = false;
    bool tls_begun = false;
};

std::size_t on_header(char* data, std::size_t, std::size_t size, void* user) {
    auto& receiver = *static_cast<Receiver*>(user);
    receiver.header_bytes += size;
    if (receiver.header_bytes > max_header_bytes) {
        receiver.headers_too_large = true;
        return 0;
    }
    const auto line = trim(std::string_view(data, size));
    auto& headers = receiver.result->headers;
    if (line.starts_with("HTTP/")) {  // the final answer follows an interim one (100, 103)
        headers.clear();
        return size;
    }
    const auto colon = line.find(':');
    if (colon == line.npos) return size;
    headers.emplace_back(lower_ascii(line.substr(0, colon)), std::string(trim(line.substr(colon + 1))));
    return size;
}

// Called when TCP stands and the handshake begins; curl's own times do not tell these apart when it hangs
// there.
CURLcode on_tls(CURL*, void*, void* user) {
    static_cast<Receiver*>(user)->tls_begun = true;
    return CURLE_OK;
}

std::size_t on_body(char* data, std::size_t, std::size_t size, void* user) {
    auto& receiver = *static_cast<Receiver*>(user);
    auto& result = *receiver.result;
    result.body_bytes += size;
    const auto room = receiver.body_kept - std::min(receiver.body_kept, result.body.size());
    result.body.append(data, std::min(room, size));
    return size;
}

Duration span_of(CURL* curl, CURLINFO info) {
    curl_off_t micros = 0;
    ::curl_easy_getinfo(curl, info, &micros);
    return Duration(micros);
}
Duration positive(Duration span) {
    return std::max(span, Duration(0));
}

Message certificate_message(long verify, const std::string& host) {
    switch (verify) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return msg("net.certificate-expired", {{"host", host}});
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return msg("net.certificate-not-yet-valid", {{"host", host}});
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return msg("net.certificate-self-signed", {{"host", host}});
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            return msg("net.certificate-unknown-issuer", {{"host", host}});
        case X509_V_ERR_CERT_REVOKED:
            return msg("net.certificate-revoked", {{"host", host}});
        case X509_V_ERR_UNSPECIFIED:  // curl compares the names itself, before it looks at the chain
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return msg("net.certificate-other-name", {{"host", host}});
        default:
            return msg("net.certificate-invalid", {{"host", host}, {"why", ::X509_verify_cert_error_string(verify)}});
    }
}

Fail connection_failure(CURL* curl, const std::string& shown_url) {
    long error = 0;
    ::curl_easy_getinfo(curl, CURLINFO_OS_ERRNO, &error);
    switch (error) {
        case ECONNREFUSED:
            return fail(Code::unavailable, "net.refused", {{"url", shown_url}});
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EADDRNOTAVAIL:
            return fail(Code::unavailable, "net.unreachable", {{"url", shown_url}});
        case ETIMEDOUT:
            return fail(Code::timeout, "net.connect-timeout", {{"url", shown_url}});
        default:
            return fail(Code::unavailable, "net.cannot-connect", {{"url", shown_url}});
    }
}

Fail timeout_failure(CURL* curl, const Target& target, const Receiver& receiver) {
    const bool tls_done = span_of(curl, CURLINFO_APPCONNECT_TIME_T) > Duration(0);
    const auto key = receiver.tls_begun && !tls_done                               ? "net.tls-timeout"
                     : span_of(curl, CURLINFO_CONNECT_TIME_T) == Duration(0)       ? "net.connect-timeout"
                     : span_of(curl, CURLINFO_STARTTRANSFER_TIME_T) == Duration(0) ? "net.first-byte-timeout"
                                                                                   : "net.body-timeout";
    return fail(Code::timeout, key, {{"url", target.shown}});
}

Fail failure(CURL* curl, CURLcode code, const Target& target, const Receiver& receiver, const char* words) {
    const std::string why = *words != '\0' ? words : ::curl_easy_strerror(code);
    const Params url{{"url", target.shown}};
    const auto unavailable = [&](std::string_view key) {
        return fail(Code::unavailable, key, {{"url", target.shown}}).detail(why);
    };
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return timeout_failure(curl, target, receiver).detail(why);
        case CURLE_COULDNT_CONNECT:
            return connection_failure(curl, target.shown).detail(why);
        case CURLE_COULDNT_RESOLVE_HOST:
            return fail(Code::unavailable, "net.name-not-found", {{"host", target.bare_host()}}).detail(why);
        case CURLE_COULDNT_RESOLVE_PROXY:
            return fail(Code::unavailable, "net.proxy-not-found").detail(why);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR: {
            long verify = 0;
            ::curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify);
            Fail result = fail(Code::unavailable, "net.tls-failed", url).detail(why);
            result.error.message = certificate_message(verify, target.bare_host());
            return result;
        }
        case CURLE_SSL_CONNECT_ERROR:
        case CURLE_SSL_CIPHER:
            return unavailable("net.tls-failed");
        case CURLE_SSL_CACERT_BADFILE:
            return fail(Code::invalid, "net.bad-ca-file").detail(why);
        case CURLE_GOT_NOTHING:
        case CURLE_SEND_ERROR:
        case CURLE_RECV_ERROR:
            return unavailable("net.connection-lost");
        case CURLE_PARTIAL_FILE:
            return unavailable("net.cut-short");
        case CURLE_WRITE_ERROR:
            if (receiver.headers_too_large) return unavailable("net.headers-too-large");
            return unavailable("net.not-http");
        case CURLE_UNSUPPORTED_PROTOCOL:  // an answer without a status line
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_BAD_CONTENT_ENCODING:
            return unavailable("net.not-http");
        case CURLE_OUT_OF_MEMORY:
            return fail(Code::busy, "net.probe-failed", url).detail(why);
        default:
            return unavailable("net.probe-failed");
    }
}

std::string join_addresses(const std::vector<Address>& addresses) {
    std::string out;
    for (const auto& address : addresses) {
        if (!out.empty()) out += ',';
        out += address.family() == AF_INET6 ? "[" + to_string(address) + "]" : to_string(address);
    }
    return out;
}

Result<List> header_list(const HttpRequest& request, bool with_given) {
    List list;
    const auto add = [&](const std::string& line) {
        auto* longer = ::curl_slist_append(list.get(), line.c_str());
        if (longer == nullptr) return false;
        (void)list.release();
        list.reset(longer);
        return true;
    };
    bool user_agent = false;
    if (with_given) {
        for (const auto& [name, value] : request.headers) {
            if (!token(name) || !field_value(value)) return fail(Code::invalid, "net.bad-header", {{"name", name}});
            user_agent = user_agent || lower_ascii(name) == "user-agent";
            // "Name:" alone would make curl leave the header out; "Name;" sends it empty.
            if (!add(trim(value).empty() ? name + ";" : name + ": " + value)) return fail(Code::busy, "net.no-memory");
        }
    }
    if (!user_agent && !add("User-Agent: tilsyn")) return fail(Code::busy, "net.no-memory");
    if (!add("Expect:")) return fail(Code::busy, "net.no-memory");  // a body over 1 MiB must not wait for a 100
    return list;
}

// One probe: the handle, what is asked, and what has been seen so far.
class Probe {
  public:
    Probe(const HttpRequest& request, Deadline deadline) : request_(request), deadline_(deadline) {}

    Result<HttpResult> run() {
        TRY(auto target, parse_target(request_.url));
        const auto first = target;
        std::string url = request_.url;
        std::string method = request_.method;
        bool with_body = !request_.body.empty();
        for (;;) {
            TRY_VOID(hop(url, target, method, with_body, target.same_origin(first)));
            char* next = nullptr;
            ::curl_easy_getinfo(curl_.get(), CURLINFO_REDIRECT_URL, &next);
            if (request_.max_redirects == 0 || next == nullptr) break;
            if (result_.redirects == request_.max_redirects)
                return fail(Code::unavailable, "net.too-many-redirects",
                            {{"url", first.shown}, {"limit", std::to_string(request_.max_redirects)}});
            ++result_.redirects;
            url = next;
            TRY(target, parse_target(url));
            if (result_.status == 303 || ((result_.status == 301 || result_.status == 302) && method == "POST")) {
                if (method != "HEAD") method = "GET";
                with_body = false;
            }
            // A body may hold what only the first origin should see.
            if (with_body && !target.same_origin(first))
                return fail(Code::unavailable, "net.redirect-with-body", {{"url", target.shown}});
        }
        result_.final_url = target.shown;
        result_.timings.total = since_start();
        return std::move(result_);
    }

  private:
    Duration since_start() const { return std::chrono::duration_cast<Duration>(Steady::now() - start_); }

    Result<void> hop(const std::string& url, const Target& target, const std::string& method, bool with_body,
                     bool own_origin) {
        result_.headers.clear();
        result_.body.clear();
        result_.body_bytes = 0;
        TRY(const auto headers, header_list(request_, own_origin));
        List addresses;
        ::curl_easy_reset(curl_.get());
        // We look the name up ourselves: curl cannot tell "no such name" from "nobody could say". A proxy
        // does its own.
        if (request_.proxy.empty()) {
            const auto begun = Steady::now();
            TRY(const auto found, resolve(target.bare_host(), target.port, request_.family, deadline_));
            result_.timings.lookup += std::chrono::duration_cast<Duration>(Steady::now() - begun);
            if (!target.literal_ipv6) {
                const auto entry = target.host + ":" + std::to_string(target.port) + ":" + join_addresses(found);
                addresses.reset(::curl_slist_append(nullptr, entry.c_str()));
                set(CURLOPT_RESOLVE, addresses.get());
            }
        }
        char words[CURL_ERROR_SIZE] = "";
        Receiver receiver{&result_, request_.body_kept};
        set(CURLOPT_ERRORBUFFER, words);
        set(CURLOPT_URL, url.c_str());
        set(CURLOPT_HTTPHEADER, headers.get());
        set(CURLOPT_HEADERDATA, &receiver);
        set(CURLOPT_WRITEDATA, &receiver);
        set(CURLOPT_SSL_CTX_FUNCTION, &on_tls);
        set(CURLOPT_SSL_CTX_DATA, &receiver);
        configure(method, with_body);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_.left()).count();
        if (left == 0) return fail(Code::timeout, "net.connect-timeout", {{"url", target.shown}});
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::min<std::int64_t>(left, 86'400'000)));

        const auto before = since_start();
        const auto code = ::curl_easy_perform(curl_.get());
        if (code != CURLE_OK) return failure(curl_.get(), code, target, receiver, words);
        return note(target, before);
    }

    void configure(const std::string& method, bool with_body) {
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_QUICK_EXIT, 1L);
        set(CURLOPT_PROTOCOLS_STR, "http,https");
        set(CURLOPT_FOLLOWLOCATION, 0L);
        set(CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
        set(CURLOPT_PROXY, request_.proxy.c_str());  // "" also switches off http_proxy and its like
        set(CURLOPT_HTTP09_ALLOWED, 0L);
        set(CURLOPT_HEADERFUNCTION, &on_header);
        set(CURLOPT_WRITEFUNCTION, &on_body);
        set(CURLOPT_IPRESOLVE, request_.family == Family::ipv4   ? static_cast<long>(CURL_IPRESOLVE_V4)
                               : request_.family == Family::ipv6 ? static_cast<long>(CURL_IPRESOLVE_V6)
                                                                 : static_cast<long>(CURL_IPRESOLVE_WHATEVER));
        const bool verify = request_.verify == TlsVerify::yes;
        set(CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
        set(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
        if (!request_.ca_file.empty()) {
            set(CURLOPT_CAINFO, request_.ca_file.c_str());
            set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
        }
        if (with_body) {
            set(CURLOPT_POSTFIELDS, request_.body.data());
            set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
        }
        if (method == "HEAD") set(CURLOPT_NOBODY, 1L);
        if (method != "GET" || with_body) set(CURLOPT_CUSTOMREQUEST, method.c_str());
    }

    Result<void> note(const Target& target, Duration before) {
        auto* curl = curl_.get();
        long status = 0;
        ::curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        result_.status = static_cast<int>(status);
        char* address = nullptr;
        ::curl_easy_getinfo(curl, CURLINFO_PRIMARY_IP, &address);
        result_.remote_address = address != nullptr ? address : "";
        const auto looked_up = span_of(curl, CURLINFO_NAMELOOKUP_TIME_T);
        const auto connected = span_of(curl, CURLINFO_CONNECT_TIME_T);
        const auto secured = span_of(curl, CURLINFO_APPCONNECT_TIME_T);
        auto& timings = result_.timings;
        if (connected > Duration(0)) timings.connect += positive(connected - looked_up);
        if (secured > Duration(0)) timings.tls += positive(secured - connected);
        timings.first_byte = before + span_of(curl, CURLINFO_STARTTRANSFER_TIME_T);
        long verify = X509_V_OK;
        ::curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify);
        if (target.scheme == "https" && verify != X509_V_OK)
            result_.tls_error = certificate_message(verify, target.bare_host());
        return {};
    }

    template <class T>
    void set(CURLoption option, T value) {
        ::curl_easy_setopt(curl_.get(), option, value);
    }

    const HttpRequest& request_;
    Deadline deadline_;
    Steady::time_point start_ = Steady::now();
    Easy curl_{::curl_easy_init()};
    HttpResult result_;
};

}  // namespace

const std::string* HttpResult::header(std::string_view lower_name) const {
    for (const auto& [name, value] : headers)
        if (name == lower_name) return &value;
    return nullptr;
}

std::string url_for_display(const std::string& url) {
    const Url parsed(::curl_url());
    if (::curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        return shown(parsed.get());
    // Not a URL: keep what cannot hold a secret, so that a person still sees which one it is.
    auto text = std::string_view(url).substr(0, url.find_first_of("?#"));
    if (const auto at = text.rfind('@'); at != text.npos) {
        const auto slashes = text.find("://");
        const auto scheme = slashes == text.npos || slashes > at ? std::string_view() : text.substr(0, slashes + 3);
        return std::string(scheme) + std::string(text.substr(at + 1));
    }
    return std::string(text);
}

Result<HttpResult> http_probe(const HttpRequest& request, Deadline deadline) {
    if (!curl_ready()) return fail(Code::internal, "net.no-memory");
    if (!token(request.method)) return fail(Code::invalid, "net.bad-method", {{"method", request.method}});
    return Probe(request, deadline).run();
}

}  // namespace tilsyn::net
