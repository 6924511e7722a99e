#include "monitor/watcher.hpp"

#include <gtest/gtest.h>

namespace tilsyn::monitor {
namespace {

using namespace std::chrono_literals;

constexpr WatchRules rules{.every = 30s, .retries = 2, .retry_after = 5s};

struct Asked {
    explicit Asked(std::optional<Seen> state = Seen::up) : watcher(rules, state) {}
    Watcher::Step operator()(Seen seen) {
        auto step = watcher.take(seen, now);
        now += step.next;
        return step;
    }
    Watcher watcher;
    Timestamp now{};
};

TEST(Watcher, OneBadAnswerIsLookedAtAgainSoonAndForgotten) {
    Asked run;
    EXPECT_EQ(run(Seen::up).next, 30s);
    const auto bad = run(Seen::down);
    EXPECT_FALSE(bad.changed);
    EXPECT_FALSE(bad.settled);
    EXPECT_EQ(bad.next, 5s);
    EXPECT_EQ(run(Seen::up).next, 30s);
    EXPECT_EQ(run.watcher.state(), Seen::up);
    EXPECT_FALSE(run(Seen::down).changed);  // counted anew
    EXPECT_FALSE(run(Seen::down).changed);
}

TEST(Watcher, AsManyInARowAsTheControlAsksForAreBelieved) {
    Asked run;
    run(Seen::down);
    run(Seen::down);
    const auto third = run(Seen::down);
    EXPECT_TRUE(third.changed);
    EXPECT_EQ(run.watcher.state(), Seen::down);
    EXPECT_EQ(run.now - Timestamp{}, 15s);
    EXPECT_EQ(run(Seen::down).next, 5s) << "asked often while it is down, so that its end is known";
    EXPECT_FALSE(run(Seen::up).changed);
    EXPECT_FALSE(run(Seen::up).changed);
    EXPECT_TRUE(run(Seen::up).changed);
    EXPECT_EQ(run(Seen::up).next, 30s);
}

TEST(Watcher, WhatIsSeenFirst) {
    Asked run(std::nullopt);
    EXPECT_TRUE(run(Seen::up).changed) << "good at first sight";
    Asked bad(std::nullopt);
    EXPECT_FALSE(bad(Seen::down).changed);
    EXPECT_EQ(bad.watcher.state(), std::nullopt);
    bad(Seen::down);
    EXPECT_TRUE(bad(Seen::down).changed);
}

TEST(Watcher, TurnsThatDoNotAgreeAreNoChange) {
    Asked run;
    for (int i = 0; i < 20; ++i) EXPECT_FALSE(run(i % 2 == 0 ? Seen::down : Seen::unmeasured).changed);
    EXPECT_EQ(run.watcher.state(), Seen::up);
}

TEST(Watcher, WithoutRetriesEveryAnswerCounts) {
    Watcher watcher({.every = 30s, .retries = 0, .retry_after = 5s}, Seen::up);
    EXPECT_TRUE(watcher.take(Seen::down, Timestamp{}).changed);
    EXPECT_TRUE(watcher.take(Seen::up, Timestamp{} + 5s).changed);
}

TEST(Watcher, ReasksNoMoreSeldomThanItAsks) {
    Watcher watcher({.every = 2s, .retries = 1, .retry_after = 10s}, Seen::up);
    EXPECT_EQ(watcher.take(Seen::down, Timestamp{}).next, 2s);
}

TEST(Watcher, AServiceThatComesAndGoesIsDownUntilItHasStoodForAWhile) {
    Asked run;
    int changes = 0;
    for (int round = 0; round < 30; ++round) {
        for (int i = 0; i < 3; ++i) changes += run(Seen::down).changed;
        for (int i = 0; i < 3; ++i) changes += run(Seen::up).changed;
    }
    EXPECT_EQ(changes, 2 * (flap_limit - 1) + 1) << "told of it and then left alone";
    EXPECT_TRUE(run.watcher.flapping());
    EXPECT_EQ(run.watcher.state(), Seen::down);
    const auto calm_from = run.now;
    while (run.watcher.state() == Seen::down) run(Seen::up);
    EXPECT_GE(run.now - calm_from, flap_calm - 15s);
    EXPECT_LE(run.now - calm_from, flap_calm + 30s);
    EXPECT_FALSE(run.watcher.flapping());
}

}  // namespace
}  // namespace tilsyn::monitor
