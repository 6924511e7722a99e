// Names to addresses, within a deadline.
//
// getaddrinfo() blocks for as long as the system's resolver likes, and cannot be interrupted. So it runs on a
// thread of its own which shares nothing with the caller but a small state both own; at the deadline the
// caller walks away and the thread ends when the resolver does. (getaddrinfo_a() was weighed: a request under
// way cannot be cancelled there either, and its helper threads are not bounded.) At most
// `max_unfinished_lookups` may be under way at a time.
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

inline constexpr int max_unfinished_lookups = 64;

// At least one address, in the order in which the system would try them. Errors: unavailable
// (net.name-not-found: it does not exist; net.lookup-failed: nobody could say), timeout, busy, invalid (not a
// name).
Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Family family, Deadline deadline);

}  // namespace tilsyn::net
