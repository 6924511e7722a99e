// A real `tilsyn serve` as a child process, to be killed, paused and asked.
#pragma once
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/app.hpp"
#include "net/probe_http.hpp"

namespace tilsyn::test {

// A data folder with a small policy of its own; returns the key to the API.
std::string make_data_folder(const std::filesystem::path& data, const std::string& database, const std::string& policy);
std::uint16_t free_port();
// Polls until true; throws when `limit` passes first.
void wait_until(const std::string& what, std::chrono::seconds limit, const std::function<bool()>& condition);

class Service {
  public:
    Service(std::filesystem::path data, std::string key);
    ~Service();  // kills it
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    void start();  // returns when it answers
    void signal(int number) const;
    void kill();  // SIGKILL
    int stop();   // SIGTERM; the exit status
    int pid() const { return pid_; }
    // One request with the key; no value when nothing answers.
    std::optional<net::HttpResult> ask(const std::string& method, const std::string& path,
                                       const std::string& body = {}) const;

  private:
    void tell() const;

    std::filesystem::path data_;
    std::string key_;
    std::uint16_t port_ = 0;
    int pid_ = -1;
};

}  // namespace tilsyn::test
