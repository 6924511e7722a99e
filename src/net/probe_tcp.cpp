#include "net/probe_tcp.hpp"

#include "base/asio.hpp"

#include <netinet/in.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <system_error>

#include "net/probes.hpp"

namespace tilsyn::net {
namespace asio = boost::asio;
namespace {

using Steady = std::chrono::steady_clock;
using Socket = std::shared_ptr<asio::generic::stream_protocol::socket>;

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
asio::awaitable<Result<int>> connect_until(asio::io_context& io, Address address, Deadline deadline) {
    const Socket socket = std::make_shared<asio::generic::stream_protocol::socket>(io);
    boost::system::error_code error;
    socket->open({address.family(), IPPROTO_TCP}, error);
    if (error == boost::system::errc::address_family_not_supported)
        co_return ENETUNREACH;  // this machine does not speak IPv6 at all
    if (error) co_return fail(Code::io, "net.no-socket").detail(error.message());
    bool late = false;
    asio::steady_timer patience(io, deadline.at());
    // The handler may run after this coroutine has ended: it holds the socket, and looks at `late` only in time.
    patience.async_wait([socket, flag = &late](const boost::system::error_code& called_off) {
        if (called_off || !socket->is_open()) return;
        *flag = true;
        socket->close();
    });
    const asio::generic::stream_protocol::endpoint there(&address.storage, address.length);
    const auto [refused] = co_await socket->async_connect(there, asio::as_tuple(asio::use_awaitable));
    boost::system::error_code ignored;
    socket->close(ignored);
    co_return late ? ETIMEDOUT : refused.value();
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

asio::awaitable<Result<TcpResult>> tcp_probe_on(Reactor& reactor, TcpRequest request, Deadline deadline) {
    if (request.port == 0) co_return fail(Code::invalid, "net.bad-port");
    const auto start = Steady::now();
    const auto addresses = co_await reactor.lookups.find(request.host, request.port, request.family, deadline);
    if (!addresses) co_return std::unexpected(addresses.error());
    TcpResult result;
    result.lookup = std::chrono::duration_cast<Duration>(Steady::now() - start);
    std::size_t left = addresses->size();
    for (const auto& address : *addresses) {
        const auto begun = Steady::now();
        const auto share = Deadline::in(deadline.left() / static_cast<std::int64_t>(left--));
        const auto error = co_await connect_until(reactor.io, address, share);
        if (!error) co_return std::unexpected(error.error());
        TcpAttempt attempt;
        attempt.address = to_string(address);
        attempt.state = state_of(*error);
        attempt.took = std::chrono::duration_cast<Duration>(Steady::now() - begun);
        if (*error != 0) attempt.detail = std::generic_category().message(*error);
        if (result.attempts.empty() || telling(attempt.state) > telling(result.state)) {
            result.state = attempt.state;
            result.address = attempt.address;
            result.connect = attempt.took;
        }
        result.attempts.push_back(std::move(attempt));
        if (result.state == TcpState::open) break;
        if ((co_await asio::this_coro::cancellation_state).cancelled() != asio::cancellation_type::none) break;
    }
    co_return result;
}

Result<TcpResult> tcp_probe(const TcpRequest& request, Deadline deadline) {
    return run_alone<TcpResult>([&](Reactor& reactor) { return tcp_probe_on(reactor, request, deadline); });
}

}  // namespace tilsyn::net
