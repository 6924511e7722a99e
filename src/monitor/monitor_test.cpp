// The monitor against services on loopback and both databases, in real time: every wait is for something to happen.
#include "monitor/monitor.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "checks/kind.hpp"
#include "findings/findings.hpp"
#include "monitor/uptime.hpp"
#include "net/loopback_listener.hpp"
#include "support/scheduling.hpp"

namespace tilsyn::monitor {
namespace {

using namespace std::chrono_literals;
using net::test::Connection;
using net::test::Listener;

// A web server that answers 200 or 500, as it is told.
struct Web {
    std::atomic<int> status = 200;
    std::atomic<int> asked = 0;
    Listener listener{[this](Connection& connection) {
        connection.read_request();
        ++asked;
        connection.send("HTTP/1.1 " + std::to_string(status) + " -\r\nContent-Length: 2\r\n\r\nok");
    }};
};

policy::Control watching(const std::string& id, const std::string& url, int retries = 1) {
    auto control = test::control(id, "http", "1s");
    policy::ParamValue text, statuses;
    text.text = url;
    statuses.integers = {200};
    control.params.set("url", text);
    control.params.set("method", {.text = "GET"});
    control.params.set("status", statuses);
    control.params.set("follow_redirects", {});
    control.watched = true;
    control.retries = retries;
    control.retry_after = 1s;
    control.timeout = 2s;
    return control;
}

class Watching : public testing::TestWithParam<db::Engine> {
  protected:
    Watching() : database_(GetParam()), schedule_(database_.location(), clock_, migrations()) {}
    // schedule's kinds are made up; these are the real ones.
    std::shared_ptr<const schedule::Plan> use(std::vector<policy::Control> controls) {
        auto plan = std::make_shared<schedule::Plan>(*schedule_.use(std::move(controls)));
        plan->kinds = checks::kinds();
        const auto synced = schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
            TRY_VOID(schedule::sync(context, *plan));
            return {};
        });
        EXPECT_TRUE(synced);
        return plan;
    }
    std::unique_ptr<Monitor> monitor(const std::string& node = "one") {
        EXPECT_TRUE(schedule_.connection->execute(
            "INSERT INTO schedule_node(node, host, pid, pid_start, started_at, heartbeat_at) VALUES(?, 'h', 1, 1, 0, "
            "0) ON CONFLICT(node) DO NOTHING",
            {node}));
        return std::make_unique<Monitor>(
            *schedule_.committer, *schedule_.readers, checks::Environment{}, clock_, MonitorOptions{.node = node},
            [](const Error& error) { ADD_FAILURE() << render(error, Lang::en) << " " << error.detail; });
    }
    std::int64_t number(const std::string& sql) { return schedule_.number(sql); }
    // True as soon as it is so; gives up after a time in which a loaded machine manages too.
    template <class Condition>
    bool soon(const Condition& condition) {
        const auto deadline = Deadline::in(30s);
        while (!condition()) {
            if (deadline.passed()) return false;
            std::this_thread::sleep_for(10ms);  // other threads decide; there is nothing to be woken by
        }
        return true;
    }

    SystemClock clock_;
    test::FreshDatabase database_;
    test::Schedule schedule_;
};

TEST_P(Watching, AsksAgainAndAgainAndTellsTheLogOnce) {
    Web web;
    const auto plan = use({watching("web", web.listener.url("/"))});
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return web.asked >= 3; }));
    watch->stop();
    EXPECT_EQ(number("SELECT count(*) FROM observation"), 1) << "nothing changed";
    EXPECT_EQ(schedule_.text("SELECT outcome FROM subject_state"), "pass");
    EXPECT_EQ(number("SELECT state FROM subject_state"), std::int64_t(schedule::State::watched));
    const auto recovered = recover(*schedule_.connection);
    ASSERT_TRUE(recovered);
    std::size_t results = 0;
    for (const auto& [key, samples] : recovered->hours) results += samples.count();
    EXPECT_GE(results, 3u);
    EXPECT_EQ(recovered->open.size(), 0u);
}

TEST_P(Watching, WhatIsDownIsBelievedAfterASecondLookAndItsEndToo) {
    Web web;
    const auto plan = use({watching("web", web.listener.url("/"))});
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'pass'") == 1; }));
    web.status = 500;
    const auto asked_before = web.asked.load();
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'fail'") == 1; }));
    EXPECT_GE(web.asked - asked_before, 2);
    EXPECT_EQ(number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span WHERE open = 1"), 1);
    web.status = 200;
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'pass'") == 2; }));
    watch->stop();
    EXPECT_EQ(number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 0);
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span WHERE open = 0 AND from_lo < from_hi AND from_hi < to_lo AND "
                     "to_lo < to_hi"),
              1);
}

TEST_P(Watching, OneBadAnswerIsInTheFiguresAndWakesNobody) {
    Web web;
    const auto plan = use({watching("web", web.listener.url("/"), 3)});
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation") == 1; }));
    web.status = 500;
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM monitor_span WHERE open = 1") == 1; }));
    web.status = 200;
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM monitor_span WHERE open = 0") == 1; }));
    watch->stop();
    EXPECT_EQ(number("SELECT count(*) FROM observation"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM finding"), 0);
}

TEST_P(Watching, OnlyOneProcessWatchesAndAnotherTakesOver) {
    Web web;
    const auto plan = use({watching("web", web.listener.url("/"))});
    auto first = monitor("one");
    const auto second = monitor("two");
    ASSERT_TRUE(first->refresh(plan));
    ASSERT_TRUE(second->refresh(plan));
    ASSERT_TRUE(soon([&] { return first->stats().targets == 1; }));
    EXPECT_FALSE(second->stats().leading);
    first.reset();
    EXPECT_TRUE(schedule_.connection->execute("DELETE FROM schedule_node WHERE node = 'one'"));
    ASSERT_TRUE(second->refresh(plan));
    ASSERT_TRUE(soon([&] { return second->stats().leading && second->stats().up > 0; }));
}

TEST_P(Watching, WhatWasSeenSurvivesTheProcess) {
    Web web;
    web.status = 500;
    const auto plan = use({watching("web", web.listener.url("/"))});
    {
        const auto watch = monitor();
        ASSERT_TRUE(watch->refresh(plan));
        ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'fail'") == 1; }));
    }
    const auto before = number("SELECT count(*) FROM monitor_tail");
    EXPECT_GT(before, 0);
    web.status = 200;
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'pass'") == 1; }));
    watch->stop();
    EXPECT_GT(number("SELECT count(*) FROM monitor_tail"), before) << "and nothing was written over";
    EXPECT_EQ(number("SELECT count(*) FROM finding"), 1) << "the same outage";
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span WHERE state = 1"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM monitor_span WHERE state = 1 AND open = 1"), 0);
}

TEST_P(Watching, WhatCannotBeAskedIsNotDown) {
    const auto plan = use({watching("web", "{address}")});
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return number("SELECT count(*) FROM observation WHERE outcome = 'unknown'") == 1; }));
    watch->stop();
    EXPECT_EQ(number("SELECT count(*) FROM finding"), 0);
    EXPECT_EQ(watch->stats().down, 0);
}

TEST_P(Watching, WhatIsNoLongerInThePolicyIsLeftAlone) {
    Web web;
    auto plan = use({watching("web", web.listener.url("/")), watching("too", web.listener.url("/too"))});
    const auto watch = monitor();
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return watch->stats().targets == 2; }));
    plan = use({watching("too", web.listener.url("/too"))});
    ASSERT_TRUE(watch->refresh(plan));
    ASSERT_TRUE(soon([&] { return watch->stats().targets == 1; }));
}

INSTANTIATE_ENGINES(Watching);

}  // namespace
}  // namespace tilsyn::monitor
