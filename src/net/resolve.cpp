#include "net/resolve.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <cstring>

#include "net/reactor.hpp"

namespace tilsyn::net {

std::string to_string(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.family() == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &address.storage, sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    } else {
        sockaddr_in v4;
        std::memcpy(&v4, &address.storage, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    }
    return text;
}

std::optional<Result<std::vector<Address>>> written_address(const std::string& host, std::uint16_t port,
                                                            Family family) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0) return std::nullopt;
    Address address;
    if (list->ai_addrlen <= sizeof(sockaddr_storage)) {
        std::memcpy(&address.storage, list->ai_addr, list->ai_addrlen);
        address.length = list->ai_addrlen;
    }
    ::freeaddrinfo(list);
    if (family != Family::any && address.family() != (family == Family::ipv4 ? AF_INET : AF_INET6))
        return fail(Code::unavailable, "net.name-not-found", {{"host", host}});
    return std::vector<Address>{address};
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Family family, Deadline deadline) {
    return run_alone<std::vector<Address>>(
        [&](Reactor& reactor) { return reactor.lookups.find(host, port, family, deadline); });
}

}  // namespace tilsyn::net
