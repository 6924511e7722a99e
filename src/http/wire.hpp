// An answer as bytes.
#pragma once
#include <string>

#include "base/time.hpp"
#include "http/types.hpp"

namespace tilsyn::http {

struct Wire {
    bool http10 = false;
    bool keep_alive = false;
};

// The header, ready to send, up to and with the empty line. Adds length, date, request id and the security
// headers (a handler's own Cache-Control and Content-Security-Policy win). A header that would split the
// answer in two is a bug of a handler: `response` becomes a 500 problem.
std::string header_bytes(Response& response, const Wire& wire, std::string_view request_id, Lang lang, Timestamp now);

// Whether the body is sent at all: not to HEAD, and not with a status that has none.
bool sends_body(int status, bool head);

}  // namespace tilsyn::http
