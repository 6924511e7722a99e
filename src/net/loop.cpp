#include "net/loop.hpp"

#include "base/asio.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <list>
#include <thread>

#include "net/probes.hpp"

namespace tilsyn::net {
namespace asio = boost::asio;
namespace {

asio::awaitable<Answer> answer_to(Reactor& reactor, Probe probe, Deadline deadline) {
    co_await asio::this_coro::throw_if_cancelled(false);
    if (auto* http = std::get_if<HttpRequest>(&probe)) {
        auto result = co_await http_probe_on(reactor, std::move(*http), deadline);
        co_return Answer(std::move(result));
    }
    auto result = co_await tcp_probe_on(reactor, std::move(std::get<TcpRequest>(probe)), deadline);
    co_return Answer(std::move(result));
}

// Something threw: out of memory, most likely.
Answer failed(std::size_t which) {
    auto why = fail(Code::internal, "net.no-memory");
    if (which == 0) return Result<HttpResult>(std::move(why));
    return Result<TcpResult>(std::move(why));
}

}  // namespace

std::size_t room_for_probes() {
    constexpr rlim_t others = 512;  // connections, databases, files
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
    if (limit.rlim_cur < limit.rlim_max) {
        auto more = limit;
        more.rlim_cur = std::min<rlim_t>(limit.rlim_max, 1 << 20);
        if (more.rlim_cur > limit.rlim_cur && ::setrlimit(RLIMIT_NOFILE, &more) == 0) limit = more;
    }
    // Two each: a name that has both kinds of address is tried by both.
    return std::size_t(std::max<rlim_t>(limit.rlim_cur, others + 128) - others) / 2;
}

Answer carry_out(const Probe& probe, Deadline deadline) {
    if (const auto* http = std::get_if<HttpRequest>(&probe)) return http_probe(*http, deadline);
    return tcp_probe(std::get<TcpRequest>(probe), deadline);
}

struct Loop::Impl {
    Reactor reactor;
    asio::executor_work_guard<asio::io_context::executor_type> open{reactor.io.get_executor()};
    std::list<asio::cancellation_signal> under_way;
    std::list<asio::steady_timer> timers;
    bool ending = false;
    std::thread thread;

    void end() {
        ending = true;
        open.reset();
        for (auto& timer : timers) timer.cancel();
        // Each ends at its next step, and takes its signal off the list only then.
        for (auto& signal : under_way) signal.emit(asio::cancellation_type::terminal);
        leave_if_done();
    }
    // Look-ups that were given up may wait for their servers for seconds: nobody waits for them.
    void leave_if_done() {
        if (ending && under_way.empty()) reactor.io.stop();
    }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
    impl_->thread = std::thread([impl = impl_.get()] { impl->reactor.io.run(); });
}

Loop::~Loop() {
    asio::post(impl_->reactor.io, [impl = impl_.get()] { impl->end(); });
    impl_->thread.join();
}

void Loop::post(Work work) {
    asio::post(impl_->reactor.io, [impl = impl_.get(), work = std::move(work)] {
        if (!impl->ending) work();
    });
}

void Loop::at(std::chrono::steady_clock::time_point at, Work work) {
    auto& timers = impl_->timers;
    const auto timer = timers.emplace(timers.end(), impl_->reactor.io, at);
    timer->async_wait([impl = impl_.get(), timer, work = std::move(work)](const boost::system::error_code&) {
        impl->timers.erase(timer);
        if (!impl->ending) work();
    });
}

void Loop::start(const Probe& probe, Deadline deadline, std::function<void(Answer)> done) {
    auto* impl = impl_.get();
    const auto signal = impl->under_way.emplace(impl->under_way.end());
    const auto which = probe.index();
    asio::co_spawn(impl->reactor.io, answer_to(impl->reactor, probe, deadline),
                   asio::bind_cancellation_slot(signal->slot(), [impl, signal, which, done = std::move(done)](
                                                                    std::exception_ptr thrown, Answer answer) {
                       impl->under_way.erase(signal);
                       if (impl->ending) return impl->leave_if_done();
                       if (thrown) answer = failed(which);
                       done(std::move(answer));
                   }));
}

}  // namespace tilsyn::net
