// Tells systemd how the service is (sd_notify), without its library: a datagram to the socket that NOTIFY_SOCKET names.
#pragma once
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tilsyn::app {

class Notifier {
  public:
    // From NOTIFY_SOCKET and WATCHDOG_USEC (and WATCHDOG_PID); without them it does nothing.
    static Notifier from_environment();
    Notifier(std::string socket, std::optional<std::chrono::microseconds> watchdog)
        : socket_(std::move(socket)), watchdog_(watchdog) {}

    void send(std::string_view state) const;  // "READY=1"; a service manager that is gone is no reason to fail
    // Sends WATCHDOG=1 when half of the interval has passed.
    void watch(std::chrono::steady_clock::time_point now);

  private:
    std::string socket_;  // a path, or "@" and an abstract name
    std::optional<std::chrono::microseconds> watchdog_;
    std::chrono::steady_clock::time_point next_{};
};

}  // namespace tilsyn::app
