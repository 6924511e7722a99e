// Does something listen on a TCP port, as seen from here?
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "net/resolve.hpp"

namespace tilsyn::net {

enum class TcpState {
    open,         // connected
    refused,      // the machine answered: nothing listens there
    filtered,     // no answer within the time: a firewall drops it, or the machine is gone
    unreachable,  // no way there: no route, or a router said so
};
std::string_view to_string(TcpState state);

struct TcpAttempt {
    std::string address;
    TcpState state = TcpState::filtered;
    Duration took{0};
    std::string detail;  // the system's words when not open
};

struct TcpResult {
    TcpState state =
        TcpState::filtered;            // open if any address was; else the most telling: refused, filtered, unreachable
    std::string address;               // the address behind `state`
    Duration lookup{0};                // name to addresses
    Duration connect{0};               // to that address
    std::vector<TcpAttempt> attempts;  // every address tried, in order; stops at the first that is open
};

struct TcpRequest {
    std::string host;
    std::uint16_t port = 0;
    Family family = Family::any;
};

// What is found is a result, not an error. Errors: those of resolve(), and io when the system gives no
// socket. Each address gets an equal share of the time left, so that a dead one leaves time for the next.
Result<TcpResult> tcp_probe(const TcpRequest& request, Deadline deadline);

}  // namespace tilsyn::net
