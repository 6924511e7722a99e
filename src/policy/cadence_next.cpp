// The next planned time. Intervals are arithmetic; calendar forms look at one period at a time, days within it at most.
#include <algorithm>
#include <array>

#include "policy/cadence.hpp"

namespace tilsyn::policy {
namespace {

using namespace std::chrono;

// A run of civil days: [first, end).
struct Span {
    sys_days first;
    sys_days end;
};

int months_of(Cadence::Period period) {
    switch (period) {
        case Cadence::Period::day:
        case Cadence::Period::week:
            return 0;
        case Cadence::Period::month:
            return 1;
        case Cadence::Period::quarter:
            return 3;
        case Cadence::Period::half_year:
            return 6;
        case Cadence::Period::year:
            return 12;
    }
    return 0;
}

// Periods are numbered, so that the next one and the seed of a lot follow from the number.
std::int64_t period_number(Cadence::Period period, sys_days day) {
    if (period == Cadence::Period::day) return day.time_since_epoch().count();
    if (period == Cadence::Period::week)  // day 0, 1 January 1970, was a Thursday; weeks begin on Monday
        return floor<weeks>(day.time_since_epoch() + days(3)).count();
    const Date date{day};
    return (int(date.year()) * 12 + int(unsigned(date.month())) - 1) / months_of(period);
}

Span span_of(Cadence::Period period, std::int64_t number) {
    if (period == Cadence::Period::day) {
        const sys_days first{days(number)};
        return {first, first + days(1)};
    }
    if (period == Cadence::Period::week) {
        const sys_days first{days(number * 7 - 3)};
        return {first, first + days(7)};
    }
    const auto first_of = [](std::int64_t month_number) {
        return sys_days(year(int(month_number / 12)) / month(unsigned(month_number % 12) + 1) / day(1));
    };
    const auto length = months_of(period);
    return {first_of(number * length), first_of((number + 1) * length)};
}

// A good mix of two numbers (the finaliser of splitmix64), so that neighbouring phases draw unlike days.
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    std::uint64_t z = a + 0x9E3779B97F4A7C15ULL * (b + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}

// The nth day of the span that fits, or the last one when there are fewer: a short month never skips a control.
template <class Fits>
std::optional<sys_days> nth(Span span, int ordinal, Fits fits) {
    std::optional<sys_days> found;
    if (ordinal < 0) {
        for (auto d = span.end - days(1); d >= span.first; d -= days(1))
            if (fits(d)) return d;
        return found;
    }
    for (auto d = span.first; d < span.end; d += days(1)) {
        if (!fits(d)) continue;
        found = d;
        if (--ordinal <= 0) break;
    }
    return found;
}

std::optional<sys_days> choose(const Cadence& cadence, const Calendar& calendar, std::int64_t number,
                               std::uint64_t phase) {
    const auto span = span_of(cadence.period, number);
    const auto any = [](sys_days) { return true; };
    const auto working = [&](sys_days d) { return calendar.working_day(Date(d)); };
    const auto draw = [&](auto fits) -> std::optional<sys_days> {
        int count = 0;
        for (auto d = span.first; d < span.end; d += days(1)) count += fits(d) ? 1 : 0;
        if (count == 0) return std::nullopt;
        return nth(span, 1 + int(mix(phase, std::uint64_t(number)) % std::uint64_t(count)), fits);
    };
    switch (cadence.day) {
        case Cadence::DayKind::any:
        case Cadence::DayKind::day_number:
            return nth(span, cadence.ordinal, any);
        case Cadence::DayKind::working:
            return nth(span, cadence.ordinal, working);
        case Cadence::DayKind::weekday:
            return nth(span, cadence.ordinal, [&](sys_days d) { return weekday(d).c_encoding() == cadence.weekday; });
        case Cadence::DayKind::month_day: {
            const auto y = Date(span.first).year();
            const auto last = year_month_day_last(y, month_day_last(month(cadence.month))).day();
            return sys_days(y / month(cadence.month) / std::min(day(unsigned(cadence.ordinal)), last));
        }
        case Cadence::DayKind::random_any:
            return draw(any);
        case Cadence::DayKind::random_working:
            return draw(working);
    }
    return std::nullopt;
}

Timestamp next_calendar(const Cadence& cadence, const Calendar& calendar, Timestamp after, std::uint64_t phase) {
    const auto today = sys_days(calendar.zone().local(after).date);
    // A period without any fitting day (a working day in a week that is all holidays) has no run. Holidays are finite,
    // so the bound is never reached; it only keeps a mistake from becoming an endless loop.
    auto number = period_number(cadence.period, today);
    for (int tries = 0; tries < 20000; ++tries, ++number) {
        const auto day = choose(cadence, calendar, number, phase);
        if (!day) continue;
        const auto at = calendar.zone().utc_of({Date(*day), cadence.at});
        if (at > after) return at;
    }
    return after + days(366);
}

Timestamp next_interval(const Cadence& cadence, Timestamp after, std::uint64_t phase) {
    const auto step = std::max<std::int64_t>(cadence.interval.count(), 1);
    // Whole milliseconds, so that times read well and many subjects still do not start at the same moment.
    const auto step_ms = std::max<std::int64_t>(step / 1000, 1);
    const auto offset = std::int64_t(phase % std::uint64_t(step_ms)) * 1000 % step;
    const auto since = to_micros(after) - offset;
    const auto whole = since / step - (since % step < 0 ? 1 : 0);
    return from_micros((whole + 1) * step + offset);
}

Timestamp plus_months(Timestamp t, int months_to_add, const Zone& zone) {
    auto local = zone.local(t);
    const auto target = year_month(local.date.year(), local.date.month()) + months(months_to_add);
    const auto last = year_month_day_last(target.year(), month_day_last(target.month())).day();
    local.date = target / std::min(local.date.day(), last);
    return zone.utc_of(local);
}

Timestamp next_since_done(const Cadence& cadence, const Calendar& calendar, Timestamp after,
                          std::optional<Timestamp> last_done) {
    if (!last_done) return floor<seconds>(after) + seconds(1);
    const auto due =
        cadence.months > 0 ? plus_months(*last_done, cadence.months, calendar.zone()) : *last_done + cadence.since;
    if (due > after) return due;
    // Overdue and still not done: due again every day, at the same time of day, until it is.
    return due + days((floor<days>(after - due)).count() + 1);
}

}  // namespace

Timestamp next_planned(const Cadence& cadence, const Calendar& calendar, Timestamp after, std::uint64_t phase,
                       std::optional<Timestamp> last_done) {
    switch (cadence.form) {
        case Cadence::Form::interval:
            return next_interval(cadence, after, phase);
        case Cadence::Form::calendar:
            return next_calendar(cadence, calendar, after, phase);
        case Cadence::Form::since_done:
            return next_since_done(cadence, calendar, after, last_done);
    }
    return after + days(1);
}

Duration typical_interval(const Cadence& cadence) {
    if (cadence.form == Cadence::Form::interval) return cadence.interval;
    if (cadence.form == Cadence::Form::since_done)
        return cadence.months > 0 ? Duration(days(30)) * cadence.months : cadence.since;
    switch (cadence.period) {
        case Cadence::Period::day:
            return days(1);
        case Cadence::Period::week:
            return days(7);
        case Cadence::Period::month:
            return days(30);
        case Cadence::Period::quarter:
            return days(91);
        case Cadence::Period::half_year:
            return days(182);
        case Cadence::Period::year:
            return days(365);
    }
    return days(1);
}

}  // namespace tilsyn::policy
