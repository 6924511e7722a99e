// For tests: other people's servers on loopback, which end with the test whatever happens.
#pragma once
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/i18n.hpp"
#include "net/process.hpp"
#include "support/command.hpp"

namespace tilsyn::test {

using namespace std::chrono_literals;

// A program that serves until it is told to stop, and that dies with the test.
class Serving {
  public:
    Serving(std::vector<std::string> arguments, std::uint16_t port)
        : thread_([this, arguments = std::move(arguments)] {
              const auto ended = net::run_process(
                  {.arguments = arguments, .grace = 200ms, .stopping = [this] { return stopping_.load(); }},
                  Deadline::in(300s));
              said_ = ended ? ended->error.text : render(ended.error(), Lang::en);
              over_ = true;
          }) {
        for (const auto limit = Deadline::in(20s); !limit.passed() && !over_;)
            if (test::run_command("bash -c ': </dev/tcp/127.0.0.1/" + std::to_string(port) + "' 2>/dev/null").status ==
                0)
                return;
        ADD_FAILURE() << "nobody answers: " << (over_ ? said_ : "");
    }
    ~Serving() {
        stopping_ = true;
        thread_.join();
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

  private:
    std::atomic<bool> stopping_ = false, over_ = false;
    std::string said_;
    std::thread thread_;
};

// A port that nobody has just now.
inline std::uint16_t free_port() {
    const auto port =
        test::run_command(
            "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'")
            .output;
    return std::uint16_t(std::stoi(port));
}

}  // namespace tilsyn::test
