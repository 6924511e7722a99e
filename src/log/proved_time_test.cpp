#include "log/proved_time.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tilsyn::log {
namespace {

using namespace std::chrono_literals;
using Source = WitnessedPoint::Source;

const Timestamp day = std::chrono::sys_days(std::chrono::year(2026) / 3 / 1);
constexpr auto tolerance = proved_time_tolerance;

WitnessedPoint point(std::int64_t size, Duration after_day, Source source = Source::cosignature) {
    return {size, day + after_day, source, "w", Duration(0)};
}

TEST(ProvedTime, TheNewestThatDoesNotHoldAnEntryAndTheOldestThatDoes) {
    const ProvedTimes times({point(10, 1h), point(30, 3h, Source::stamp), point(20, 2h), point(20, 150min)});
    const auto found = times.of(20, day + 160min);  // 20 entries are 0..19
    ASSERT_NE(found.after, nullptr);
    ASSERT_NE(found.before, nullptr);
    EXPECT_EQ(found.after->at, day + 150min);
    EXPECT_EQ(found.before->at, day + 3h);
    EXPECT_EQ(found.before->source, Source::stamp);
    EXPECT_EQ(found.earliest(), day + 150min);
    EXPECT_EQ(found.latest(), day + 3h);
    EXPECT_EQ(found.verdict, TimeVerdict::inside);
    const auto earlier = times.of(19, day + 110min);
    EXPECT_EQ(earlier.after->at, day + 1h);
    EXPECT_EQ(earlier.before->at, day + 2h);
    EXPECT_EQ(earlier.verdict, TimeVerdict::inside);
}

TEST(ProvedTime, AClaimOutsideIsSeenOnBothSides) {
    const ProvedTimes times({point(10, 1h), point(20, 2h)});
    const auto verdict = [&](Duration claimed) { return times.of(15, day + claimed).verdict; };
    EXPECT_EQ(verdict(1h - tolerance), TimeVerdict::inside);
    EXPECT_EQ(verdict(1h - tolerance - 1us), TimeVerdict::outside);
    EXPECT_EQ(verdict(2h + tolerance), TimeVerdict::inside);
    EXPECT_EQ(verdict(2h + tolerance + 1us), TimeVerdict::outside);
}

TEST(ProvedTime, WhereNobodyVouchesItIsUnboundedAndStillMayBeContradicted) {
    const ProvedTimes times({point(10, 1h), point(20, 2h)});
    EXPECT_EQ(times.of(5, day).after, nullptr);
    EXPECT_EQ(times.of(5, day).verdict, TimeVerdict::unbounded);
    EXPECT_EQ(times.of(5, day).earliest(), std::nullopt);
    EXPECT_EQ(times.of(5, day + 3h).verdict, TimeVerdict::outside);
    EXPECT_EQ(times.of(25, day + 3h).before, nullptr);
    EXPECT_EQ(times.of(25, day + 3h).latest(), std::nullopt);
    EXPECT_EQ(times.of(25, day + 3h).verdict, TimeVerdict::unbounded);
    EXPECT_EQ(times.of(25, day + 1h).verdict, TimeVerdict::outside) << "backdated, and not yet witnessed";
    const auto nobody = ProvedTimes({}).of(0, day);
    EXPECT_EQ(nobody.after, nullptr);
    EXPECT_EQ(nobody.before, nullptr);
    EXPECT_EQ(nobody.verdict, TimeVerdict::unbounded);
}

TEST(ProvedTime, TheAccuracyOfASourceWidensTheInterval) {
    auto low = point(10, 1h), high = point(20, 2h);
    low.accuracy = high.accuracy = 1min;
    const ProvedTimes times({low, high});
    EXPECT_EQ(times.of(15, day + 1h).earliest(), day + 59min);
    EXPECT_EQ(times.of(15, day + 1h).latest(), day + 121min);
    EXPECT_EQ(times.of(15, day + 59min - tolerance).verdict, TimeVerdict::inside);
    EXPECT_EQ(times.of(15, day + 59min - tolerance - 1us).verdict, TimeVerdict::outside);
    EXPECT_EQ(times.of(15, day + 121min + tolerance + 1us).verdict, TimeVerdict::outside);
}

TEST(ProvedTime, NoTimeFitsPointsThatContradictEachOther) {
    // A checkpoint of 10 entries that was stamped long after one of 20.
    const ProvedTimes times({point(10, 5h), point(20, 2h)});
    const auto found = times.of(15, day + 2h);
    EXPECT_GT(*found.earliest(), *found.latest());
    for (auto claimed = 0min; claimed < 7h; claimed += 1min)
        EXPECT_EQ(times.of(15, day + claimed).verdict, TimeVerdict::outside) << claimed.count();
    // Seconds apart, it is two witnesses that answered at their own pace.
    EXPECT_EQ(ProvedTimes({point(10, 2h), point(20, 2h - 3s)}).of(15, day + 2h).verdict, TimeVerdict::inside);
}

TEST(ProvedTime, AgreesWithLookingAtEveryPoint) {
    std::mt19937 random(7);
    const auto up_to = [&](int most) { return int(random() % unsigned(most + 1)); };
    for (int round = 0; round < 300; ++round) {
        std::vector<WitnessedPoint> points;
        for (int i = up_to(12); i > 0; --i) {
            points.push_back(point(up_to(20), std::chrono::minutes(up_to(60))));
            points.back().accuracy = std::chrono::minutes(up_to(2));
        }
        const ProvedTimes times(points);
        for (int index = 0; index <= 20; ++index) {
            std::optional<Timestamp> earliest, latest;
            for (const auto& each : points) {
                if (each.size <= index && (!earliest || each.at - each.accuracy > *earliest))
                    earliest = each.at - each.accuracy;
                if (each.size > index && (!latest || each.at + each.accuracy < *latest))
                    latest = each.at + each.accuracy;
            }
            const Timestamp claimed = day + std::chrono::minutes(up_to(60));
            const bool outside =
                (earliest && claimed < *earliest - tolerance) || (latest && claimed > *latest + tolerance);
            const auto found = times.of(index, claimed);
            EXPECT_EQ(found.earliest(), earliest);
            EXPECT_EQ(found.latest(), latest);
            EXPECT_EQ(found.verdict, outside              ? TimeVerdict::outside
                                     : earliest && latest ? TimeVerdict::inside
                                                          : TimeVerdict::unbounded);
        }
    }
}

}  // namespace
}  // namespace tilsyn::log
