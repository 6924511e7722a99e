#include "net/loop.hpp"

#include <gtest/gtest.h>

#include <future>

#include "net/loopback_listener.hpp"

namespace tilsyn::net {
namespace {

using namespace std::chrono_literals;
using test::Connection;
using test::get;
using test::Listener;

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// Starts it on the loop; what it answers.
std::future<Answer> ask(Loop& loop, Probe probe, Duration limit = 5s) {
    auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    loop.post([&loop, promise, probe = std::move(probe), limit] {
        loop.start(probe, Deadline::in(limit), [promise](Answer found) { promise->set_value(std::move(found)); });
    });
    return answer;
}

TEST(Loop, ManyProbesAtTheSameTimeOnOneThread) {
    const Listener web([](Connection& c) {
        c.read_request();
        c.send(ok);
    });
    Loop loop;
    std::vector<std::future<Answer>> answers;
    for (int i = 0; i < 200; ++i)
        answers.push_back(
            ask(loop, i % 2 == 0 ? Probe(get(web.url("/"))) : Probe(TcpRequest{"127.0.0.1", web.port()})));
    for (int i = 0; i < 200; ++i) {
        const auto answer = answers[std::size_t(i)].get();
        if (i % 2 == 0) {
            const auto& http = std::get<Result<HttpResult>>(answer);
            ASSERT_TRUE(http) << http.error().detail;
            EXPECT_EQ(http->body, "ok");
        } else {
            EXPECT_EQ(std::get<Result<TcpResult>>(answer)->state, TcpState::open);
        }
    }
}

TEST(Loop, OneThatHangsHoldsUpNobody) {
    const Listener silent([](Connection& c) { c.hang(); });
    const Listener web([](Connection& c) {
        c.read_request();
        c.send(ok);
    });
    Loop loop;
    auto hung = ask(loop, get(silent.url("/")), 10s);
    EXPECT_TRUE(std::get<Result<HttpResult>>(ask(loop, get(web.url("/"))).get()));
    EXPECT_EQ(hung.wait_for(0s), std::future_status::timeout) << "still waiting";
}  // and is called off with the loop

TEST(Loop, EndsThoughANameServerNeverAnswers) {
    const auto begun = std::chrono::steady_clock::now();
    {
        Loop loop;
        auto answer = ask(loop, get("http://no-such-name.invalid/"), 60s);
        std::promise<void> under_way;
        loop.post([&] { under_way.set_value(); });
        under_way.get_future().wait();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 3s);
}

TEST(Loop, WhatIsNoRequestIsAnError) {
    Loop loop;
    EXPECT_EQ(std::get<Result<HttpResult>>(ask(loop, get("ftp://127.0.0.1/")).get()).error().code, Code::invalid);
    EXPECT_EQ(std::get<Result<TcpResult>>(ask(loop, TcpRequest{"127.0.0.1", 0}).get()).error().code, Code::invalid);
}

TEST(Loop, TimersComeInTheirOrder) {
    Loop loop;
    std::promise<std::string> end;
    loop.post([&] {
        const auto now = std::chrono::steady_clock::now();
        auto order = std::make_shared<std::string>();
        loop.at(now + 30ms, [&end, order] { end.set_value(*order + "c"); });
        loop.at(now + 10ms, [order] { *order += "b"; });
        loop.at(now - 1s, [order] { *order += "a"; });
    });
    EXPECT_EQ(end.get_future().get(), "abc");
}

}  // namespace
}  // namespace tilsyn::net
