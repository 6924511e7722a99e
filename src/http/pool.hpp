// The threads that run handlers: a fixed number, a bounded queue, and a bound on heavy jobs at a time.
#pragma once
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "http/types.hpp"

namespace tilsyn::http {

// Thread-safe. Jobs run in the order in which they came, but a light one passes heavy ones that wait for
// their turn.
class Pool {
  public:
    // At least one thread is kept free of heavy jobs when there is more than one.
    Pool(std::size_t threads, std::size_t queue, std::size_t heavy_at_once);
    ~Pool();  // stop()
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    bool post(Rate rate, std::function<void()> job);  // false: the queue is full, or the pool has stopped
    void stop();                                      // drops what waits, and waits for what runs

  private:
    struct Job {
        Rate rate;
        std::function<void()> work;
    };
    void run();
    std::deque<Job>::iterator next();  // mutex_ held

    const std::size_t queue_limit_;
    const std::size_t heavy_limit_;
    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<Job> queue_;
    std::size_t heavy_running_ = 0;
    bool stopped_ = false;
    std::vector<std::thread> threads_;  // set in the constructor, joined by the first stop()
};

}  // namespace tilsyn::http
