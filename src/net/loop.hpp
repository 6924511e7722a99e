// One thread that makes any number of probes at the same time, and keeps time for whoever lives on it: work posted to
// it, timers and answers all run there, one after another, so that what they share needs no lock.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <variant>

#include "net/probe_http.hpp"
#include "net/probe_tcp.hpp"

namespace tilsyn::net {

using Probe = std::variant<HttpRequest, TcpRequest>;
using Answer = std::variant<Result<HttpResult>, Result<TcpResult>>;  // of the alternative that was asked

// Raises the limit of open files as far as the system lets it. Returns how many probes may be under way without meeting
// it: beyond it a probe would fail for want of a socket, which curl does not tell from a service that is away.
std::size_t room_for_probes();

Answer carry_out(const Probe& probe, Deadline deadline);  // for callers that wait

class Loop {
  public:
    using Work = std::function<void()>;  // must not throw, must not block
    Loop();
    ~Loop();  // calls off what is under way, and what has not begun; none of it is told
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void post(Work work);  // from any thread
    // These two from the loop's own thread alone. `at` may be in the past: soon, then.
    void at(std::chrono::steady_clock::time_point at, Work work);
    void start(const Probe& probe, Deadline deadline, std::function<void(Answer)> done);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace tilsyn::net
