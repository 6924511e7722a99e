#include "bench_watch.hpp"

#include "base/asio.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cmath>
#include <fstream>
#include <map>
#include <vector>

#include "monitor/monitor.hpp"
#include "support/scheduling.hpp"
#include "support/serving.hpp"

namespace tilsyn::bench {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;
namespace asio = boost::asio;

double cpu_seconds() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) { return double(t.tv_sec) + double(t.tv_usec) / 1e6; };
    return of(used.ru_utime) + of(used.ru_stime);
}

double peak_mebibytes() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return double(used.ru_maxrss) / 1024;
}

void report(const char* who, double cpu, std::int64_t checks) {
    fmt::print("  {:10} {:7} checks   {:6.0f} us of processor each   {:5.1f} MiB\n", who, checks,
               checks > 0 ? cpu / double(checks) * 1e6 : 0.0, peak_mebibytes());
}

// How far each page's requests were from their interval, by the log of the web server.
void punctuality(const std::filesystem::path& log, double every) {
    std::map<std::string, double> last;
    std::vector<double> off;
    std::ifstream in(log);
    for (std::string at, page; in >> at >> page;) {
        const auto now = std::stod(at);
        if (const auto before = last.find(page); before != last.end())
            off.push_back(std::abs(now - before->second - every) * 1000);
        last[page] = now;
    }
    std::ranges::sort(off);
    if (off.empty()) return fmt::print("    nothing was asked twice\n");
    fmt::print(
        "    away from the interval: p50 {:.0f} ms, p99 {:.0f} ms, worst {:.0f} ms (the server's log, {} pages)\n",
        off[off.size() / 2], off[off.size() * 99 / 100], off.back(), last.size());
}

asio::awaitable<void> ask_forever(asio::io_context& io, int port, int page, Steady::time_point first, Duration every,
                                  std::int64_t& answers) {
    asio::steady_timer timer(io);
    const auto request =
        "GET /?id=" + std::to_string(page) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    const asio::ip::tcp::endpoint there(asio::ip::address_v4::loopback(), std::uint16_t(port));
    for (auto turn = first;; turn += every) {
        timer.expires_at(turn);
        co_await timer.async_wait(asio::use_awaitable);
        asio::ip::tcp::socket socket(io);
        std::array<char, 4096> answer{};
        const auto [refused] = co_await socket.async_connect(there, asio::as_tuple(asio::use_awaitable));
        if (refused) continue;
        co_await asio::async_write(socket, asio::buffer(request), asio::use_awaitable);
        const auto [end, size] =
            co_await asio::async_read(socket, asio::buffer(answer), asio::as_tuple(asio::use_awaitable));
        if (std::string_view(answer.data(), size).starts_with("HTTP/1.1 200")) ++answers;
    }
}

}  // namespace

void watch_with_bare_loop(int port, int targets, int every, int seconds) {
    asio::io_context io(1);
    std::int64_t answers = 0;
    const auto begun = Steady::now();
    for (int page = 0; page < targets; ++page)
        asio::co_spawn(io,
                       ask_forever(io, port, page, begun + Duration(std::int64_t(1e6) * every * page / targets),
                                   std::chrono::seconds(every), answers),
                       asio::detached);
    const auto before = cpu_seconds();
    io.run_for(std::chrono::seconds(seconds));
    report("bare loop", cpu_seconds() - before, answers);
}

void watch_with_monitor(int port, int targets, int every, int seconds) {
    SystemClock clock;
    test::FreshDatabase database(db::Engine::sqlite);
    test::Schedule schedule(database.location(), clock, monitor::migrations());
    schedule.add_rows("servers", targets);
    auto control = test::control("page", "http", std::to_string(every) + "s", "servers");
    control.params.set("url", {.text = "http://127.0.0.1:" + std::to_string(port) + "/?id={id}"});
    control.params.set("method", {.text = "GET"});
    control.params.set("status", {.integers = {200}});
    control.params.set("follow_redirects", {});
    control.watched = true;
    control.retries = 2;
    control.retry_after = 1s;
    control.timeout = 10s;
    auto plan = std::make_shared<schedule::Plan>(*schedule.use({control}));
    plan->kinds = checks::kinds();
    if (!schedule.committer->write([&](log::WriteContext& context) -> Result<void> {
            TRY_VOID(schedule::sync(context, *plan));
            TRY_VOID(
                context.db().execute("INSERT INTO schedule_node(node, host, pid, pid_start, started_at, "
                                     "heartbeat_at) VALUES('bench', 'h', 1, 1, 0, 0)"));
            return {};
        }))
        std::abort();
    monitor::Monitor watch(*schedule.committer, *schedule.readers, checks::Environment{}, clock, {.node = "bench"},
                           [](const Error& error) { fmt::print("  {}\n", render(error, Lang::en)); });
    const auto before = cpu_seconds();
    if (!watch.refresh(plan)) std::abort();
    for (int second = 0; second < seconds; ++second) {
        std::this_thread::sleep_for(1s);
        if (second % 3 == 2 && !watch.refresh(plan)) std::abort();  // as the service does
    }
    watch.stop();
    const auto stats = watch.stats();
    report("monitor", cpu_seconds() - before, stats.up + stats.down + stats.unmeasured);
    if (stats.down + stats.unmeasured + stats.lost > 0)
        fmt::print("    NOT UP: {} down, {} unmeasured, {} lost\n", stats.down, stats.unmeasured, stats.lost);
    fmt::print("    first round: {} of {} targets known to the control log\n",
               schedule.number("SELECT count(*) FROM observation"), targets);
}

void watch(const std::string& self, int targets) {
    const int every = targets > 2000 ? 60 : 10, seconds = targets > 2000 ? 130 : 65;
    fmt::print("Watching: {} pages of an nginx every {} s, for {} s\n", targets, every, seconds);
    for (const char* who : {"watch-bare", "watch-monitor"}) {
        const test::TemporaryFolder folder;
        std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
        const auto port = test::free_port();
        const auto conf = folder.path() / "nginx.conf";
        std::ofstream(conf) << "daemon off; pid " << (folder.path() / "pid").string()
                            << "; error_log stderr; worker_rlimit_nofile 20000; events { worker_connections 12000; } "
                               "http { log_format t '$msec $arg_id'; access_log "
                            << (folder.path() / "log").string() << " t; client_body_temp_path "
                            << (folder.path() / "body").string() << "; server { listen 127.0.0.1:" << port
                            << " backlog=8192; location / { return 200 'well'; } } }";
        const test::Serving nginx({"/usr/sbin/nginx", "-c", conf.string()}, port);
        if (std::system(fmt::format("'{}' {} {} {} {} {}", self, who, port, targets, every, seconds).c_str()) != 0)
            fmt::print("  {} failed\n", who);
        punctuality(folder.path() / "log", every);
    }
}

}  // namespace tilsyn::bench
