// Signs the newest head of the control log when it has moved, in a thread of its own: nothing that checks or serves
// waits for it.
#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "app/app.hpp"
#include "app/logging.hpp"

namespace tilsyn::app {

class Notary {
  public:
    // Every `every`, if there is something new. `before_first`, which may wait, is called in the thread.
    Notary(App& app, Duration every, std::function<void()> before_first = {});
    ~Notary();  // signs what is left
    Notary(const Notary&) = delete;
    Notary& operator=(const Notary&) = delete;

    struct State {
        std::int64_t signed_size = -1;  // -1: nothing yet
        bool refused = false;           // the log does not continue what was signed
    };
    State state() const;

  private:
    void work();
    void sign();
    void open_incident(const Error& why);

    App* app_;
    Duration every_;
    std::function<void()> before_first_;
    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    State state_;
    bool stopping_ = false;
    Troubles troubles_;  // the thread's own
    std::thread thread_;
};

}  // namespace tilsyn::app
