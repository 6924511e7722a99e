// A service that is watched every second while the watcher is killed again and again: it is watched again soon, hardly
// a result is lost, and nobody is told of an outage that was none.
#include <gtest/gtest.h>

#include <mutex>
#include <numeric>

#include "faults/service.hpp"
#include "http/server.hpp"
#include "monitor/figures.hpp"
#include "support/small_policy.hpp"
#include "support/temporary.hpp"

namespace tilsyn {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

TEST(WatchFaults, KilledAndBackWithoutAFalseOutage) {
    constexpr int kills = 5;
    std::mutex mutex;
    std::vector<Steady::time_point> asked;
    std::vector<http::Route> routes;
    routes.emplace_back(http::Method::get, "/page",
                        http::Access{http::Auth::public_, 1 << 20, http::Rate::light, http::Bodies::any},
                        [&](const http::Request&) -> http::Response {
                            const std::scoped_lock lock(mutex);
                            asked.push_back(Steady::now());
                            return {};
                        });
    const auto server = http::Server::start("127.0.0.1", 0, std::move(routes), {}).value();
    const test::TemporaryFolder folder;
    const auto data = folder.path() / "data";
    const auto key = test::make_data_folder(data, {}, test::small_policy(R"([control.page]
title = { da = "Siden svarer", en = "The page answers" }
promises = ["P1"]
every = "1s"
timeout = "2s"
owner = "it"
[control.page.check]
kind = "http"
url = "http://127.0.0.1:)" + std::to_string(server->port()) + R"(/page"
status = [200, 204]
)"));
    const auto times = [&] {
        const std::scoped_lock lock(mutex);
        return asked;
    };
    test::Service service(data, key);
    std::vector<double> blind;
    for (int kill = 0; kill < kills; ++kill) {
        const auto before = times().size();
        service.start();
        test::wait_until("questions", 30s, [&] { return times().size() >= before + 3; });
        if (before > 0) blind.push_back(std::chrono::duration<double>(times()[before] - times()[before - 1]).count());
        service.kill();
    }
    const auto before = times().size();
    service.start();
    test::wait_until("questions", 30s, [&] { return times().size() >= before + 2; });
    EXPECT_EQ(service.stop(), 0);

    const SystemClock clock;
    const auto app = app::App::open({.data = data, .database = {}}, clock).value();
    const auto reader = app->readers().get().value();
    const auto number = [&](const std::string& sql) { return (*reader->one(sql))->integer(0); };
    EXPECT_EQ(number("SELECT count(*) FROM finding"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span WHERE state = 1"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM observation WHERE outcome <> 'pass'"), 0);
    EXPECT_EQ(number("SELECT node = '' FROM monitor_lease"), 0);
    const auto& zone = app->plan()->calendar.zone();
    const auto today = zone.local(clock.now()).date;
    const auto yesterday = Date(std::chrono::sys_days(today) - std::chrono::days(1));
    const auto figures = monitor::figures(*reader, {yesterday, today}, zone, clock.now()).value();
    ASSERT_EQ(figures.size(), 1u);
    EXPECT_EQ(figures[0].down, 0);
    const auto questions = std::int64_t(times().size());
    EXPECT_LE(figures[0].up, questions);
    EXPECT_GE(figures[0].up, questions - 2 * kills) << "of each life at most what came in its last second";
    std::cout << questions << " questions, " << figures[0].up << " results kept over " << kills << " kills; blind for "
              << std::accumulate(blind.begin(), blind.end(), 0.0) / double(blind.size()) << " s on average\n";
}

}  // namespace
}  // namespace tilsyn
