// For tests: a listener on loopback that plays a script to whoever connects, and can be ended at any time.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "net/probe_http.hpp"
#include "net/resolve.hpp"

namespace tilsyn::net::test {

inline HttpRequest get(std::string url) {
    HttpRequest request;
    request.url = std::move(url);
    return request;
}

// What a script may do with one connection. Every wait also ends when the listener does.
class Connection {
  public:
    Connection(int fd, int stop) : fd_(fd), stop_(stop) {}
    int fd() const { return fd_; }
    // False when the other side is gone, or the listener ends.
    bool wait(short events, int milliseconds = -1) {
        pollfd both[2] = {{fd_, events, 0}, {stop_, POLLIN, 0}};
        return ::poll(both, 2, milliseconds) > 0 && both[1].revents == 0 && (both[0].revents & events) != 0;
    }
    std::string read_request() {  // header, and the body that Content-Length announces
        std::string text;
        char buffer[4096];
        while (wait(POLLIN)) {
            const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
            if (got <= 0) break;
            text.append(buffer, static_cast<std::size_t>(got));
            const auto end = text.find("\r\n\r\n");
            if (end == text.npos) continue;
            const auto length = text.find("Content-Length: ");
            const auto body = length == text.npos ? 0 : std::stoul(text.substr(length + 16));
            if (text.size() >= end + 4 + body) break;
        }
        return text;
    }
    bool send(std::string_view text) {
        while (!text.empty()) {
            if (!wait(POLLOUT)) return false;
            const auto sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // One byte at a time, with a pause that ends early with the listener.
    void drip(std::string_view text, int pause_milliseconds) {
        for (const char c : text) {
            if (!send(std::string_view(&c, 1))) return;
            pollfd stop{stop_, POLLIN, 0};
            if (::poll(&stop, 1, pause_milliseconds) > 0) return;
        }
    }
    void hang() {  // says nothing until the other side hangs up
        char buffer[4096];
        while (wait(POLLIN) && ::recv(fd_, buffer, sizeof buffer, 0) > 0) {
        }
    }

  private:
    int fd_;
    int stop_;
};

class Listener {
  public:
    using Script = std::function<void(Connection&)>;

    explicit Listener(Script script, const std::string& address = "127.0.0.1") : script_(std::move(script)) {
        if (::pipe(stop_) != 0) std::abort();
        auto where = resolve(address, 1, Family::any, Deadline::in(std::chrono::seconds(5))).value().front();
        set_port(where, 0);
        fd_ = ::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd_ < 0 || ::bind(fd_, reinterpret_cast<const sockaddr*>(&where.storage), where.length) != 0 ||
            ::listen(fd_, 64) != 0)
            return;
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size);
        port_ = bound.ss_family == AF_INET6 ? ntohs(reinterpret_cast<sockaddr_in6&>(bound).sin6_port)
                                            : ntohs(reinterpret_cast<sockaddr_in&>(bound).sin_port);
        thread_ = std::thread([this] { run(); });
    }
    ~Listener() {
        (void)!::write(stop_[1], "x", 1);
        if (thread_.joinable()) thread_.join();
        for (const int fd : {fd_, stop_[0], stop_[1]})
            if (fd >= 0) ::close(fd);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    bool listening() const { return port_ != 0; }
    std::uint16_t port() const { return port_; }
    int accepted() const { return accepted_; }
    std::string url(const std::string& path = "/", const std::string& scheme = "http") const {
        return scheme + "://127.0.0.1:" + std::to_string(port_) + path;
    }

  private:
    static void set_port(Address& address, std::uint16_t port) {
        if (address.family() == AF_INET6)
            reinterpret_cast<sockaddr_in6&>(address.storage).sin6_port = htons(port);
        else
            reinterpret_cast<sockaddr_in&>(address.storage).sin_port = htons(port);
    }
    void run() {
        for (;;) {
            pollfd both[2] = {{fd_, POLLIN, 0}, {stop_[0], POLLIN, 0}};
            if (::poll(both, 2, -1) < 0 || both[1].revents != 0) return;
            const int client = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
            if (client < 0) continue;
            ++accepted_;
            Connection connection(client, stop_[0]);
            script_(connection);
            ::close(client);
        }
    }

    Script script_;
    int fd_ = -1;
    int stop_[2] = {-1, -1};
    std::uint16_t port_ = 0;
    std::atomic<int> accepted_{0};
    std::thread thread_;
};

// A port of loopback on which nothing listens: taken, and given back.
inline std::uint16_t closed_port() {
    return Listener([](Connection&) {}).port();
}

}  // namespace tilsyn::net::test
