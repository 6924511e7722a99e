// The HTTP server: Boost.Beast on one io thread, handlers on a bounded pool.
#pragma once
#include <chrono>
#include <expected>
#include <memory>
#include <optional>
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
    std::chrono::milliseconds header_deadline{
        10'000};  // from connect, or from a later request's first byte, to a whole header
    std::chrono::milliseconds body_deadline{30'000};
    std::chrono::milliseconds write_deadline{30'000};
    std::chrono::milliseconds idle{60'000};   // between an answer and the next request's first byte
    std::chrono::milliseconds drain{10'000};  // at stop: requests under way get this long
    // Names by which the server may be called. Listening on loopback, it also answers to localhost, 127.0.0.1
    // and
    // [::1], and to nothing else: a web page whose name is made to point here (DNS rebinding) gets 421.
    // Listening elsewhere, an empty list accepts any name; else these, loopback and plain addresses are
    // accepted.
    std::vector<std::string> host_names;
};

// Says who a bearer key belongs to and what it may do; an Error means the key is not good. Called on a pool
// thread.
struct Caller {
    std::string actor;
    Auth may = Auth::read;
};
using Authenticate = std::function<Result<Caller>(std::string_view bearer_key)>;

struct Counters {  // for /metrics
    std::uint64_t requests = 0, refused = 0, timed_out = 0, open_connections = 0;
    std::map<int, std::uint64_t> by_status;
};

// One answer given: for the access log, and to find a fault by the id that the caller was told. Neither query
// nor header nor body: they may hold secrets.
struct Served {
    std::string request_id, remote_address, actor;
    std::string method, path;
    std::string route;  // its pattern; empty when none matched
    int status = 0;
    std::chrono::microseconds took{0};  // from the whole header to the last byte written
    std::string fault;                  // Response::log_note
};
using Observe = std::function<void(const Served&)>;  // called on the io thread: hand it on, never block

class Server {
  public:
    // address "127.0.0.1" or "::1" ...; port 0 takes a free one. Fails when it cannot listen.
    static Result<std::unique_ptr<Server>> start(const std::string& address, std::uint16_t port,
                                                 std::vector<Route> routes, Authenticate authenticate,
                                                 Limits limits = {}, Observe observe = {});
    ~Server();  // stop()
    // No new connections; idle ones close; requests whose header has arrived are finished within
    // limits.drain. Then the rest is cut off. Waits for handlers that run: they see to their own deadlines.
    // Any thread but the pool's.
    void stop();
    std::uint16_t port() const;
    Counters counters() const;
    const std::vector<Route>& routes() const;

  private:
    struct Impl;
    explicit Server(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

// The routing alone, without a socket: what tests and the fuzz target call. Handles 404, 405 (with Allow),
// 413, 415, authentication and authorisation, and turns exceptions into a 500 problem. A literal segment wins
// over a {name}.
class Router {
  public:
    // Throws std::invalid_argument for a pattern that is malformed, or that two routes share: a bug in the
    // table.
    explicit Router(std::vector<Route> routes);
    // The route, with request.params filled in; HEAD finds GET's. Null: none; `allowed` then tells the
    // methods of the path.
    const Route* match(Method method, std::string_view path, Request& request, std::vector<Method>* allowed) const;
    Response handle(Request request, const Authenticate& authenticate) const;  // the three steps below

    // What is known of a request before its body is read.
    struct Arrival {
        bool known_method = true;  // one of Method
        bool has_body = false;
        std::uint64_t body_bytes = 0;  // as announced; 0 when sent in chunks, whose size is counted as they come
    };
    // Step 1, never blocks: which route, and whether such a body may come at all. Else the refusal.
    std::expected<const Route*, Response> find(Request& request, const Arrival& arrival) const;
    // Step 2, may block: who is asking, and may they. Sets request.actor, or gives the refusal.
    std::optional<Response> authorise(const Route& route, Request& request, const Authenticate& authenticate) const;
    // Step 3, may block: the handler.
    Response run(const Route& route, const Request& request) const;

    const std::vector<Route>& routes() const { return routes_; }

  private:
    struct Node;
    std::vector<Route> routes_;
    std::shared_ptr<const Node> root_;  // never changed after construction: shared between threads and copies
};

}  // namespace tilsyn::http
