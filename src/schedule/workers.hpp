// A bounded pool that carries checks out: so many at once for each kind, so many for each subject. A check that does
// not come back after its deadline is given up; its thread is replaced, and its answer, if one ever comes, dropped.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace tilsyn::schedule {

class Workers {
  public:
    struct Task {
        std::string kind;
        std::string subject;  // for the bound; empty: none
        int kind_limit = 8;
        std::chrono::milliseconds timeout{30'000};
        std::function<void()> run;       // a worker calls it; must not throw
        std::function<void()> given_up;  // called once instead of run's effect, by whoever calls sweep()
        std::shared_ptr<std::atomic<bool>> live = std::make_shared<std::atomic<bool>>(true);  // false: drop the answer
    };

    Workers(int threads, int per_subject);
    ~Workers();  // stop({})

    void add(Task task);
    std::size_t waiting() const;
    std::size_t running() const;
    // Gives up checks that are `after` beyond their timeout. Returns how many threads are lost in all.
    int sweep(std::chrono::milliseconds after);
    // Takes back what has not begun, and waits for the rest up to `drain`. False: some check never came back.
    bool stop(std::chrono::milliseconds drain, std::vector<Task>& not_begun);

  private:
    struct Running {
        Task task;
        std::chrono::steady_clock::time_point until;
        bool abandoned = false;
    };
    void work();
    bool take(Task& task);  // with mutex_ held

    const int per_subject_;
    mutable std::mutex mutex_;  // guards everything below
    std::condition_variable wake_, idle_;
    std::map<std::string, std::deque<Task>> queues_;  // by kind
    std::map<std::string, int> kind_running_, subject_running_;
    std::map<std::uint64_t, Running> running_;
    std::uint64_t next_id_ = 0;
    std::size_t waiting_ = 0;
    std::size_t live_threads_ = 0;
    int lost_threads_ = 0;
    bool stopping_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace tilsyn::schedule
