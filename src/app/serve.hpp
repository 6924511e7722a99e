// The service: the schedule and the API, until it is asked to stop.
#pragma once
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/app.hpp"

namespace tilsyn::app {

// SIGTERM and SIGINT, as something to wait for. Create it before any other thread is started (so before App::open): the
// signals are blocked in this thread and in those it starts.
class StopSignal {
  public:
    static Result<std::unique_ptr<StopSignal>> create();
    ~StopSignal();
    StopSignal(const StopSignal&) = delete;
    StopSignal& operator=(const StopSignal&) = delete;

    bool wait(std::chrono::milliseconds limit);  // true: somebody wants us to stop
    void request();                              // as a signal would; any thread
    // From now on a second signal ends the process at once: for those who do not want to wait for the end of the work.
    void give_up_patience();

  private:
    StopSignal() = default;
    int signals_ = -1, wake_ = -1;
    std::atomic<bool> requested_ = false;
};

struct ServeOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 7373;                // 0: a free one
    std::chrono::milliseconds drain{10'000};  // running requests, and then running checks, get this long at the end
    std::vector<std::string> host_names;      // by which the service may be called, when not on loopback
    std::function<void(std::uint16_t port)> listening;  // called once, when everything runs; may be empty
};

// Returns when it was asked to stop and has stopped in good order. An error: it could not begin, or it gave up
// (api.hung-checks) so that the service manager starts it anew; then checks may still be running in lost threads, and
// the process should end without tearing down what they use.
// App::engine() must not have been called before.
Result<void> serve(App& app, const ServeOptions& options, StopSignal& stop);

}  // namespace tilsyn::app
