// The HTTP server: Boost.Beast on one io thread, handlers on a bounded pool.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "http/types.hpp"

namespace tilsyn::http {

struct Limits {
    std::size_t header_bytes = 16 * 1024;
    std::size_t connections = 512;
    std::size_t connections_per_address = 128;
    std::size_t handler_threads = 4;
    std::size_t handler_queue = 256;  // beyond it: 503 with Retry-After
    std::size_t heavy_at_once = 2;
    std::chrono::seconds header_deadline{10};   // from connect or the previous answer to a whole header (slow loris)
    std::chrono::seconds body_deadline{30};
    std::chrono::seconds write_deadline{30};
    std::chrono::seconds idle{60};
    std::chrono::seconds drain{10};             // at stop: requests under way get this long
};

// Says who a bearer key belongs to and what it may do; an Error means the key is not good. Called on a pool thread.
struct Caller {
    std::string actor;
    Auth may = Auth::read;
};
using Authenticate = std::function<Result<Caller>(std::string_view bearer_key)>;

struct Counters {  // for /metrics
    std::uint64_t requests = 0, refused = 0, timed_out = 0, open_connections = 0;
    std::map<int, std::uint64_t> by_status;
};

class Server {
  public:
    // address "127.0.0.1" or "::1" ...; port 0 takes a free one. Fails when it cannot listen.
    static Result<std::unique_ptr<Server>> start(std::string address, std::uint16_t port, std::vector<Route> routes,
                                                 Authenticate authenticate, Limits limits = {});
    ~Server();     // stop()
    void stop();   // no new connections, finishes requests under way within limits.drain
    std::uint16_t port() const;
    Counters counters() const;
    const std::vector<Route>& routes() const;

  private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// The routing alone, without a socket: what tests and the fuzz target call. Handles 404, 405 (with Allow), 413, 415,
// authentication and authorisation, and turns exceptions into a 500 problem.
class Router {
  public:
    explicit Router(std::vector<Route> routes);
    const Route* match(Method method, std::string_view path, Request& request, std::vector<Method>* allowed) const;
    Response handle(Request request, const Authenticate& authenticate) const;
    const std::vector<Route>& routes() const { return routes_; }

  private:
    std::vector<Route> routes_;
};

}  // namespace tilsyn::http
