// For tests: an object store that speaks S3 over TLS on loopback, and refuses whoever signs with another key. It is
// OpenStack Swift with all its parts on one disk, from files written here; nothing of the system's configuration is
// used.
#pragma once
#include <optional>

#include "support/serving.hpp"
#include "support/temporary.hpp"

namespace tilsyn::test {

class S3Server {
  public:
    S3Server();
    std::string location(const std::string& bucket) const;  // as restic writes it
    std::filesystem::path certificate() const { return folder_.path() / "cert.pem"; }
    std::string access_key() const { return "test:tester"; }
    std::string secret_key() const { return "sesame"; }
    void stop_front();  // what speaks S3; the data stays
    void start_front();

  private:
    TemporaryFolder folder_;
    std::uint16_t port_ = 0;
    std::vector<std::unique_ptr<Serving>> stores_;
    std::optional<Serving> front_;
};

}  // namespace tilsyn::test
