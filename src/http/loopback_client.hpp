// For tests: a client that sends exactly the bytes it is told to. Every wait has an end.
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.hpp"

namespace tilsyn::http::test {

struct Answer {
    int status = 0;  // 0: the connection ended without a whole answer
    std::map<std::string, std::string> headers;
    std::string body;
};

class Client {
  public:
    // `from` is the client's own address: all of 127.0.0.0/8 is this machine.
    explicit Client(std::uint16_t port, const char* from = "127.0.0.1") {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        ::inet_pton(AF_INET, from, &address.sin_addr);
        if (fd_ < 0 || ::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) std::abort();
        address.sin_port = htons(port);
        ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
        connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    }
    ~Client() { close(); }
    Client(Client&& other) noexcept
        : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), got_(std::move(other.got_)) {}
    Client& operator=(Client&&) = delete;

    bool connected() const { return connected_; }
    void close() {
        if (fd_ >= 0) ::close(fd_);
        fd_ = -1;
    }
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    // One answer. `head`: to a HEAD request, which has no body whatever the length says.
    Answer receive(bool head = false) {
        Answer answer;
        std::size_t end = 0;
        while ((end = got_.find("\r\n\r\n")) == got_.npos)
            if (!more()) return answer;
        const auto lines = got_.substr(0, end);
        got_.erase(0, end + 4);
        bool first = true;
        for (const auto line : split(lines, '\n')) {
            const auto colon = line.find(':');
            if (!first && colon != line.npos)
                answer.headers[lower_ascii(line.substr(0, colon))] = std::string(trim(line.substr(colon + 1)));
            first = false;
        }
        const int status = std::atoi(lines.c_str() + 9);
        const auto length = answer.headers.find("content-length");
        const auto size = length == answer.headers.end() || head ? 0 : std::stoul(length->second);
        while (got_.size() < size)
            if (!more()) return answer;
        answer.body = got_.substr(0, size);
        got_.erase(0, size);
        answer.status = status;
        return answer;
    }
    Answer ask(std::string_view bytes) { return send(bytes) ? receive() : Answer{}; }
    // The server closes within that time, and sends nothing more before.
    bool ended(int milliseconds = 10'000) { return !more(milliseconds) && end_seen_; }

  private:
    bool more(int milliseconds = 10'000) {
        pollfd waiting{fd_, POLLIN, 0};
        if (::poll(&waiting, 1, milliseconds) <= 0) return false;
        char buffer[16384];
        const auto got =
            ::recv(fd_, buffer, sizeof buffer, 0);  // NOLINT(clang-analyzer-unix.BlockInCriticalSection): polled
        end_seen_ = got <= 0;
        if (got > 0) got_.append(buffer, static_cast<std::size_t>(got));
        return got > 0;
    }
    int fd_ = -1;
    bool connected_ = false;
    bool end_seen_ = false;
    std::string got_;
};

inline std::string get(std::string_view path, std::string_view headers = "") {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}
inline std::string post(std::string_view path, std::string_view body, std::string_view headers = "") {
    return "POST " + std::string(path) +
           " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

}  // namespace tilsyn::http::test
