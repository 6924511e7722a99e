// Hands a message to a mail server. libcurl stays behind this header.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::net {

struct MailRequest {
    std::string server;          // "smtp.example.com:587", or "smtps://smtp.example.com" (TLS from the first byte)
    bool tls = true;             // demanded; false: for a server on this machine itself
    std::string user, password;  // none: it takes mail from us as we are
    std::string ca_file;         // trust these (PEM) instead of the system's
    std::string from;            // bare addresses, of the envelope
    std::vector<std::string> to;
    std::string message;  // RFC 5322, with CRLF
};
// When it returns without an error, the server has taken the message over. Code::unavailable: it may do so later;
// Code::invalid: this message it will never take. The server's own words are the detail.
Result<void> send_mail(const MailRequest& request, Deadline deadline);

}  // namespace tilsyn::net
