// The service as a whole: over a real socket, with real signals, told to stop in every way.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <regex>

#include "app/api_fixture.hpp"
#include "app/metrics.hpp"
#include "app/serve.hpp"
#include "app/serve_notify.hpp"

namespace tilsyn::app {
namespace {

using testing::HasSubstr;

class Socket {
  public:
    explicit Socket(int fd) : fd_(fd) { EXPECT_GE(fd_, 0); }
    ~Socket() { ::close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int fd() const { return fd_; }

  private:
    int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

// The whole answer, as it comes.
std::string fetch(std::uint16_t port, const std::string& path, const std::string& key = "") {
    const Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = loopback(port);
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
    const auto request = "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n" +
                         (key.empty() ? "" : "Authorization: Bearer " + key + "\r\n") + "\r\n";
    if (::send(socket.fd(), request.data(), request.size(), MSG_NOSIGNAL) != ssize_t(request.size())) return {};
    std::string answer;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::recv(socket.fd(), buffer, sizeof buffer, 0)) > 0;)
        answer.append(buffer, std::size_t(count));
    return answer;
}

// Listens like a service manager.
class Manager {
  public:
    Manager() : socket_(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)), path_((folder_.path() / "n").string()) {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path_.copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    }
    const std::string& path() const { return path_; }
    std::vector<std::string> heard() {
        std::vector<std::string> all;
        char buffer[256];
        for (ssize_t count = 0; (count = ::recv(socket_.fd(), buffer, sizeof buffer, MSG_DONTWAIT)) > 0;)
            all.emplace_back(buffer, std::size_t(count));
        return all;
    }

  private:
    test::TemporaryFolder folder_;
    Socket socket_;
    std::string path_;
};

struct BeforeAnyThread {
    std::unique_ptr<StopSignal> stop_ = StopSignal::create().value();
};

class Serve : private BeforeAnyThread, public Api {
  protected:
    void start() {
        ::setenv("NOTIFY_SOCKET", manager_.path().c_str(), 1);
        std::promise<std::uint16_t> listening;
        auto port = listening.get_future();
        result_ = std::async(std::launch::async, [this, &listening] {
            ServeOptions options;
            options.port = 0;
            options.listening = [&listening](std::uint16_t number) { listening.set_value(number); };
            return serve(*app_, options, *stop_);
        });
        port_ = port.get();
    }
    Result<void> finish() {
        auto result = result_.get();
        ::unsetenv("NOTIFY_SOCKET");
        return result;
    }
    StopSignal& stop() { return *stop_; }
    bool eventually(const std::function<bool()>& holds) {
        for (const auto deadline = Deadline::in(std::chrono::seconds(20)); !deadline.passed();)
            if (holds()) return true;
        return false;
    }
    std::int64_t entries(const std::string& kind) {
        const auto reader = app_->readers().get().value();
        return reader->one("SELECT count(*) FROM log_entry WHERE body LIKE ?", {"%\"k\":\"" + kind + "\"%"})
            .value()
            ->integer(0);
    }

    Manager manager_;
    std::future<Result<void>> result_;
    std::uint16_t port_ = 0;
};

TEST_F(Serve, AnswersRunsAndStopsOnASignal) {
    apply();
    start();
    EXPECT_THAT(manager_.heard(), testing::Contains("READY=1"));
    EXPECT_THAT(fetch(port_, "/healthz"), HasSubstr("200 OK"));
    EXPECT_THAT(fetch(port_, "/readyz"), HasSubstr(R"("ready":true)"));
    EXPECT_THAT(fetch(port_, "/api/v1/status"), HasSubstr("401 Unauthorized"));
    EXPECT_THAT(fetch(port_, "/api/v1/status", read_), HasSubstr("200 OK"));
    ASSERT_EQ(ask({.method = http::Method::put,
                   .path = "/api/v1/registers/suppliers/rows/firm",
                   .key = write_,
                   .body = R"({"fields":{"name":"F","kind":"other"}})"})
                  .status,
              201);
    EXPECT_TRUE(eventually([&] {
        return fetch(port_, "/api/v1/controls/supplier-country", read_).find(R"("verdict":"fail")") !=
               std::string::npos;
    })) << "nobody ran it";
    const auto figures = fetch(port_, "/metrics");
    for (const auto* line : {"tilsyn_controls{verdict=\"fail\"} 1\n", "tilsyn_findings_open{severity=\"high\"} 1\n",
                             "tilsyn_runs_total 1\n", "tilsyn_run_lag_seconds_count 1\n",
                             "tilsyn_http_requests_total{status=\"401\"} 1\n", "tilsyn_database_up 1\n"})
        EXPECT_THAT(figures, HasSubstr(line));

    ::kill(::getpid(), SIGTERM);
    EXPECT_TRUE(finish());
    EXPECT_THAT(manager_.heard(), testing::Contains("STOPPING=1"));
    EXPECT_EQ(fetch(port_, "/healthz"), "");
    EXPECT_EQ(entries("node.start"), 1);
    EXPECT_EQ(entries("node.stop"), 1);
}

TEST_F(Serve, TakesUpAPolicyThatAnotherProcessApplied) {
    apply();
    start();
    auto other = App::open({folder_.path(), {}}, clock_).value();
    auto changed = std::string(small_policy);
    changed.replace(changed.find("Small policy"), 12, "Other policy");
    write_policy(changed);
    std::vector<Error> faults;
    ASSERT_TRUE(other->apply_policy(folder_.path() / "policy" / "policy.toml", "other", faults));
    EXPECT_THAT(fetch(port_, "/api/v1/policy", read_), HasSubstr("Small policy"));
    clock_.advance(std::chrono::seconds(2));
    EXPECT_TRUE(
        eventually([&] { return fetch(port_, "/api/v1/policy", read_).find("Other policy") != std::string::npos; }));
    stop().request();
    EXPECT_TRUE(finish());
}

TEST_F(Serve, LogsAHeartbeatEveryHour) {
    apply();
    start();
    EXPECT_EQ(entries("heartbeat"), 0);
    clock_.advance(std::chrono::hours(1));
    EXPECT_TRUE(eventually([&] { return entries("heartbeat") == 1; }));
    stop().request();
    EXPECT_TRUE(finish());
}

TEST_F(Serve, SaysWhenThePortIsTakenAndDoesNotJoin) {
    apply();
    const Socket taken(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = loopback(0);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(taken.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ASSERT_EQ(::listen(taken.fd(), 1), 0);
    ASSERT_EQ(::getsockname(taken.fd(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    ServeOptions options;
    options.port = ntohs(address.sin_port);
    const auto refused = serve(*app_, options, stop());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.key, "http.cannot-listen");
    EXPECT_EQ(entries("node.start"), 0);
}

TEST(Notifier, WatchesAtHalfTheInterval) {
    Manager manager;
    Notifier notifier(manager.path(), std::chrono::seconds(30));
    const auto start = std::chrono::steady_clock::now();
    for (const int second : {0, 1, 14, 15, 16, 31}) notifier.watch(start + std::chrono::seconds(second));
    EXPECT_EQ(manager.heard().size(), 3u);
    Notifier("", std::nullopt).send("READY=1");
    Notifier("/nowhere/at/all", std::nullopt).send("READY=1");
}

class Figures : public Api {};

// Each family once, with HELP and TYPE in front of its samples; histograms add up.
TEST_F(Figures, FollowTheFormat) {
    apply();
    schedule::EngineStats stats;
    stats.runs = 6;
    stats.lag[0] = 1;
    stats.lag[10] = 2;
    stats.lag[23] = 3;
    stats.lag_ms = 20'000'000;
    http::Counters counters;
    counters.by_status = {{200, 7}, {404, 1}};
    const monitor::MonitorStats watched{.leading = true, .targets = 3, .up = 40, .down = 2};
    const auto text = metrics(*app_, {&stats, &counters, &watched});
    const std::regex help("# HELP ([a-z_]+) .+"), type("# TYPE ([a-z_]+) (counter|gauge|histogram)"),
        sample(R"(([a-z_]+)(\{[a-z]+="([^"\\]|\\.)*"(,[a-z]+="([^"\\]|\\.)*")*\})? [0-9.e+-]+)");
    std::string family;
    std::set<std::string> seen;
    for (const auto line_view : split(std::string_view(text).substr(0, text.size() - 1), '\n')) {
        const std::string line(line_view);
        std::smatch match;
        if (std::regex_match(line, match, help)) {
            family = match[1];
            EXPECT_TRUE(seen.insert(family).second) << family << " twice";
            EXPECT_TRUE(family.starts_with("tilsyn_") || family.starts_with("process_")) << family;
        } else if (std::regex_match(line, match, type)) {
            EXPECT_EQ(match[1], family);
            if (match[2] == "counter") EXPECT_TRUE(family.ends_with("_total")) << family;
        } else {
            ASSERT_TRUE(std::regex_match(line, match, sample)) << line;
            EXPECT_TRUE(match[1].str().starts_with(family)) << line;
        }
    }
    EXPECT_GT(seen.size(), 20u);
    for (const auto* line :
         {"tilsyn_run_lag_seconds_bucket{le=\"0.001\"} 1\n", "tilsyn_run_lag_seconds_bucket{le=\"1.024\"} 3\n",
          "tilsyn_run_lag_seconds_bucket{le=\"+Inf\"} 6\n", "tilsyn_run_lag_seconds_sum 20000\n",
          "tilsyn_run_lag_seconds_count 6\n", "tilsyn_http_requests_total{status=\"200\"} 7\n",
          "tilsyn_subjects{verdict=\"unknown\"} 1\n"})
        EXPECT_THAT(text, HasSubstr(line));
}

TEST(Exposition, EscapesLabels) {
    Exposition out;
    out.family("tilsyn_x", "gauge", "X.");
    out.sample({{"a", "b\"c\\d\ne"}}, 1.5);
    EXPECT_EQ(out.text(), "# HELP tilsyn_x X.\n# TYPE tilsyn_x gauge\ntilsyn_x{a=\"b\\\"c\\\\d\\ne\"} 1.5\n");
}

}  // namespace
}  // namespace tilsyn::app
