#include "net/loop.hpp"

#include "base/asio.hpp"

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

    void run() { reactor.io.run(); }
    void end() {
        ending = true;
        open.reset();
        for (auto& timer : timers) timer.cancel();
        // Each ends at its next step, and takes its signal off the list only then.
        for (auto& signal : under_way) signal.emit(asio::cancellation_type::terminal);
    }
};

Loop::Loop() : impl_(std::make_unique<Impl>()) {
    impl_->thread = std::thread([impl = impl_.get()] { impl->run(); });
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
                       if (impl->ending) return;
                       if (thrown) answer = failed(which);
                       done(std::move(answer));
                   }));
}

}  // namespace tilsyn::net
