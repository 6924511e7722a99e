#include "net/probe_http.hpp"

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/text.hpp"
#include "net/curl_faults.hpp"
#include "net/probes.hpp"

namespace tilsyn::net {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t max_header_bytes = 256 * 1024;

struct FreeCurl {
    void operator()(curl_slist* list) const { ::curl_slist_free_all(list); }
    void operator()(CURLU* url) const { ::curl_url_cleanup(url); }
    void operator()(char* text) const { ::curl_free(text); }
};
using List = std::unique_ptr<curl_slist, FreeCurl>;
using Url = std::unique_ptr<CURLU, FreeCurl>;

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

Duration positive(Duration span) {
    return std::max(span, Duration(0));
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

// One probe: the handle, what is asked, and what has been seen so far. What has to be waited for is done by
// http_probe_on(), between these steps.
class Probe {
  public:
    Probe(CurlLoop& curl, HttpRequest request, Deadline deadline)
        : curl_(curl), handle_(curl.take()), request_(std::move(request)), deadline_(deadline) {}
    ~Probe() { curl_.give_back(std::move(handle_)); }
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    Result<void> begin() {
        if (!handle_.easy) return fail(Code::internal, "net.no-memory");
        if (!token(request_.method)) return fail(Code::invalid, "net.bad-method", {{"method", request_.method}});
        url_ = request_.url;
        method_ = request_.method;
        with_body_ = !request_.body.empty();
        TRY(target_, parse_target(url_));
        first_ = target_;
        return {};
    }

    // We look the name up ourselves: curl cannot tell "no such name" from "nobody could say". A proxy does its own.
    bool looks_up() const { return request_.proxy.empty(); }
    const Target& target() const { return target_; }
    Family family() const { return request_.family; }

    // `found` is empty when nothing was looked up.
    Result<void> set_up(const std::vector<Address>& found, Duration lookup) {
        result_.headers.clear();
        result_.body.clear();
        result_.body_bytes = 0;
        result_.timings.lookup += lookup;
        TRY(headers_, header_list(request_, target_.same_origin(first_)));
        ::curl_easy_reset(curl());
        if (!found.empty() && !target_.literal_ipv6) {
            const auto entry = target_.host + ":" + std::to_string(target_.port) + ":" + join_addresses(found);
            addresses_.reset(::curl_slist_append(nullptr, entry.c_str()));
            set(CURLOPT_RESOLVE, addresses_.get());
        }
        words_[0] = '\0';
        receiver_ = {&result_, request_.body_kept};
        set(CURLOPT_ERRORBUFFER, words_);
        set(CURLOPT_URL, url_.c_str());
        set(CURLOPT_HTTPHEADER, headers_.get());
        set(CURLOPT_HEADERDATA, &receiver_);
        set(CURLOPT_WRITEDATA, &receiver_);
        set(CURLOPT_SSL_CTX_FUNCTION, &on_tls);
        set(CURLOPT_SSL_CTX_DATA, &receiver_);
        configure(method_, with_body_);
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_.left()).count();
        if (left == 0) return fail(Code::timeout, "net.connect-timeout", {{"url", target_.shown}});
        set(CURLOPT_TIMEOUT_MS, static_cast<long>(std::min<std::int64_t>(left, 86'400'000)));
        before_ = since_start();
        return {};
    }

    CURL* curl() { return handle_.easy.get(); }

    // True: there is another hop to make.
    Result<bool> after(CURLcode code) {
        if (code != CURLE_OK)
            return curl_fault(
                {curl(), target_.bare_host(), target_.shown, receiver_.tls_begun, receiver_.headers_too_large, words_},
                code);
        note();
        char* next = nullptr;
        ::curl_easy_getinfo(curl(), CURLINFO_REDIRECT_URL, &next);
        if (request_.max_redirects == 0 || next == nullptr) return false;
        if (result_.redirects == request_.max_redirects)
            return fail(Code::unavailable, "net.too-many-redirects",
                        {{"url", first_.shown}, {"limit", std::to_string(request_.max_redirects)}});
        ++result_.redirects;
        url_ = next;
        TRY(target_, parse_target(url_));
        if (result_.status == 303 || ((result_.status == 301 || result_.status == 302) && method_ == "POST")) {
            if (method_ != "HEAD") method_ = "GET";
            with_body_ = false;
        }
        // A body may hold what only the first origin should see.
        if (with_body_ && !target_.same_origin(first_))
            return fail(Code::unavailable, "net.redirect-with-body", {{"url", target_.shown}});
        return true;
    }

    HttpResult finish() {
        result_.final_url = target_.shown;
        result_.timings.total = since_start();
        return std::move(result_);
    }

  private:
    Duration since_start() const { return std::chrono::duration_cast<Duration>(Steady::now() - start_); }

    void configure(const std::string& method, bool with_body) {
        set(CURLOPT_NOSIGNAL, 1L);
        set(CURLOPT_QUICK_EXIT, 1L);
        // Each hop connects anew: a connection that somebody else's probe has left says nothing of connecting now.
        set(CURLOPT_FRESH_CONNECT, 1L);
        set(CURLOPT_FORBID_REUSE, 1L);
        set(CURLOPT_SSL_SESSIONID_CACHE, 0L);
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

    void note() {
        auto* easy = curl();
        long status = 0;
        ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        result_.status = static_cast<int>(status);
        char* address = nullptr;
        ::curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
        result_.remote_address = address != nullptr ? address : "";
        const auto looked_up = span_of(easy, CURLINFO_NAMELOOKUP_TIME_T);
        const auto connected = span_of(easy, CURLINFO_CONNECT_TIME_T);
        const auto secured = span_of(easy, CURLINFO_APPCONNECT_TIME_T);
        auto& timings = result_.timings;
        if (connected > Duration(0)) timings.connect += positive(connected - looked_up);
        if (secured > Duration(0)) timings.tls += positive(secured - connected);
        timings.first_byte = before_ + span_of(easy, CURLINFO_STARTTRANSFER_TIME_T);
        long verify = X509_V_OK;
        ::curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
        if (target_.scheme == "https" && verify != X509_V_OK)
            result_.tls_error = certificate_message(verify, target_.bare_host());
    }

    template <class T>
    void set(CURLoption option, T value) {
        ::curl_easy_setopt(curl(), option, value);
    }

    CurlLoop& curl_;
    CurlHandle handle_;
    HttpRequest request_;
    Deadline deadline_;
    Steady::time_point start_ = Steady::now();
    HttpResult result_;
    // Of the hop that is being made; curl holds pointers to these.
    Target first_, target_;
    std::string url_, method_;
    bool with_body_ = false;
    List headers_, addresses_;
    Receiver receiver_;
    Duration before_{0};
    char words_[CURL_ERROR_SIZE] = "";
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

boost::asio::awaitable<Result<HttpResult>> http_probe_on(Reactor& reactor, HttpRequest request, Deadline deadline) {
    Probe probe(reactor.curl, std::move(request), deadline);
    if (auto begun = probe.begin(); !begun) co_return std::unexpected(std::move(begun).error());
    for (bool more = true; more;) {
        std::vector<Address> addresses;
        const auto begun = Steady::now();
        if (probe.looks_up()) {
            auto found = co_await reactor.lookups.find(probe.target().bare_host(), probe.target().port, probe.family(),
                                                       deadline);
            if (!found) co_return std::unexpected(std::move(found).error());
            addresses = std::move(*found);
        }
        auto ready = probe.set_up(addresses, std::chrono::duration_cast<Duration>(Steady::now() - begun));
        if (!ready) co_return std::unexpected(std::move(ready).error());
        const auto code = co_await reactor.curl.perform(probe.curl());
        const auto next = probe.after(code);
        if (!next) co_return std::unexpected(next.error());
        more = *next;
    }
    co_return probe.finish();
}

Result<HttpResult> http_probe(const HttpRequest& request, Deadline deadline) {
    return run_alone<HttpResult>([&](Reactor& reactor) { return http_probe_on(reactor, request, deadline); });
}

}  // namespace tilsyn::net
