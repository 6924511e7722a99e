#include "net/curl_faults.hpp"

#include <openssl/x509_vfy.h>

#include <cerrno>

namespace tilsyn::net {

Duration span_of(CURL* curl, CURLINFO info) {
    curl_off_t micros = 0;
    ::curl_easy_getinfo(curl, info, &micros);
    return Duration(micros);
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

namespace {

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

Fail timeout_failure(const CurlAttempt& attempt) {
    auto* curl = attempt.handle;
    const bool tls_done = span_of(curl, CURLINFO_APPCONNECT_TIME_T) > Duration(0);
    const auto key = attempt.tls_begun && !tls_done                                ? "net.tls-timeout"
                     : span_of(curl, CURLINFO_CONNECT_TIME_T) == Duration(0)       ? "net.connect-timeout"
                     : span_of(curl, CURLINFO_STARTTRANSFER_TIME_T) == Duration(0) ? "net.first-byte-timeout"
                                                                                   : "net.body-timeout";
    return fail(Code::timeout, key, {{"url", attempt.shown}});
}

}  // namespace

Fail curl_fault(const CurlAttempt& attempt, CURLcode code) {
    auto* curl = attempt.handle;
    const std::string why = *attempt.words != '\0' ? attempt.words : ::curl_easy_strerror(code);
    const Params url{{"url", attempt.shown}};
    const auto unavailable = [&](std::string_view key) {
        return fail(Code::unavailable, key, {{"url", attempt.shown}}).detail(why);
    };
    switch (code) {
        case CURLE_OPERATION_TIMEDOUT:
            return timeout_failure(attempt).detail(why);
        case CURLE_COULDNT_CONNECT:
            return connection_failure(curl, attempt.shown).detail(why);
        case CURLE_COULDNT_RESOLVE_HOST:
            return fail(Code::unavailable, "net.name-not-found", {{"host", attempt.host}}).detail(why);
        case CURLE_COULDNT_RESOLVE_PROXY:
            return fail(Code::unavailable, "net.proxy-not-found").detail(why);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_ISSUER_ERROR: {
            long verify = 0;
            ::curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &verify);
            Fail result = fail(Code::unavailable, "net.tls-failed", url).detail(why);
            result.error.message = certificate_message(verify, attempt.host);
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
            if (attempt.headers_too_large) return unavailable("net.headers-too-large");
            return unavailable("net.not-http");
        case CURLE_UNSUPPORTED_PROTOCOL:  // an answer without a status line
        case CURLE_WEIRD_SERVER_REPLY:
        case CURLE_HTTP2:
        case CURLE_HTTP2_STREAM:
        case CURLE_BAD_CONTENT_ENCODING:
            return unavailable("net.not-http");
        case CURLE_ABORTED_BY_CALLBACK:
            return fail(Code::cancelled, "net.probe-failed", url).detail("called off");
        case CURLE_OUT_OF_MEMORY:
            return fail(Code::busy, "net.probe-failed", url).detail(why);
        default:
            return unavailable("net.probe-failed");
    }
}

}  // namespace tilsyn::net
