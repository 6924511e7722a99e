// Has people told what is not in order, while the service runs: in a thread of its own, because it waits for other
// people's servers. Nothing that checks, signs or serves waits for it.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/app.hpp"
#include "notify/channels.hpp"
#include "notify/news.hpp"

namespace tilsyn::app {

struct AlertHooks {
    std::function<bool()> stopping = {};
    std::function<void(const std::string& channel, const Error&)> trouble = {};
};
// Once: what there is to tell goes into the outbox, and what is due there is handed over, to all channels at the same
// time. How many notices were taken over. `wait`: for what else belongs to the first news.
Result<int> send_alerts(App& app, const AlertHooks& hooks, Duration wait = notify::gathering);

// Hands a test notice to one channel, now. The error is that of the attempt; it is tried again like any other.
Result<notify::Notice> send_test_alert(App& app, const std::string& channel);

class Messenger {
  public:
    Messenger(App& app, Duration every);
    ~Messenger();  // within the patience with one receiver
    Messenger(const Messenger&) = delete;
    Messenger& operator=(const Messenger&) = delete;
    void stop();

  private:
    void work();

    App* app_;
    Duration every_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::thread thread_;
};

}  // namespace tilsyn::app
