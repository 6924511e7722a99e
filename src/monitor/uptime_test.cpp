#include "monitor/uptime.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace tilsyn::monitor {
namespace {

constexpr std::int64_t gap = 90;  // of a service asked every 30

std::vector<Span> spans_of(const std::vector<Sample>& samples, std::int64_t longest = gap) {
    SpanTracker tracker(longest);
    std::vector<Span> out;
    for (const auto& sample : samples)
        for (const auto& span : tracker.take(sample)) {
            if (!out.empty() && out.back().open) out.pop_back();
            out.push_back(span);
        }
    if (tracker.open()) out.back() = *tracker.open();
    return out;
}

std::vector<Sample> every_30(std::string_view states) {
    std::vector<Sample> out;
    std::int64_t at = 0;
    for (const char c : states) {
        if (c != ' ') out.push_back({at, c == '+' ? Seen::up : c == '-' ? Seen::down : Seen::unmeasured, 100});
        at += 30;
    }
    return out;
}

TEST(Spans, KnowHowCloselyTheyAreKnown) {
    EXPECT_TRUE(spans_of(every_30("++++")).empty());
    EXPECT_EQ(spans_of(every_30("++--++")), (std::vector<Span>{{Seen::down, 30, 60, 90, 120, false}}));
    EXPECT_EQ(spans_of(every_30("+-+")), (std::vector<Span>{{Seen::down, 0, 30, 30, 60, false}}));
    EXPECT_EQ(spans_of(every_30("+---")), (std::vector<Span>{{Seen::down, 0, 30, 90, 90, true}}));
    EXPECT_EQ(spans_of(every_30("--+")), (std::vector<Span>{{Seen::down, 0, 0, 30, 60, false}}));
}

TEST(Spans, WhatIsNotMeasuredIsNeitherUpNorDown) {
    EXPECT_EQ(spans_of(every_30("++??++")), (std::vector<Span>{{Seen::unmeasured, 30, 30, 120, 120, false}}));
    EXPECT_EQ(spans_of(every_30("+-?-+")), (std::vector<Span>{{Seen::down, 0, 30, 30, 30, false},
                                                              {Seen::unmeasured, 30, 30, 90, 90, false},
                                                              {Seen::down, 90, 90, 90, 120, false}}));
    // Nobody asked for a while: three minutes of which nothing is known, and a tracker that is told so.
    EXPECT_EQ(spans_of(every_30("++     ++")), (std::vector<Span>{{Seen::unmeasured, 30, 30, 210, 210, false}}));
    EXPECT_EQ(spans_of(every_30("+-     -+")), (std::vector<Span>{{Seen::down, 0, 30, 30, 30, false},
                                                                  {Seen::unmeasured, 30, 30, 210, 210, false},
                                                                  {Seen::down, 210, 210, 210, 240, false}}));
    EXPECT_EQ(spans_of(every_30("+?     ?+")), (std::vector<Span>{{Seen::unmeasured, 0, 0, 240, 240, false}}));
}

TEST(Spans, AClockThatGoesBackEndsWhatIsOpen) {
    auto samples = every_30("+--");
    samples.push_back({10, Seen::up, 1});
    EXPECT_EQ(spans_of(samples), (std::vector<Span>{{Seen::down, 0, 30, 60, 60, false}}));
}

TEST(Spans, TakenUpAgainWhereTheyWere) {
    const auto samples = every_30("++-- --++?-+");
    for (std::size_t cut = 1; cut < samples.size(); ++cut) {
        SpanTracker before(gap);
        std::vector<Span> whole;
        const auto note = [&](const std::vector<Span>& spans) {
            for (const auto& span : spans) {
                if (!whole.empty() && whole.back().open) whole.pop_back();
                whole.push_back(span);
            }
        };
        for (std::size_t i = 0; i < cut; ++i) note(before.take(samples[i]));
        SpanTracker after(gap, samples[cut - 1], before.open());
        for (std::size_t i = cut; i < samples.size(); ++i) note(after.take(samples[i]));
        EXPECT_EQ(whole, spans_of(samples)) << cut;
    }
}

TEST(Uptime, BoundsAndTheMiddle) {
    const auto spans = spans_of(every_30("++--++"));
    const auto found = uptime({0, 1000}, spans);
    EXPECT_EQ(found.measured, 1000);
    EXPECT_EQ(found.down_lo, 30);
    EXPECT_EQ(found.down_hi, 90);
    EXPECT_EQ(found.outages, 1);
    EXPECT_DOUBLE_EQ(found.share(), 0.94);
    EXPECT_DOUBLE_EQ(found.share_lo(), 0.91);
    EXPECT_DOUBLE_EQ(found.share_hi(), 0.97);
}

TEST(Uptime, OnlyThePeriodCountsAndWhatIsNotMeasuredCountsNot) {
    const std::vector<Span> spans = {{Seen::down, 0, 10, 100, 110, false},
                                     {Seen::unmeasured, 200, 200, 400, 400, false}};
    const auto late = uptime({50, 300}, spans);
    EXPECT_EQ(late.down_lo, 50);
    EXPECT_EQ(late.down_hi, 60);
    EXPECT_EQ(late.measured, 150);
    EXPECT_DOUBLE_EQ(late.coverage(), 0.6);
    const auto none = uptime({220, 300}, spans);
    EXPECT_FALSE(none.known());
    EXPECT_EQ(none.outages, 0);
}

TEST(Uptime, PlannedMaintenanceCountsNeitherWay) {
    const std::vector<Span> spans = {{Seen::down, 100, 110, 190, 200, false}, {Seen::down, 500, 500, 510, 520, false}};
    const auto found = uptime({0, 1000}, spans, {{150, 300}, {90, 160}});
    EXPECT_EQ(found.period, 1000 - 210);
    EXPECT_EQ(found.measured, 790);
    EXPECT_EQ(found.outages, 1);
    EXPECT_EQ(found.down_lo, 10);
    EXPECT_EQ(found.down_hi, 20);
}

// Whatever happened, when every change was far enough from the next to be seen: the truth lies within the bounds.
TEST(Uptime, TheTruthLiesWithinTheBounds) {
    std::mt19937_64 random(7);
    for (int month = 0; month < 300; ++month) {
        const std::int64_t period = 1'000'000, every = 300, soon = 50;
        std::vector<std::int64_t> changes;  // up from 0, down from the first
        for (std::int64_t at = 0; (at += 2 * every + std::int64_t(random() % 60'000)) < period;) changes.push_back(at);
        const auto down_at = [&](std::int64_t t) {
            return (std::ranges::upper_bound(changes, t) - changes.begin()) % 2 == 1;
        };
        std::vector<Sample> samples;
        for (std::int64_t t = 0; t <= period;) {
            const bool down = down_at(t);
            samples.push_back({t, down ? Seen::down : Seen::up, 1});
            t += (down ? soon : every) + std::int64_t(random() % 5);
        }
        samples.push_back({period, down_at(period) ? Seen::down : Seen::up, 1});
        std::int64_t truth = 0;
        for (std::size_t i = 0; i < changes.size(); i += 2)
            truth += (i + 1 < changes.size() ? changes[i + 1] : period) - changes[i];
        const auto found = uptime({0, period}, spans_of(samples, 2 * every));
        EXPECT_EQ(found.measured, period);
        EXPECT_LE(found.down_lo, truth);
        EXPECT_GE(found.down_hi, truth);
        EXPECT_LE(found.down_hi - found.down_lo, std::int64_t(changes.size()) * (every + 5));
    }
}

}  // namespace
}  // namespace tilsyn::monitor
