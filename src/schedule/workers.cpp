#include "schedule/workers.hpp"

#include <algorithm>

namespace tilsyn::schedule {
namespace {
// How far behind the head of a kind's queue a worker looks for a subject that is free.
constexpr std::size_t look_ahead = 64;
}  // namespace

Workers::Workers(int threads, int per_subject) : per_subject_(per_subject) {
    std::scoped_lock lock(mutex_);
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    live_threads_ = threads_.size();
}

Workers::~Workers() {
    std::vector<Task> dropped;
    stop(std::chrono::milliseconds(0), dropped);
    // A thread that never comes back cannot be joined, and its stack uses this object: the process is about to end.
    std::unique_lock lock(mutex_);
    if (live_threads_ > 0 && !idle_.wait_for(lock, std::chrono::seconds(30), [&] { return live_threads_ == 0; }))
        std::_Exit(1);
    lock.unlock();
    for (auto& thread : threads_) thread.join();
}

void Workers::add(Task task) {
    {
        std::scoped_lock lock(mutex_);
        ++waiting_;
        queues_[task.kind].push_back(std::move(task));
    }
    wake_.notify_one();
}

std::size_t Workers::waiting() const {
    std::scoped_lock lock(mutex_);
    return waiting_;
}
std::size_t Workers::running() const {
    std::scoped_lock lock(mutex_);
    return running_.size() - std::size_t(lost_threads_);  // what was given up is nobody's work any more
}

bool Workers::take(Task& task) {
    for (auto& [kind, queue] : queues_) {
        if (queue.empty() || kind_running_[kind] >= queue.front().kind_limit) continue;
        const auto end = queue.begin() + std::ptrdiff_t(std::min(queue.size(), look_ahead));
        const auto found = std::find_if(queue.begin(), end, [&](const Task& t) {
            const auto running = subject_running_.find(t.subject);
            return t.subject.empty() || running == subject_running_.end() || running->second < per_subject_;
        });
        if (found == end) continue;
        task = std::move(*found);
        queue.erase(found);
        --waiting_;
        return true;
    }
    return false;
}

void Workers::work() {
    std::unique_lock lock(mutex_);
    for (;;) {
        Task task;
        wake_.wait(lock, [&] { return stopping_ || take(task); });
        if (!task.run) break;  // stopping
        const auto id = next_id_++;
        const auto kind = task.kind;
        const auto subject = task.subject;
        ++kind_running_[kind];
        if (!subject.empty()) ++subject_running_[subject];
        const auto run = task.run;
        const auto until = std::chrono::steady_clock::now() + task.timeout;
        running_.emplace(id, Running{std::move(task), until});
        lock.unlock();
        run();
        lock.lock();
        const bool abandoned = running_.at(id).abandoned;
        running_.erase(id);
        if (abandoned) {  // a replacement has taken this thread's place, and its counts have been given back
            --lost_threads_;
            break;
        }
        --kind_running_[kind];
        if (!subject.empty() && --subject_running_[subject] == 0) subject_running_.erase(subject);
        wake_.notify_all();
        if (running_.size() == std::size_t(lost_threads_)) idle_.notify_all();
    }
    --live_threads_;
    idle_.notify_all();
}

int Workers::sweep(std::chrono::milliseconds after) {
    std::vector<std::function<void()>> given_up;
    int lost = 0;
    {
        std::scoped_lock lock(mutex_);
        const auto now = std::chrono::steady_clock::now();
        for (auto& [id, running] : running_) {
            if (running.abandoned || now < running.until + after) continue;
            running.abandoned = true;
            running.task.live->store(false);
            given_up.push_back(running.task.given_up);
            --kind_running_[running.task.kind];
            if (!running.task.subject.empty() && --subject_running_[running.task.subject] == 0)
                subject_running_.erase(running.task.subject);
            ++lost_threads_;
            ++live_threads_;
            threads_.emplace_back([this] { work(); });
        }
        lost = lost_threads_;
    }
    for (const auto& call : given_up) call();
    wake_.notify_all();
    return lost;
}

bool Workers::stop(std::chrono::milliseconds drain, std::vector<Task>& not_begun) {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (auto& [kind, queue] : queues_) {
        for (auto& task : queue) not_begun.push_back(std::move(task));
        queue.clear();
    }
    waiting_ = 0;
    wake_.notify_all();
    return idle_.wait_for(lock, drain, [&] { return running_.size() == std::size_t(lost_threads_); });
}

}  // namespace tilsyn::schedule
