// A storm of a thousand alerts while the service is killed again and again: each one comes, in order, and one that
// comes twice comes under the same name.
#include <gmock/gmock.h>

#include <map>
#include <mutex>

#include "base/file.hpp"
#include "base/random.hpp"
#include "faults/service.hpp"
#include "http/server.hpp"
#include "notify/outbox.hpp"
#include "support/small_policy.hpp"
#include "support/temporary.hpp"

namespace tilsyn {
namespace {

using namespace std::chrono_literals;

TEST(AlertFaults, AThousandAlertsWhileTheServiceIsKilled) {
    constexpr int alerts = 1000, kills = 12;
    const test::TemporaryFolder folder;
    const auto data = folder.path() / "data";
    const auto key = test::make_data_folder(data, {}, test::small_policy(R"([control.company]
title = { da = "Virksomheden", en = "The company" }
promises = ["P1"]
every = "1h"
owner = "it"
[control.company.check]
kind = "query"
sql = "select id from servers where name = 'bad'"
)"));
    std::mutex mutex;
    std::map<std::string, int> came;
    std::vector<std::string> order;
    std::vector<http::Route> routes;
    routes.emplace_back(http::Method::post, "/hook",
                        http::Access{http::Auth::public_, 1 << 20, http::Rate::light, http::Bodies::any},
                        [&](const http::Request& request) -> http::Response {
                            const std::scoped_lock lock(mutex);
                            const auto name = request.header("idempotency-key");
                            if (came[name]++ == 0) order.push_back(name);
                            return {};
                        });
    auto receiver = http::Server::start("127.0.0.1", 0, std::move(routes), {}).value();
    ASSERT_TRUE(write_file(data / "channels.toml", "[channel.hook]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:" +
                                                       std::to_string(receiver->port()) + "/hook\"\n"));
    const SystemClock clock;
    const auto app = app::App::open({.data = data, .database = {}}, clock).value();
    std::vector<std::string> wanted;
    for (int i = 0; i < alerts; ++i) {
        const notify::Notice notice{.id = "n" + std::to_string(10'000 + i),
                                    .channel = "hook",
                                    .kind = "findings",
                                    .payload = "{}",
                                    .made = clock.now(),
                                    .state = "waiting"};
        ASSERT_TRUE(notify::put(app->committer(), notice, notice.id, {}));
        wanted.push_back(notice.id);
    }
    const auto arrived = [&] {
        const std::scoped_lock lock(mutex);
        return int(order.size());
    };
    test::Service service(data, key);
    for (int kill = 1; kill <= kills; ++kill) {
        service.start();
        test::wait_until("alerts", 60s, [&] { return arrived() >= kill * alerts / (kills + 1); });
        service.kill();
    }
    service.start();
    test::wait_until("all alerts", 120s, [&] {
        const auto states = notify::channel_states(**app->readers().get()).value();
        return states.front().waiting == 0;
    });
    EXPECT_EQ(service.stop(), 0);
    EXPECT_EQ(order, wanted);
    int twice = 0;
    for (const auto& [name, times] : came) twice += times - 1;
    EXPECT_LE(twice, kills) << "one for each kill at most, and under the same name";
    std::cout << alerts << " alerts, " << kills << " kills, " << twice << " handed over twice, none lost\n";
}

}  // namespace
}  // namespace tilsyn
