// Sockets, deadlines and limits. What a request means is decided in message.cpp and router.cpp.
//
// One io thread owns all sessions, so nothing here but counters and `open` is locked. GCC 12 miscompiles
// coroutines: no lambda and no brace-built aggregate stands in a full expression with co_await, and
// coroutines take values.
#include "http/asio.hpp"
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12 takes Asio's own frame allocator, inlined on one side only, for a mismatched pair.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

#include "http/server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "base/random.hpp"
#include "base/time.hpp"
#include "http/message.hpp"
#include "http/pool.hpp"
#include "http/problem.hpp"
#include "http/wire.hpp"

namespace tilsyn::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using Steady = std::chrono::steady_clock;
using Nothing = asio::awaitable<void>;

constexpr auto token = asio::as_tuple(asio::use_awaitable);
constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::size_t linger_bytes = 1 << 20;
constexpr std::chrono::seconds linger_time{2};

struct Session {
    explicit Session(tcp::socket socket) : stream(std::move(socket)) {}
    beast::tcp_stream stream;
    std::string address;     // as shown
    std::string counted_as;  // as limited: IPv6 by its /64, of which one customer has billions of addresses
    bool waiting = true;     // for a request: may be closed without loss
    Steady::time_point since = Steady::now();
};
using SessionPtr = std::shared_ptr<Session>;

// One request and its answer, while it is under way.
struct Exchange {
    Parser parser;
    Head head;
    const Route* route = nullptr;
    std::optional<Response> response;
    bool body_read = true;  // false: bytes of it may still come, so the connection cannot be used again
    Steady::time_point started = Steady::now();
};

// A job on the pool, awaited on the io thread by a timer that is cancelled when it is done.
struct Call {
    explicit Call(asio::io_context& io) : signal(io, Steady::time_point::max()) {}
    asio::steady_timer signal;
    bool done = false;  // io thread only
};

bool is_http_error(const beast::error_code& error) {
    static const auto& category = beast::http::make_error_code(beast::http::error::end_of_stream).category();
    return error.category() == category && error != beast::http::error::end_of_stream &&
           error != beast::http::error::partial_message;
}

std::string counted_address(const asio::ip::address& address) {
    if (!address.is_v6()) return address.to_string();
    auto bytes = address.to_v6().to_bytes();
    std::fill(bytes.begin() + 8, bytes.end(), 0);
    return asio::ip::address_v6(bytes).to_string();
}

asio::ip::address plain_address(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    return address;
}

}  // namespace

struct Server::Impl {
    Impl(std::vector<Route> routes, Authenticate authenticate_, Limits limits_, Observe observe_, bool on_loopback)
        : limits(std::move(limits_)),
          router(std::move(routes)),
          authenticate(std::move(authenticate_)),
          observe(std::move(observe_)),
          hosts(on_loopback, limits.host_names),
          pool(limits.handler_threads, limits.handler_queue, limits.heavy_at_once) {}

    const Limits limits;
    const Router router;
    const Authenticate authenticate;
    const Observe observe;
    const HostRule hosts;
    const SystemClock clock;

    std::mutex mutex;  // guards the next three
    std::condition_variable closed;
    Counters counters;
    bool refusing = false;  // stop() has reached the io thread

    std::set<SessionPtr> sessions;                  // io thread
    std::map<std::string, std::size_t> by_address;  // io thread
    bool stopping = false;                          // io thread
    std::atomic<bool> stop_called{false};
    std::uint16_t port = 0;
    std::thread thread;

    Pool pool;
    // Last, so destroyed first: that ends what is left of the coroutines, which use all of the above.
    asio::io_context io{1};
    tcp::acceptor acceptor{io};

    Result<void> listen(const std::string& address, std::uint16_t wanted);
    void stop();

    bool enter(const SessionPtr& session);
    void leave(const SessionPtr& session);
    void count_timeout();
    void note(const Session& session, const Exchange& exchange, std::string_view pattern);
    std::shared_ptr<Call> begin(Rate rate, std::function<void()> work);
    Response too_busy(const Exchange& exchange);

    Nothing accept_loop();
    Nothing serve(SessionPtr session);
    asio::awaitable<bool> read_header(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange, bool first);
    asio::awaitable<bool> read_body(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange);
    asio::awaitable<bool> answer(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange);
    asio::awaitable<bool> on_pool(Rate rate, std::function<void()> work);
    asio::awaitable<bool> send(SessionPtr session, Exchange* exchange, bool keep);
    Nothing linger(SessionPtr session);
};

Result<void> Server::Impl::listen(const std::string& address, std::uint16_t wanted) {
    beast::error_code error;
    const auto ip = asio::ip::make_address(address, error);
    if (error) return fail(Code::invalid, "http.bad-address", {{"address", address}});
    const tcp::endpoint endpoint(ip, wanted);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(1024, error);
    if (error) {
        auto failure =
            fail(Code::unavailable, "http.cannot-listen", {{"address", address}, {"port", std::to_string(wanted)}})
                .detail(error.message());
        if (error == asio::error::address_in_use) return std::move(failure).hint("http.port-taken");
        return failure;
    }
    port = acceptor.local_endpoint().port();
    return {};
}

// ---- who is connected ----

bool Server::Impl::enter(const SessionPtr& session) {
    auto& mine = by_address[session->counted_as];
    if (mine >= limits.connections_per_address) {
        const std::lock_guard lock(mutex);
        ++counters.refused;
        return false;
    }
    if (sessions.size() >= limits.connections) {
        // Room is made at the cost of whoever has said nothing for longest: silence must not lock others out.
        SessionPtr oldest;
        for (const auto& other : sessions)
            if (other->waiting && (!oldest || other->since < oldest->since)) oldest = other;
        const std::lock_guard lock(mutex);
        ++counters.refused;
        if (!oldest) {
            if (mine == 0) by_address.erase(session->counted_as);
            return false;
        }
        oldest->waiting = false;
        oldest->stream.close();
    }
    ++mine;
    sessions.insert(session);
    const std::lock_guard lock(mutex);
    counters.open_connections = sessions.size();
    return true;
}

void Server::Impl::leave(const SessionPtr& session) {
    if (const auto mine = by_address.find(session->counted_as); mine != by_address.end() && --mine->second == 0)
        by_address.erase(mine);
    sessions.erase(session);
    {
        const std::lock_guard lock(mutex);
        counters.open_connections = sessions.size();
    }
    closed.notify_all();
}

void Server::Impl::count_timeout() {
    const std::lock_guard lock(mutex);
    ++counters.timed_out;
}

void Server::Impl::note(const Session& session, const Exchange& exchange, std::string_view pattern) {
    const auto& request = exchange.head.request;
    const auto& response = *exchange.response;
    {
        const std::lock_guard lock(mutex);
        ++counters.requests;
        ++counters.by_status[response.status];
    }
    if (!observe) return;
    Served served;
    served.request_id = request.request_id;
    served.remote_address = session.address;
    served.actor = request.actor;
    served.method = exchange.head.arrival.known_method ? to_string(request.method) : "";
    served.path = request.path;
    served.route = pattern;
    served.status = response.status;
    served.took = std::chrono::duration_cast<Duration>(Steady::now() - exchange.started);
    served.fault = response.log_note;
    observe(served);
}

Nothing Server::Impl::accept_loop() {
    for (;;) {
        auto [error, socket] = co_await acceptor.async_accept(token);
        if (stopping || error == asio::error::operation_aborted) co_return;
        if (error) {  // most likely no file descriptor is left: wait for some to come back instead of
                      // spinning
            asio::steady_timer pause(io, std::chrono::milliseconds(50));
            co_await pause.async_wait(token);
            continue;
        }
        beast::error_code gone;
        const auto peer = socket.remote_endpoint(gone);
        if (gone) continue;
        socket.set_option(tcp::no_delay(true), gone);
        auto session = std::make_shared<Session>(std::move(socket));
        const auto address = plain_address(peer.address());
        session->address = address.to_string();
        session->counted_as = counted_address(address);
        if (!enter(session)) continue;  // closes it
        auto served = serve(session);
        asio::co_spawn(io, std::move(served), asio::detached);
    }
}

// ---- one connection ----

Nothing Server::Impl::serve(SessionPtr session) {
    struct Presence {
        Impl* impl;
        SessionPtr session;
        ~Presence() { impl->leave(session); }
    };
    const Presence presence{this, session};
    beast::flat_buffer buffer(limits.header_bytes + 8192);
    for (bool first = true;; first = false) {
        auto exchange = std::make_unique<Exchange>();
        const bool arrived = co_await read_header(session, &buffer, exchange.get(), first);
        if (!arrived || !session->stream.socket().is_open()) co_return;
        session->waiting = false;
        bool keep = false;
        if (!exchange->response) keep = co_await answer(session, &buffer, exchange.get());
        if (!exchange->response) co_return;  // cut off while the body was read
        keep = keep && exchange->body_read && exchange->head.keep_alive && !stopping;
        const bool sent = co_await send(session, exchange.get(), keep);
        note(*session, *exchange, exchange->route != nullptr ? exchange->route->pattern : "");
        if (!sent) co_return;
        session->waiting = true;
        session->since = Steady::now();
        if (!keep) {
            co_await linger(session);
            co_return;
        }
        if (stopping) co_return;
    }
}

// False: the connection is over, without a word. A refusal may already be in exchange->response.
asio::awaitable<bool> Server::Impl::read_header(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange,
                                                bool first) {
    auto& stream = session->stream;
    stream.expires_after(first ? limits.header_deadline : limits.idle);
    if (buffer->size() == 0) {
        const auto room = buffer->prepare(4096);
        auto [error, count] = co_await stream.async_read_some(room, token);
        if (error == beast::error::timeout) count_timeout();
        if (error) co_return false;
        buffer->commit(count);
    }
    if (!first) stream.expires_after(limits.header_deadline);
    exchange->head.request.request_id = random_id();
    exchange->head.request.remote_address = session->address;
    exchange->parser.header_limit(static_cast<std::uint32_t>(limits.header_bytes));
    exchange->parser.body_limit(boost::none);  // the route says; it is set before the body is read
    auto [error, count] = co_await beast::http::async_read_header(stream, *buffer, exchange->parser, token);
    exchange->started = Steady::now();
    if (error == beast::error::timeout) count_timeout();
    if (error && !is_http_error(error)) co_return false;
    exchange->body_read = false;
    exchange->response =
        error ? refusal_of(error, exchange->head, 0) : read_head(exchange->parser, hosts, exchange->head);
    if (!exchange->response) exchange->body_read = !exchange->head.arrival.has_body;
    co_return true;
}

// False: it did not arrive. Then exchange->response says why, or is empty when there is nobody left to tell.
asio::awaitable<bool> Server::Impl::read_body(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange) {
    auto& stream = session->stream;
    stream.expires_after(limits.body_deadline);
    if (exchange->head.expects_continue && buffer->size() == 0) {
        const auto line = asio::buffer(continue_line);
        auto [error, count] = co_await asio::async_write(stream, line, token);
        if (error) co_return false;
    }
    const auto limit = exchange->route->access.body_limit;
    exchange->parser.body_limit(limit);
    auto [error, count] = co_await beast::http::async_read(stream, *buffer, exchange->parser, token);
    if (error == beast::error::timeout) count_timeout();
    if (error) {
        if (is_http_error(error)) exchange->response = refusal_of(error, exchange->head, limit);
        co_return false;
    }
    exchange->body_read = true;
    exchange->head.request.body = std::move(exchange->parser.get().body());
    co_return true;
}

// Fills exchange->response. Whoever may not is told so before the body is read: strangers cannot make us hold
// theirs.
asio::awaitable<bool> Server::Impl::answer(SessionPtr session, beast::flat_buffer* buffer, Exchange* exchange) {
    const auto found = router.find(exchange->head.request, exchange->head.arrival);
    if (!found) {
        exchange->response = found.error();
        co_return true;
    }
    exchange->route = *found;
    const auto& access = exchange->route->access;
    const bool has_body = exchange->head.arrival.has_body;
    const std::function<void()> authorise = [this, exchange] {
        exchange->response = router.authorise(*exchange->route, exchange->head.request, authenticate);
    };
    // Heavy turns are few: a stranger must not take one either.
    if ((has_body || access.rate == Rate::heavy) && access.auth != Auth::public_) {
        const bool done = co_await on_pool(Rate::light, authorise);
        if (!done) exchange->response = too_busy(*exchange);
        if (exchange->response) co_return true;
    }
    if (has_body) {
        const bool whole = co_await read_body(session, buffer, exchange);
        if (!whole) co_return false;
    }
    const std::function<void()> run = [this, exchange, authorise, checked = has_body || access.rate == Rate::heavy] {
        if (!checked) authorise();
        if (!exchange->response) exchange->response = router.run(*exchange->route, exchange->head.request);
    };
    const bool done = co_await on_pool(access.rate, run);
    if (!done) exchange->response = too_busy(*exchange);
    co_return true;
}

std::shared_ptr<Call> Server::Impl::begin(Rate rate, std::function<void()> work) {
    auto call = std::make_shared<Call>(io);
    const bool taken = pool.post(rate, [this, call, work = std::move(work)] {
        work();
        asio::post(io, [call] {
            call->done = true;
            call->signal.cancel();
        });
    });
    return taken ? call : nullptr;
}

// False: the pool is full.
asio::awaitable<bool> Server::Impl::on_pool(Rate rate, std::function<void()> work) {
    const auto call = begin(rate, std::move(work));
    if (!call) co_return false;
    while (!call->done) {
        co_await call->signal.async_wait(token);
    }
    co_return true;
}

Response Server::Impl::too_busy(const Exchange& exchange) {
    {
        const std::lock_guard lock(mutex);
        ++counters.refused;
    }
    return refusal(503, "http.busy", exchange.head.request.lang, exchange.head.request.request_id);
}

asio::awaitable<bool> Server::Impl::send(SessionPtr session, Exchange* exchange, bool keep) {
    const auto& request = exchange->head.request;
    auto& response = *exchange->response;
    Wire wire;
    wire.http10 = exchange->head.http10;
    wire.keep_alive = keep;
    const auto header = header_bytes(response, wire, request.request_id, request.lang, clock.now());
    const bool head = exchange->head.arrival.known_method && request.method == Method::head;
    const std::string_view body = sends_body(response.status, head) ? response.body : std::string_view();
    std::array<asio::const_buffer, 2> parts;
    parts[0] = asio::buffer(header);
    parts[1] = asio::buffer(body);
    session->stream.expires_after(limits.write_deadline);
    auto [error, count] = co_await asio::async_write(session->stream, parts, token);
    if (error == beast::error::timeout) count_timeout();
    co_return !error;
}

// Closing with unread bytes would make the kernel reset the connection, and the client might never see the
// answer. So its bytes are read and thrown away until it hangs up, within limits.
Nothing Server::Impl::linger(SessionPtr session) {
    auto& stream = session->stream;
    beast::error_code error;
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
    if (error) co_return;
    stream.expires_after(linger_time);
    std::array<char, 4096> bytes;
    const auto room = asio::buffer(bytes);
    for (std::size_t total = 0; total < linger_bytes;) {
        auto [failed, count] = co_await stream.async_read_some(room, token);
        if (failed) co_return;
        total += count;
    }
}

// ---- start and stop ----

void Server::Impl::stop() {
    if (stop_called.exchange(true) || !thread.joinable()) return;
    asio::post(io, [this] {
        stopping = true;
        beast::error_code ignored;
        acceptor.close(ignored);
        for (const auto& session : sessions)
            if (session->waiting) session->stream.close();
        {
            const std::lock_guard lock(mutex);
            refusing = true;
        }
        closed.notify_all();
    });
    {
        std::unique_lock lock(mutex);
        closed.wait_for(lock, limits.drain, [this] { return refusing && counters.open_connections == 0; });
    }
    pool.stop();
    io.stop();
    thread.join();
    // Now nobody else uses them. A close that was posted might never run: io.stop() drops what waits.
    for (const auto& session : sessions) session->stream.close();
}

Result<std::unique_ptr<Server>> Server::start(const std::string& address, std::uint16_t port, std::vector<Route> routes,
                                              Authenticate authenticate, Limits limits, Observe observe) {
    beast::error_code error;
    const auto ip = asio::ip::make_address(address, error);
    const bool on_loopback = !error && plain_address(ip).is_loopback();
    auto impl = std::make_unique<Impl>(std::move(routes), std::move(authenticate), std::move(limits),
                                       std::move(observe), on_loopback);
    TRY_VOID(impl->listen(address, port));
    auto* running = impl.get();
    asio::co_spawn(running->io, running->accept_loop(), asio::detached);
    running->thread = std::thread([running] { running->io.run(); });
    return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() {
    stop();
}
void Server::stop() {
    impl_->stop();
}
std::uint16_t Server::port() const {
    return impl_->port;
}
const std::vector<Route>& Server::routes() const {
    return impl_->router.routes();
}
Counters Server::counters() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->counters;
}

}  // namespace tilsyn::http
