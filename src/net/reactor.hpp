// What probes run on: one thread's io_context, with curl and c-ares on it.
#pragma once
#include "base/asio.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <functional>
#include <optional>

#include "base/error.hpp"
#include "net/curl_loop.hpp"
#include "net/lookups.hpp"

namespace tilsyn::net {

struct Reactor {
    boost::asio::io_context io{1};
    CurlLoop curl{io};
    Lookups lookups{io};
};

// For callers that wait: does one thing on a reactor of its own, in the calling thread. What is done keeps its
// deadline, so this ends.
template <class T>
Result<T> run_alone(const std::function<boost::asio::awaitable<Result<T>>(Reactor&)>& what) {
    Reactor reactor;
    std::optional<Result<T>> out;
    std::exception_ptr thrown;
    boost::asio::co_spawn(reactor.io, what(reactor), [&](std::exception_ptr e, Result<T> result) {
        thrown = e;
        out = std::move(result);
    });
    while (!out && reactor.io.run_one() > 0) {
    }
    if (thrown) std::rethrow_exception(thrown);
    return std::move(*out);
}

}  // namespace tilsyn::net
