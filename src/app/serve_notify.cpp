#include "app/serve_notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace tilsyn::app {
namespace {

std::optional<std::int64_t> number_from(const char* name) {
    const char* text = std::getenv(name);
    if (text == nullptr) return std::nullopt;
    std::int64_t value = 0;
    const char* last = text + std::strlen(text);
    const auto [end, error] = std::from_chars(text, last, value);
    if (error != std::errc() || end != last) return std::nullopt;
    return value;
}

}  // namespace

Notifier Notifier::from_environment() {
    const char* socket = std::getenv("NOTIFY_SOCKET");
    std::optional<std::chrono::microseconds> watchdog;
    const auto for_process = number_from("WATCHDOG_PID");
    if (const auto micros = number_from("WATCHDOG_USEC");
        micros && *micros > 0 && (!for_process || *for_process == ::getpid()))
        watchdog = std::chrono::microseconds(*micros);
    return {socket == nullptr ? "" : socket, watchdog};
}

void Notifier::send(std::string_view state) const {
    sockaddr_un address{};
    if (socket_.size() < 2 || socket_.size() >= sizeof address.sun_path || (socket_[0] != '/' && socket_[0] != '@'))
        return;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, socket_.data(), socket_.size());
    if (socket_[0] == '@') address.sun_path[0] = '\0';
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    const auto length = socklen_t(offsetof(sockaddr_un, sun_path) + socket_.size());
    (void)::sendto(fd, state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&address), length);
    ::close(fd);
}

void Notifier::watch(std::chrono::steady_clock::time_point now) {
    if (!watchdog_ || now < next_) return;
    send("WATCHDOG=1");
    next_ = now + *watchdog_ / 2;
}

}  // namespace tilsyn::app
