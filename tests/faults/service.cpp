#include "faults/service.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

#include "app/init.hpp"
#include "base/file.hpp"

namespace tilsyn::test {

std::string make_data_folder(const std::filesystem::path& data, const std::string& database,
                             const std::string& policy) {
    const SystemClock clock;
    const auto made = app::init({data, database}, clock);
    if (!made) throw std::runtime_error(render(made.error(), Lang::en));
    std::filesystem::remove_all(data / "policy");
    std::filesystem::create_directories(data / "policy");
    if (!write_file(data / "policy" / "policy.toml", policy)) throw std::runtime_error("cannot write the policy");
    auto app = app::App::open({data, database}, clock).value();
    std::vector<Error> faults;
    if (const auto applied = app->apply_policy(data / "policy" / "policy.toml", "test", faults); !applied)
        throw std::runtime_error(render(faults.empty() ? applied.error() : faults.front(), Lang::en));
    return made->key;
}

std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (fd < 0 || ::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0)
        throw std::runtime_error("no free port");
    ::close(fd);
    return ::ntohs(address.sin_port);
}

void wait_until(const std::string& what, std::chrono::seconds limit, const std::function<bool()>& condition) {
    const auto until = std::chrono::steady_clock::now() + limit;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > until) throw std::runtime_error("waited in vain for: " + what);
        std::this_thread::sleep_for(
            std::chrono::milliseconds(20));  // another process decides; there is nothing to be woken by
    }
}

Service::Service(std::filesystem::path data, std::string key) : data_(std::move(data)), key_(std::move(key)) {}
Service::~Service() {
    if (std::uncaught_exceptions() > 0) tell();
    kill();
}

// A test that waited in vain: what the service had to say is the best lead there is.
void Service::tell() const {
    constexpr std::size_t most = 4000;
    const bool alive = pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0;
    const auto log = read_file(data_ / "service.log").value_or("");
    std::printf("--- %s is %s; its log ends with\n%s\n", data_.c_str(), alive ? "alive" : "gone",
                log.substr(log.size() - std::min(log.size(), most)).c_str());
}

void Service::start() {
    port_ = free_port();
    const std::string program = TILSYN_PROGRAM, folder = data_.string(), port = std::to_string(port_),
                      log = (data_ / "service.log").string();
    pid_ = ::fork();
    if (pid_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (out < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
        ::execl(program.c_str(), program.c_str(), "serve", "--data", folder.c_str(), "--port", port.c_str(), nullptr);
        ::_exit(127);
    }
    wait_until("the service to answer", std::chrono::seconds(20), [&] {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_)
            throw std::runtime_error("the service ended: " + read_file(log).value_or(""));
        const auto answer = ask("GET", "/healthz");
        return answer && answer->status == 200;
    });
}

void Service::signal(int number) const {
    ::kill(pid_, number);
}

void Service::kill() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

int Service::stop() {
    ::kill(pid_, SIGTERM);
    int status = 0;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
}

std::optional<net::HttpResult> Service::ask(const std::string& method, const std::string& path,
                                            const std::string& body) const {
    net::HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(port_) + path;
    request.method = method;
    request.body = body;
    request.headers = {{"Authorization", "Bearer " + key_}, {"Content-Type", "application/json"}};
    auto answer = net::http_probe(request, Deadline::in(std::chrono::seconds(5)));
    if (!answer) return std::nullopt;
    return std::move(*answer);
}

}  // namespace tilsyn::test
