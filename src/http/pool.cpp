#include "http/pool.hpp"

#include <algorithm>

namespace tilsyn::http {

Pool::Pool(std::size_t threads, std::size_t queue, std::size_t heavy_at_once)
    : queue_limit_(std::max<std::size_t>(queue, 1)),
      heavy_limit_(std::clamp<std::size_t>(heavy_at_once, 1, std::max<std::size_t>(threads, 2) - 1)) {
    for (std::size_t i = 0; i < std::max<std::size_t>(threads, 1); ++i) threads_.emplace_back([this] { run(); });
}

Pool::~Pool() {
    stop();
}

bool Pool::post(Rate rate, std::function<void()> job) {
    {
        const std::lock_guard lock(mutex_);
        if (stopped_ || queue_.size() >= queue_limit_) return false;
        queue_.push_back({rate, std::move(job)});
    }
    changed_.notify_one();
    return true;
}

void Pool::stop() {
    std::deque<Job> dropped;
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        dropped.swap(queue_);
        threads.swap(threads_);
    }
    changed_.notify_all();
    dropped.clear();  // outside the lock: what the jobs hold may be anything
    for (auto& thread : threads) thread.join();
}

std::deque<Pool::Job>::iterator Pool::next() {
    return std::ranges::find_if(
        queue_, [&](const Job& job) { return job.rate == Rate::light || heavy_running_ < heavy_limit_; });
}

void Pool::run() {
    std::unique_lock lock(mutex_);
    for (;;) {
        auto chosen = queue_.end();
        changed_.wait(lock, [&] { return stopped_ || (chosen = next()) != queue_.end(); });
        if (stopped_) return;
        auto job = std::move(*chosen);
        queue_.erase(chosen);
        const bool heavy = job.rate == Rate::heavy;
        if (heavy) ++heavy_running_;
        lock.unlock();
        job.work();
        job.work = nullptr;  // what it holds is let go before the next one is waited for
        lock.lock();
        if (heavy) {
            --heavy_running_;
            changed_.notify_one();  // a heavy job may have waited for this
        }
    }
}

}  // namespace tilsyn::http
