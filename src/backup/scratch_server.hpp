// A database server that is started for a trial, in a folder of its own, and gone afterwards: as a child of a thread of
// ours, so that it dies with us, too.
#pragma once
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

class ScratchServer {
  public:
    ScratchServer(std::vector<std::string> command, std::filesystem::path folder, Deadline deadline);
    ~ScratchServer();  // stops it
    ScratchServer(const ScratchServer&) = delete;
    ScratchServer& operator=(const ScratchServer&) = delete;

    // Until it answers. Code::unavailable, with the server's words: it has ended, or that time is over.
    Result<void> wait(const std::function<bool()>& answers,
                      std::chrono::milliseconds longest = std::chrono::minutes(1));

  private:
    void run(std::vector<std::string> command);

    std::filesystem::path folder_;
    Deadline deadline_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool ended_ = false;
    std::string said_;
    std::thread thread_;
};

// Database servers refuse to run as root, or should: their package's own account does it then. As another account than
// root, nothing is changed.
std::vector<std::string> as_account(const std::string& account, std::vector<std::string> command);
Result<void> give_to(const std::string& account, const std::filesystem::path& folder);

}  // namespace tilsyn::backup
