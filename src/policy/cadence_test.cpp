#include "policy/cadence.hpp"

#include <gtest/gtest.h>

#include <set>

namespace tilsyn::policy {
namespace {

using namespace std::chrono;

Calendar copenhagen(std::vector<Date> extra = {}) {
    return {Zone::find("Europe/Copenhagen").value(), "DK", std::move(extra)};
}
Timestamp utc(std::string_view text) {
    return parse_utc(text).value();
}

std::string next(std::string_view every, std::string_view after, std::uint64_t phase = 0) {
    const auto cadence = parse_cadence(every);
    if (!cadence) return render(cadence.error(), Lang::en);
    const auto calendar = copenhagen();
    return calendar.zone().format(next_planned(*cadence, calendar, utc(after), phase));
}

TEST(Cadence, ReadsEveryForm) {
    for (const char* text : {"5m",
                             "4 hours",
                             "1 day",
                             "1h30m",
                             "day at 07:00",
                             "working day at 08:00",
                             "monday at 09:00",
                             "Monday",
                             "1st working day of the month at 09:00",
                             "last friday of the quarter",
                             "day 15 of the month",
                             "last day of the month",
                             "1st working day of the half-year",
                             "1st working day of the year",
                             "1 march",
                             "march 1 at 7:30",
                             "random working day of the week at 16:30",
                             "random day of the month",
                             "random working day of the quarter",
                             "6 months since last done",
                             "30 days since last done",
                             "1 year since last done",
                             "2 quarters since last done",
                             "12 hours since last done",
                             "29 february",
                             "  day   at 07:00 "})
        EXPECT_TRUE(parse_cadence(text)) << text;
}

TEST(Cadence, SaysWhatWouldDo) {
    const auto error = [](std::string_view text) {
        const auto result = parse_cadence(text);
        return result ? "accepted" : render(result.error(), Lang::en);
    };
    const std::pair<const char*, const char*> cases[] = {
        {"monthly", "did you mean “1st working day of the month”?"},
        {"every day at 07:00", "did you mean “day at 07:00”?"},
        {"mondy at 09:00", "did you mean “monday at 09:00”?"},
        {"first workday of the month", "did you mean “1st working day of the month”?"},
        {"last friday of quarter", "did you mean “last friday of the quarter”?"},
        {"monday 09:00", "did you mean “monday at 09:00”?"},
        {"day at 07.00", "did you mean “day at 07:00”?"},
        {"1 month", "1 month since last done"},
        {"soon", "“5m”"},
        {"day at 25:00", "“25:00” is not a time of day"},
        {"6th monday of the month", "at most 5"},
        {"30 february", "at most 29"},
        {"day 32 of the month", "at most 31"},
        {"0s", "between 1 second and 10 years"},
        {"500ms", "between 1 second and 10 years"},
        {"", "empty"},
        {"0 months since last done", "10 years"},
    };
    for (const auto& [text, expected] : cases)
        EXPECT_NE(error(text).find(expected), std::string::npos) << text << " -> " << error(text);
}

TEST(Cadence, DescribesInBothLanguages) {
    const auto both = [](std::string_view text) {
        const auto cadence = parse_cadence(text).value();
        return describe(cadence, Lang::en) + " | " + describe(cadence, Lang::da);
    };
    EXPECT_EQ(both("5m"), "every 5 minutes | hvert 5. minut");
    EXPECT_EQ(both("1 hour"), "every hour | hver time");
    EXPECT_EQ(both("1h30m"), "every 90 minutes | hvert 90. minut");
    EXPECT_EQ(both("2h30m"), "every 2h30m | med 2h30m mellemrum");
    EXPECT_EQ(both("day at 07:00"), "every day at 07:00 | hver dag kl. 07:00");
    EXPECT_EQ(both("working day at 08:00"), "every working day at 08:00 | hver arbejdsdag kl. 08:00");
    EXPECT_EQ(both("monday"), "every Monday at 09:00 | hver mandag kl. 09:00");
    EXPECT_EQ(both("1st working day of the month"),
              "the 1st working day of the month at 09:00 | den 1. arbejdsdag i måneden kl. 09:00");
    EXPECT_EQ(both("last friday of the quarter"),
              "the last Friday of the quarter at 09:00 | den sidste fredag i kvartalet kl. 09:00");
    EXPECT_EQ(both("day 15 of the month"), "day 15 of the month at 09:00 | den 15. i måneden kl. 09:00");
    EXPECT_EQ(both("1 march"), "1 March every year at 09:00 | hvert år den 1. marts kl. 09:00");
    EXPECT_EQ(both("random working day of the week at 16:30"),
              "a random working day of the week at 16:30 | en tilfældig arbejdsdag i ugen kl. 16:30");
    EXPECT_EQ(both("6 months since last done"),
              "6 months after it was last done | 6 måneder efter at det sidst blev gjort");
}

TEST(Calendar, DanishHolidays) {
    const auto calendar = copenhagen({2026y / 12 / 24});
    for (const auto day :
         {2026y / 1 / 1, 2026y / 4 / 2, 2026y / 4 / 3, 2026y / 4 / 6, 2026y / 5 / 14, 2026y / 5 / 25, 2026y / 12 / 25,
          2026y / 12 / 26, 2026y / 12 / 24, 2023y / 5 / 5, 2027y / 3 / 29, 2024y / 3 / 28, 2038y / 4 / 26})
        EXPECT_TRUE(calendar.holiday(day)) << format_date(day);
    for (const auto day : {2024y / 4 / 26, 2026y / 5 / 1, 2026y / 6 / 5, 2026y / 12 / 31, 2026y / 4 / 7})
        EXPECT_TRUE(calendar.working_day(day)) << format_date(day);
    EXPECT_FALSE(calendar.working_day(2026y / 4 / 4));  // a Saturday
    EXPECT_TRUE(Calendar(Zone::utc(), "").working_day(2026y / 4 / 3));
}

TEST(Next, CalendarForms) {
    EXPECT_EQ(next("day at 07:00", "2026-11-23T05:59:59Z"), "2026-11-23 07:00");
    EXPECT_EQ(next("day at 07:00", "2026-11-23T06:00:00Z"), "2026-11-24 07:00");          // strictly after
    EXPECT_EQ(next("working day at 08:00", "2026-04-01T12:00:00Z"), "2026-04-07 08:00");  // over Easter
    EXPECT_EQ(next("monday at 09:00", "2026-11-23T09:00:00Z"), "2026-11-30 09:00");
    EXPECT_EQ(next("sunday at 09:00", "2026-11-23T09:00:00Z"), "2026-11-29 09:00");
    EXPECT_EQ(next("1st working day of the month", "2026-12-01T08:00:00Z"), "2027-01-04 09:00");
    EXPECT_EQ(next("last working day of the year", "2026-11-23T08:00:00Z"), "2026-12-31 09:00");
    EXPECT_EQ(next("last friday of the quarter", "2026-11-23T08:00:00Z"), "2026-12-25 09:00");
    EXPECT_EQ(next("3rd wednesday of the month", "2026-11-23T08:00:00Z"), "2026-12-16 09:00");
    EXPECT_EQ(next("5th monday of the month", "2026-11-24T08:00:00Z"), "2026-11-30 09:00");
    EXPECT_EQ(next("5th monday of the month", "2026-12-01T08:00:00Z"), "2026-12-28 09:00");  // only four: the last
    EXPECT_EQ(next("day 31 of the month", "2027-02-01T08:00:00Z"), "2027-02-28 09:00");
    EXPECT_EQ(next("last day of the month at 23:59", "2028-02-01T08:00:00Z"), "2028-02-29 23:59");
    EXPECT_EQ(next("1st working day of the half-year", "2026-11-23T08:00:00Z"), "2027-01-04 09:00");
    EXPECT_EQ(next("2nd working day of the week", "2026-03-30T12:00:00Z"), "2026-03-31 09:00");
    EXPECT_EQ(next("5th working day of the week", "2026-03-30T12:00:00Z"),
              "2026-04-01 09:00");  // Easter week has three
    EXPECT_EQ(next("1 march", "2026-11-23T08:00:00Z"), "2027-03-01 09:00");
    EXPECT_EQ(next("29 february", "2026-11-23T08:00:00Z"), "2027-02-28 09:00");
}

// Each local day has exactly one run, also when 02:30 does not exist or comes twice.
TEST(Next, OneRunADayThroughDaylightSaving) {
    const auto calendar = copenhagen();
    const auto cadence = parse_cadence("day at 02:30").value();
    for (const auto& [from, to] :
         {std::pair{2026y / 3 / 27, 2026y / 4 / 1}, std::pair{2026y / 10 / 23, 2026y / 10 / 28}}) {
        auto at = calendar.zone().utc_of({Date(from), hours(0)});
        for (auto day = sys_days(from); day < sys_days(to); day += days(1)) {
            at = next_planned(cadence, calendar, at, 0);
            EXPECT_EQ(calendar.zone().local(at).date, Date(day));
        }
    }
    EXPECT_EQ(format_utc_seconds(next_planned(cadence, calendar, utc("2026-03-29T00:00:00Z"), 0)),
              "2026-03-29T01:30:00Z");
    EXPECT_EQ(format_utc_seconds(next_planned(cadence, calendar, utc("2026-10-25T00:00:00Z"), 0)),
              "2026-10-25T00:30:00Z");
    // Between the two 02:30 of that night: the second is not another run.
    EXPECT_EQ(format_utc_seconds(next_planned(cadence, calendar, utc("2026-10-25T00:45:00Z"), 0)),
              "2026-10-26T01:30:00Z");
}

// Strictly increasing, whatever is asked for, and asking from just before a time gives it again.
TEST(Next, IsStrictlyIncreasing) {
    const auto calendar = copenhagen({2026y / 12 / 24, 2026y / 12 / 31});
    for (const char* text :
         {"5m", "7 hours", "day at 02:30", "working day", "tuesday at 00:00", "4th working day of the month",
          "last sunday of the month at 23:59", "random working day of the week", "random day of the month at 02:15",
          "random working day of the quarter", "day 31 of the month", "1st working day of the year"}) {
        const auto cadence = parse_cadence(text).value();
        auto at = utc("2025-12-20T00:00:00Z");
        for (int i = 0; i < 60; ++i) {
            const auto then = next_planned(cadence, calendar, at, 12345);
            ASSERT_GT(then, at) << text;
            ASSERT_EQ(next_planned(cadence, calendar, then - microseconds(1), 12345), then) << text;
            ASSERT_EQ(next_planned(cadence, calendar, at + (then - at) / 2, 12345), then) << text;
            at = then;
        }
    }
}

TEST(Next, IntervalsAreSpreadByPhase) {
    const auto calendar = copenhagen();
    const auto cadence = parse_cadence("5m").value();
    const auto start = utc("2026-11-23T00:00:00Z");
    std::set<Timestamp> seen;
    for (std::uint64_t phase = 0; phase < 1000; ++phase) {
        const auto at = next_planned(cadence, calendar, start, phase * 0x9E3779B97F4A7C15ULL);
        EXPECT_GT(at, start);
        EXPECT_LE(at, start + minutes(5));
        EXPECT_EQ(next_planned(cadence, calendar, at, phase * 0x9E3779B97F4A7C15ULL), at + minutes(5));
        seen.insert(at);
    }
    EXPECT_GT(seen.size(), 900U);
    EXPECT_EQ(next_planned(cadence, calendar, utc("1969-12-31T23:58:00Z"), 0), utc("1970-01-01T00:00:00Z"));
}

TEST(Next, LotsAreRepeatableAndFair) {
    const auto calendar = copenhagen();
    const auto cadence = parse_cadence("random working day of the week at 16:30").value();
    std::map<unsigned, int> by_weekday;
    auto at = utc("2026-01-01T00:00:00Z");
    for (int week = 0; week < 520; ++week) {
        const auto then = next_planned(cadence, calendar, at, 77);
        EXPECT_EQ(next_planned(cadence, calendar, at, 77), then);
        const auto local = calendar.zone().local(then);
        EXPECT_TRUE(calendar.working_day(local.date));
        EXPECT_EQ(local.since_midnight, hours(16) + minutes(30));
        ++by_weekday[weekday(sys_days(local.date)).c_encoding()];
        at = then;
    }
    EXPECT_EQ(by_weekday.size(), 5U);
    for (const auto& [day, count] : by_weekday) EXPECT_GT(count, 70) << day;
}

TEST(Next, SinceDone) {
    const auto calendar = copenhagen();
    const auto cadence = parse_cadence("6 months since last done").value();
    const auto now = utc("2026-11-23T08:00:00.25Z");
    EXPECT_EQ(next_planned(cadence, calendar, now, 0), utc("2026-11-23T08:00:01Z"));  // never done: at once
    // Same time of day by the clock on the wall, across the change of the clocks; clamped to the end of the month.
    EXPECT_EQ(next_planned(cadence, calendar, now, 0, utc("2026-08-31T08:00:00Z")), utc("2027-02-28T09:00:00Z"));
    // Overdue: due again each day.
    EXPECT_EQ(next_planned(cadence, calendar, now, 0, utc("2026-01-10T11:00:00Z")), utc("2026-11-23T10:00:00Z"));
    EXPECT_EQ(next_planned(cadence, calendar, utc("2026-11-23T10:00:00Z"), 0, utc("2026-01-10T11:00:00Z")),
              utc("2026-11-24T10:00:00Z"));
    const auto month = parse_cadence("30 days since last done").value();
    EXPECT_EQ(next_planned(month, calendar, now, 0, utc("2026-11-20T08:00:00Z")), utc("2026-12-20T08:00:00Z"));
}

TEST(Next, TypicalIntervals) {
    EXPECT_EQ(typical_interval(parse_cadence("5m").value()), minutes(5));
    EXPECT_EQ(typical_interval(parse_cadence("monday").value()), days(7));
    EXPECT_EQ(typical_interval(parse_cadence("1 year since last done").value()), days(360));
}

}  // namespace
}  // namespace tilsyn::policy
