// Who is calling: keys, remembered for a second so that a page that asks for twenty things looks in the database once.
#pragma once
#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

#include "app/app.hpp"
#include "http/server.hpp"

namespace tilsyn::app {

// A key that was revoked by another process is good for at most this long; one revoked here is refused at once.
inline constexpr std::chrono::milliseconds key_memory{1000};

// Thread-safe. Only good keys are remembered, by their SHA-256.
class KeyCheck {
  public:
    explicit KeyCheck(App& app) : app_(&app) {}
    Result<http::Caller> operator()(std::string_view key);
    void forget();

  private:
    struct Known {
        http::Caller caller;
        std::chrono::steady_clock::time_point checked;
    };
    App* app_;
    std::mutex mutex_;
    std::map<std::string, Known, std::less<>> known_;  // guarded by mutex_
    std::uint64_t forgotten_ = 0;                      // guarded by mutex_
};

}  // namespace tilsyn::app
