#include "net/probe_tcp.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <system_error>

#include "net/fd.hpp"

namespace tilsyn::net {
namespace {

using Steady = std::chrono::steady_clock;

TcpState state_of(int error) {
    switch (error) {
        case 0:
            return TcpState::open;
        case ECONNREFUSED:
        case ECONNRESET:
            return TcpState::refused;
        case ETIMEDOUT:
            return TcpState::filtered;
        default:
            return TcpState::unreachable;  // ENETUNREACH, EHOSTUNREACH, EACCES, EADDRNOTAVAIL ...
    }
}

// The errno of the attempt; ETIMEDOUT when the time is up.
Result<int> connect_until(const Address& address, Deadline deadline) {
    const Fd socket(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
    if (socket.get() < 0) {
        if (errno == EAFNOSUPPORT) return ENETUNREACH;  // this machine does not speak IPv6 at all
        return fail(Code::io, "net.no-socket").detail(std::generic_category().message(errno));
    }
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.length) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    for (;;) {
        // Rounded up: poll() with the time rounded down would spin through the last millisecond.
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.left()).count();
        pollfd waiting{socket.get(), POLLOUT, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 3'600'000)));
        if (ready < 0 && errno != EINTR)
            return fail(Code::io, "net.no-socket").detail(std::generic_category().message(errno));
        if (ready > 0) break;
        if (deadline.passed()) return ETIMEDOUT;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

int telling(TcpState state) {  // the higher, the more it says about the far end
    switch (state) {
        case TcpState::open:
            return 3;
        case TcpState::refused:
            return 2;
        case TcpState::filtered:
            return 1;
        case TcpState::unreachable:
            return 0;
    }
    return 0;
}

}  // namespace

std::string_view to_string(TcpState state) {
    switch (state) {
        case TcpState::open:
            return "open";
        case TcpState::refused:
            return "refused";
        case TcpState::filtered:
            return "filtered";
        case TcpState::unreachable:
            return "unreachable";
    }
    return "unreachable";
}

Result<TcpResult> tcp_probe(const std::string& host, std::uint16_t port, Deadline deadline, Family family) {
    if (port == 0) return fail(Code::invalid, "net.bad-port");
    const auto start = Steady::now();
    TRY(const auto addresses, resolve(host, port, family, deadline));
    TcpResult result;
    result.lookup = std::chrono::duration_cast<Duration>(Steady::now() - start);
    std::size_t left = addresses.size();
    for (const auto& address : addresses) {
        const auto begun = Steady::now();
        const auto share = Deadline::in(deadline.left() / static_cast<std::int64_t>(left--));
        TRY(const int error, connect_until(address, share));
        TcpAttempt attempt;
        attempt.address = to_string(address);
        attempt.state = state_of(error);
        attempt.took = std::chrono::duration_cast<Duration>(Steady::now() - begun);
        if (error != 0) attempt.detail = std::generic_category().message(error);
        if (result.attempts.empty() || telling(attempt.state) > telling(result.state)) {
            result.state = attempt.state;
            result.address = attempt.address;
            result.connect = attempt.took;
        }
        result.attempts.push_back(std::move(attempt));
        if (result.state == TcpState::open) break;
    }
    return result;
}

}  // namespace tilsyn::net
