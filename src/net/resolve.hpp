// Names to addresses, within a deadline. c-ares does it (docs/dependencies.md): unlike getaddrinfo() it can be given
// up, and needs no thread for it. It reads /etc/hosts and /etc/resolv.conf; of nsswitch.conf's other sources it knows
// nothing.
#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::net {

enum class Family { any, ipv4, ipv6 };

struct Address {
    sockaddr_storage storage{};
    socklen_t length = 0;
    int family() const { return storage.ss_family; }
};
std::string to_string(const Address& address);  // without the port: "192.0.2.1", "2001:db8::1"

// At least one address, in the order in which the system would try them. Errors: unavailable
// (net.name-not-found: it does not exist; net.lookup-failed: nobody could say), timeout, invalid (not a name).
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Family family, Deadline deadline);

}  // namespace tilsyn::net
