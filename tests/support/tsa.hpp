// A time-stamp authority of a test's own (RFC 3161): a root, and a certificate for stamping that it issued. All of it
// is done by the openssl program, so that what is tested meets somebody else's stamps.
#pragma once
#include <string>
#include <string_view>

#include "support/temporary.hpp"

namespace tilsyn::test {

class Tsa {
  public:
    struct Options {
        std::string key = "ec";                // or "rsa"
        std::string from = "20200101000000Z";  // the authority's certificate is valid
        std::string to = "20450101000000Z";
        bool for_stamping = true;       // its certificate says so; without, only forge() works
        std::string digest = "sha256";  // it signs with
        std::string accepts = "sha256, sha384, sha512";
        std::string name = "Test stamps";
    };
    Tsa();
    explicit Tsa(const Options& options);  // throws std::runtime_error with what openssl said

    std::filesystem::path ca_file() const { return path("ca.pem"); }
    std::string ca() const;  // PEM
    const std::filesystem::path& folder() const { return folder_.path(); }

    // `openssl ts -reply`: a TimeStampResp, now.
    std::string reply(std::string_view request) const;

    // A stamp that says just this.
    struct Says {
        std::string data;                      // over its SHA-256
        std::string time = "20260102030405Z";  // genTime
        std::string accuracy = {};             // fields for openssl's ASN1_generate, see tsa.cpp; empty: none
        std::string nonce = {};                // hexadecimal; empty: none
    };
    std::string forge(const Says& says) const;

    // What `openssl ts -verify` makes of it; empty: it holds. `options`: "-attime 1577836800" ...
    std::string openssl_refuses(std::string_view stamp, std::string_view data, const std::string& options = {}) const;

  private:
    std::filesystem::path path(std::string_view name) const { return folder_.path() / name; }
    void write(std::string_view name, std::string_view content) const;
    void run(const std::string& command) const;

    TemporaryFolder folder_;
    Options options_;
};

}  // namespace tilsyn::test
