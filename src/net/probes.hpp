// The probes as coroutines, for whoever runs many of them on one reactor (loop.hpp). The blocking calls of
// probe_http.hpp and probe_tcp.hpp are these, on a reactor of their own.
#pragma once
#include "net/probe_http.hpp"
#include "net/probe_tcp.hpp"
#include "net/reactor.hpp"

namespace tilsyn::net {

// They begin at once and end by the deadline. Called off (asio's cancellation slot): they end soon, with any result.
boost::asio::awaitable<Result<HttpResult>> http_probe_on(Reactor& reactor, HttpRequest request, Deadline deadline);
boost::asio::awaitable<Result<TcpResult>> tcp_probe_on(Reactor& reactor, TcpRequest request, Deadline deadline);

}  // namespace tilsyn::net
