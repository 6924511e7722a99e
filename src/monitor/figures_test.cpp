// What is read from days, hours and the tail is what the results themselves say: exactly, not about.
#include "monitor/figures.hpp"

#include <gtest/gtest.h>

#include <random>

#include "monitor/store.hpp"
#include "support/scheduling.hpp"

namespace tilsyn::monitor {
namespace {

using namespace std::chrono_literals;

const Zone& copenhagen() {
    static const Zone zone = Zone::find("Europe/Copenhagen").value();
    return zone;
}

class Stored : public testing::TestWithParam<db::Engine> {
  protected:
    Stored() : database_(GetParam()), schedule_(database_.location(), clock_, migrations()) {}

    // So many days of one target, asked every 30 s, with outages and a time in which nobody looked; written as the
    // monitor does: results, then hours, then days. The last hours stay in the tail.
    void live(Timestamp from, int days, std::uint64_t seed) {
        auto& db = *schedule_.connection;
        ASSERT_TRUE(target_ids(db, std::vector<std::pair<std::string, std::string>>{{"web", "company"}},
                               std::vector<std::int64_t>{to_micros(from) / 1000}));
        std::mt19937_64 random(seed);
        SpanTracker tracker(70'000);
        std::map<std::int64_t, SampleWriter> hours;
        std::int64_t batch = 1;
        const auto begin = to_micros(from) / 1000, end = begin + days * 24 * ms_an_hour;
        bool down = false;
        for (auto at = begin; at < end; at += 30'000) {
            if (random() % (down ? 10 : 3000) == 0) down = !down;
            if (random() % 20'000 == 0) at += 20 * 60'000;
            const Sample sample{at,
                                down                  ? Seen::down
                                : random() % 900 == 0 ? Seen::unmeasured
                                                      : Seen::up,
                                std::uint32_t(random() % 100'000)};
            raw_.push_back(sample);
            hours[hour_of(at)].add(sample);
            std::vector<SpanOf> spans;
            for (const auto& span : tracker.take(sample)) {
                spans.push_back({1, span});
                if (!spans_.empty() && spans_.back().open) spans_.pop_back();
                spans_.push_back(span);
            }
            pending_.push_back({1, sample});
            if (spans.empty() && pending_.size() < 20) continue;
            ASSERT_TRUE(write_results(db, batch++, pending_, spans));
            pending_.clear();
        }
        ASSERT_TRUE(write_results(db, batch, pending_, {}));
        if (tracker.open()) spans_.back() = *tracker.open();
        const auto open_hours = hour_of(end) - 2;
        std::vector<HourOf> closed;
        for (const auto& [hour, samples] : hours)
            if (hour < open_hours) closed.push_back({1, hour, samples.bytes()});
        ASSERT_TRUE(write_hours(db, closed));
        ASSERT_TRUE(write_hours(db, closed)) << "again, as after a lost connection";
        ASSERT_TRUE(forget_tail(db, open_hours - 1));
        for (auto day = std::chrono::sys_days(copenhagen().local(from).date);; day += std::chrono::days(1)) {
            const auto first = hour(day), last = hour(day + std::chrono::days(1));
            if (last > open_hours) break;
            ASSERT_TRUE(write_day(db, std::vector<TargetId>{1}, day.time_since_epoch().count(), first, last));
        }
    }
    static std::int64_t hour(std::chrono::sys_days day) {
        return to_micros(copenhagen().utc_of({Date(day), 0s})) / 1000 / ms_an_hour;
    }
    Figures found(const Period& period, Timestamp now) {
        auto all = figures(*schedule_.connection, period, copenhagen(), now);
        if (!all || all->size() != 1) {
            ADD_FAILURE() << (all ? std::to_string(all->size()) : render(all.error(), Lang::en));
            return {};
        }
        return all->front();
    }
    void agrees(const Period& period, Timestamp now) {
        const auto one = found(period, now);
        const auto from = to_micros(copenhagen().utc_of({period.first, 0s})) / 1000;
        const auto to =
            to_micros(copenhagen().utc_of({Date(std::chrono::sys_days(period.last) + std::chrono::days(1)), 0s})) /
            1000;
        Sketch times;
        std::int64_t count[3] = {};
        for (const auto& sample : raw_)
            if (sample.at >= from && sample.at < to) {
                ++count[std::size_t(sample.seen)];
                if (sample.seen == Seen::up) times.add(std::uint64_t(sample.tens_of_micros) * 10);
            }
        EXPECT_EQ(one.up, count[0]);
        EXPECT_EQ(one.down, count[1]);
        EXPECT_EQ(one.unmeasured, count[2]);
        EXPECT_EQ(one.times, times);
        const auto expected = uptime({std::max(from, raw_.front().at), std::min(to, raw_.back().at)}, spans_);
        EXPECT_EQ(one.uptime.measured, expected.measured);
        EXPECT_EQ(one.uptime.down_lo, expected.down_lo);
        EXPECT_EQ(one.uptime.down_hi, expected.down_hi);
        EXPECT_EQ(one.uptime.outages, expected.outages);
    }

    ManualClock clock_{parse_utc("2026-11-02T00:00:00Z").value()};
    test::FreshDatabase database_;
    test::Schedule schedule_;
    std::vector<Sample> raw_;
    std::vector<SampleOf> pending_;
    std::vector<Span> spans_;
};

using namespace std::chrono;

TEST_P(Stored, MonthsAreWhatTheResultsSay) {
    live(parse_utc("2026-10-20T15:00:00Z").value(), 12, 3);  // over the end of summer time, a day of 25 hours
    agrees({2026y / 10 / 1, 2026y / 10 / 31}, clock_.now());
    agrees({2026y / 10 / 25, 2026y / 10 / 25}, clock_.now());
    agrees({2026y / 11 / 1, 2026y / 11 / 30}, clock_.now());
    agrees({2026y / 10 / 27, 2026y / 11 / 1}, clock_.now());
}

TEST_P(Stored, WhatIsNotKeptTakesNothingFromTheFigures) {
    live(parse_utc("2026-08-01T00:00:00Z").value(), 60, 4);
    const Period august{2026y / 8 / 1, 2026y / 8 / 31};
    const auto before = found(august, clock_.now());
    ASSERT_TRUE(drop_old(*schedule_.connection, std::vector<TargetId>{1}, {.samples = 10, .hours = 12},
                         hour_of(to_micros(clock_.now()) / 1000)));
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_chunk"), 0);
    const auto after = found(august, clock_.now());
    EXPECT_EQ(after.times, before.times);
    EXPECT_EQ(after.uptime.down_hi, before.uptime.down_hi);
    EXPECT_EQ(after.up, before.up);
}

TEST_P(Stored, NothingWatchedIsNoFigure) {
    EXPECT_TRUE(figures(*schedule_.connection, {2026y / 1 / 1, 2026y / 1 / 31}, copenhagen(), clock_.now())->empty());
    EXPECT_FALSE(month_of("2026-13"));
    EXPECT_FALSE(month_of("2026-1"));
    EXPECT_FALSE(month_of("november"));
    EXPECT_EQ(month_of("2028-02")->last, Date(2028y / 2 / 29));
}

TEST_P(Stored, ADamagedRowIsSaidAndNotCounted) {
    live(parse_utc("2026-10-31T00:00:00Z").value(), 1, 5);
    ASSERT_TRUE(schedule_.connection->execute("UPDATE monitor_hour SET sketch = ?", {db::Blob{9, 9}}));
    const auto found = figures(*schedule_.connection, {2026y / 10 / 1, 2026y / 10 / 31}, copenhagen(), clock_.now());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::corrupt);
}

INSTANTIATE_ENGINES(Stored);

}  // namespace
}  // namespace tilsyn::monitor
