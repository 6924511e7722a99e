// One HTTP request to the outside, measured. libcurl stays behind this header.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "net/resolve.hpp"

namespace tilsyn::net {

enum class TlsVerify { yes, no };  // no: for a probe that wants to see past a bad certificate; tls_error still tells

struct HttpRequest {
    std::string url;  // http or https. May hold user:password@; neither that nor the query appears in any message
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;            // sent when not empty
    unsigned max_redirects = 0;  // 0: a redirect is the answer
    Family family = Family::any;
    TlsVerify verify = TlsVerify::yes;
    std::string ca_file;                 // trust these (PEM) instead of the system's
    std::string proxy;                   // used only when given; the environment's is never
    std::size_t body_kept = 256 * 1024;  // bytes of the body to keep; the rest is counted
};

// Zero: did not happen (no TLS, or a connection was used again after a redirect).
struct HttpTimings {
    Duration lookup{0};      // name to addresses          | these three are spans,
    Duration connect{0};     // TCP                        | summed over redirects
    Duration tls{0};         // TLS handshake              |
    Duration first_byte{0};  // from the very start to the first byte of the last answer
    Duration total{0};       // from the very start to the last byte
};

struct HttpResult {
    int status = 0;
    std::string final_url;  // after redirects; without user, password, query and fragment
    std::vector<std::pair<std::string, std::string>> headers;  // lower-case names, in order, of the last answer
    std::string body;                                          // the first body_kept bytes
    std::uint64_t body_bytes = 0;                              // all that came
    unsigned redirects = 0;
    HttpTimings timings;
    std::string remote_address;        // without the port
    std::optional<Message> tls_error;  // only with TlsVerify::no: why the certificate would not have been accepted

    const std::string* header(std::string_view lower_name) const;  // the first of that name, or null
    bool body_cut() const { return body_bytes > body.size(); }
};

// Any answer is a result, whatever its status. Errors say in plain words what stood in the way: invalid (the
// request itself), timeout (and waiting for what), unavailable (name, connection, certificate, an answer that
// is not HTTP, too many redirects). Headers given are sent to the first origin only: a redirect elsewhere
// leaves them behind.
Result<HttpResult> http_probe(const HttpRequest& request, Deadline deadline);

// "https://user:secret@host:8443/path?token=x#f" -> "https://host:8443/path". For logs and messages.
std::string url_for_display(const std::string& url);

}  // namespace tilsyn::net
