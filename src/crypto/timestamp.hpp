// Time stamps of RFC 3161: a time-stamp authority (TSA) signs "I saw this hash at this time". OpenSSL's own TS
// functions do the work. Only SHA-256 is asked for and accepted.
//
// A stamp is always the whole TimeStampResp, DER, as the authority sent it: `openssl ts -verify -in` reads the same
// file.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::crypto {

inline constexpr std::size_t most_stamp_bytes = 64 * 1024;
inline constexpr int most_stamp_certificates = 16;  // in one stamp: the chain up to, or with, the root
inline constexpr std::size_t most_ca_bytes = 1 << 20;

struct StampRequest {
    std::string der;    // to be sent as application/timestamp-query
    std::string nonce;  // the bytes of the number, most significant first
    Sha256 imprint{};   // of the data
};
StampRequest request_stamp(std::string_view data);  // asks for the authority's certificates to be in the answer

// What a stamp says.
struct Stamped {
    Timestamp at{};  // genTime; digits beyond microseconds are dropped
    std::optional<Duration>
        accuracy;        // the true time is within `at` plus or minus this; none: the authority gives none
    std::string policy;  // object identifier, "1.2.3.4"
    std::string serial;  // hexadecimal, lower case
    std::string tsa;     // the subject of the certificate that signed, RFC 2253: "CN=...,O=..."
    bool operator==(const Stamped&) const = default;
};

// Whose stamps are believed: certificates of roots, and of authorities between, as PEM text. Cheap to copy.
class StampTrust {
  public:
    // Code::invalid (stamp.bad-ca): no certificate, or one that cannot be read.
    static Result<StampTrust> parse(std::string_view pem);

  private:
    friend struct StampVerifier;
    struct Certificates;
    std::shared_ptr<const Certificates> certificates_;
};

// Holds, or says why not; each reason has its key:
//   stamp.too-large          more than most_stamp_bytes, or too many certificates
//   stamp.malformed          not a TimeStampResp, or one that RFC 3161 does not allow
//   stamp.refused            the authority gave no stamp; its own words are in the message
//   stamp.wrong-imprint      it is over something else, or not over SHA-256
//   stamp.wrong-nonce        it does not answer this request
//   stamp.weak-digest        signed with a hash that is no longer safe
//   stamp.no-certificate     the certificate of who signed is not in it
//   stamp.not-for-stamping   that certificate is not for time stamping (critical extended key usage timeStamping alone)
//   stamp.untrusted          no trusted certificate vouches for it
//   stamp.not-valid-then     a certificate was not valid at genTime. Whether it is now makes no difference
//   stamp.bad-signature      the signature is not over what the stamp says
// Revocation is not looked up: that would need the network. detail is OpenSSL's own words.
Result<Stamped> verify_stamp(std::string_view stamp, const StampRequest& request, const StampTrust& trust);
// A stamp that was kept, whose nonce nobody knows any more.
Result<Stamped> verify_stamp(std::string_view stamp, std::string_view data, const StampTrust& trust);

// What it claims, nothing of it verified; `tsa` is empty when the certificate is not in it.
Result<Stamped> read_stamp(std::string_view stamp);

}  // namespace tilsyn::crypto
