#include "app/serve_log.hpp"

#include <fmt/format.h>

#include "app/logging.hpp"

namespace tilsyn::app {
namespace {

constexpr std::size_t most_waiting = 10'000;

// The route's pattern and not the path, which may hold a person's id; never query, header or body.
void write(const http::Served& served) {
    log_event(served.status >= 500 ? Level::error : Level::info, "http.request",
              {{"id", served.request_id},
               {"method", served.method},
               {"route", served.route.empty() ? "-" : served.route},
               {"status", std::to_string(served.status)},
               {"ms", fmt::format("{:.1f}", double(served.took.count()) / 1000)}});
    if (!served.fault.empty())
        log_event(Level::error, "http.fault", {{"id", served.request_id}, {"fault", served.fault}});
}

}  // namespace

AccessLog::AccessLog() : thread_([this] { work(); }) {}

AccessLog::~AccessLog() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void AccessLog::add(const http::Served& served) {
    {
        const std::scoped_lock lock(mutex_);
        if (waiting_.size() >= most_waiting) {
            ++dropped_;
            return;
        }
        waiting_.push_back(served);
    }
    changed_.notify_all();
}

void AccessLog::work() {
    for (;;) {
        std::deque<http::Served> lines;
        std::uint64_t dropped = 0;
        {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
            lines.swap(waiting_);
            std::swap(dropped, dropped_);
            if (lines.empty() && stopping_) return;
        }
        for (const auto& line : lines) write(line);
        if (dropped > 0) log_event(Level::warning, "http.lines-dropped", {{"count", std::to_string(dropped)}});
    }
}

}  // namespace tilsyn::app
