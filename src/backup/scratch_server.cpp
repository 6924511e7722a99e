#include "backup/scratch_server.hpp"

#include <pwd.h>
#include <unistd.h>

#include "backup/engines/call.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {

ScratchServer::ScratchServer(std::vector<std::string> command, std::filesystem::path folder, Deadline deadline)
    : folder_(std::move(folder)),
      deadline_(deadline),
      thread_([this, command = std::move(command)]() mutable { run(std::move(command)); }) {}

ScratchServer::~ScratchServer() {
    stopping_ = true;
    thread_.join();
}

Result<void> ScratchServer::wait(const std::function<bool()>& answers, std::chrono::milliseconds longest) {
    const auto limit = Deadline::in(longest);
    std::unique_lock lock(mutex_);
    while (!ended_ && !limit.passed()) {
        lock.unlock();
        const bool there = answers();
        lock.lock();
        if (there) return {};
        changed_.wait_for(lock, std::chrono::milliseconds(50));
    }
    return fail(Code::unavailable, "backup.scratch-server").detail(said_);
}

void ScratchServer::run(std::vector<std::string> command) {
    net::ProcessRequest request;
    request.arguments = std::move(command);
    request.folder = folder_;
    request.limits.nice = 5;
    request.grace = std::chrono::milliseconds(300);  // nothing of it is kept
    request.stopping = [this] { return stopping_.load(); };
    const auto ended = net::run_process(request, deadline_);
    const std::scoped_lock lock(mutex_);
    ended_ = true;
    said_ = ended ? last_words(ended->error.text) : ended.error().detail;
    changed_.notify_all();
}

std::vector<std::string> as_account(const std::string& account, std::vector<std::string> command) {
    if (::geteuid() != 0) return command;
    command.insert(command.begin(), {"setpriv", "--reuid=" + account, "--regid=" + account, "--clear-groups", "--"});
    return command;
}

Result<void> give_to(const std::string& account, const std::filesystem::path& folder) {
    if (::geteuid() != 0) return {};
    const passwd* user = ::getpwnam(account.c_str());
    if (user == nullptr || ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0)
        return fail(Code::unavailable, "backup.scratch-server").detail("no user " + account);
    return {};
}

}  // namespace tilsyn::backup
