// The access log, written by a thread of its own: standard error may be slow, and the server's io thread never waits.
#pragma once
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "http/server.hpp"

namespace tilsyn::app {

class AccessLog {
  public:
    AccessLog();
    ~AccessLog();  // writes what is left
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;
    void add(const http::Served& served);  // any thread; never waits: beyond a bound lines are counted, not kept

  private:
    void work();

    std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    std::deque<http::Served> waiting_;
    std::uint64_t dropped_ = 0;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace tilsyn::app
