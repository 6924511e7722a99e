// What curl's codes mean for people: one sentence each, and whether it was a timeout, and waiting for what.
#pragma once
#include <curl/curl.h>

#include <string>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::net {

struct CurlAttempt {
    CURL* handle = nullptr;
    std::string host;   // as in a certificate
    std::string shown;  // the address, without what nobody may see
    bool tls_begun = false;
    bool headers_too_large = false;
    const char* words = "";  // CURLOPT_ERRORBUFFER
};

Fail curl_fault(const CurlAttempt& attempt, CURLcode code);
Message certificate_message(long verify_result, const std::string& host);  // of CURLINFO_SSL_VERIFYRESULT
Duration span_of(CURL* handle, CURLINFO info);                             // one of the ..._TIME_T

}  // namespace tilsyn::net
