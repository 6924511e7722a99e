// A cadence in words.
#include <fmt/format.h>

#include <array>

#include "policy/cadence.hpp"

namespace tilsyn::policy {
namespace {

using namespace std::chrono;

std::string weekday_name(unsigned day, Lang lang) {
    static constexpr std::array<std::array<std::string_view, 7>, 2> names{
        {{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"},
         {"søndag", "mandag", "tirsdag", "onsdag", "torsdag", "fredag", "lørdag"}}};
    return std::string(names[lang == Lang::da ? 1 : 0][day % 7]);
}

std::string month_name(unsigned month, Lang lang) {
    static constexpr std::array<std::array<std::string_view, 12>, 2> names{
        {{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"},
         {"januar", "februar", "marts", "april", "maj", "juni", "juli", "august", "september", "oktober", "november",
          "december"}}};
    return std::string(names[lang == Lang::da ? 1 : 0][(month + 11) % 12]);
}

std::string ordinal_text(int ordinal, Lang lang) {
    if (ordinal < 0) return tr(lang, "policy.cadence-last");
    if (lang == Lang::da) return fmt::format("{}.", ordinal);
    const bool teen = ordinal % 100 >= 11 && ordinal % 100 <= 13;
    const auto suffix = teen                ? "th"
                        : ordinal % 10 == 1 ? "st"
                        : ordinal % 10 == 2 ? "nd"
                        : ordinal % 10 == 3 ? "rd"
                                            : "th";
    return fmt::format("{}{}", ordinal, suffix);
}

std::string of_period(Cadence::Period period, Lang lang) {
    switch (period) {
        case Cadence::Period::day:
            return {};
        case Cadence::Period::week:
            return tr(lang, "policy.cadence-of-week");
        case Cadence::Period::month:
            return tr(lang, "policy.cadence-of-month");
        case Cadence::Period::quarter:
            return tr(lang, "policy.cadence-of-quarter");
        case Cadence::Period::half_year:
            return tr(lang, "policy.cadence-of-half-year");
        case Cadence::Period::year:
            return tr(lang, "policy.cadence-of-year");
    }
    return {};
}

std::string interval_text(Duration span, Lang lang) {
    const auto in = [&](Duration unit, std::string_view key) -> std::optional<std::string> {
        if (span % unit != Duration(0)) return std::nullopt;
        return tr(lang, key, {{"count", std::to_string(span / unit)}});
    };
    if (auto text = in(weeks(1), "policy.cadence-every-week")) return *text;
    if (auto text = in(days(1), "policy.cadence-every-day")) return *text;
    if (auto text = in(hours(1), "policy.cadence-every-hour")) return *text;
    if (span < hours(2))
        if (auto text = in(minutes(1), "policy.cadence-every-minute")) return *text;
    if (span < minutes(2))
        if (auto text = in(seconds(1), "policy.cadence-every-second")) return *text;
    return tr(lang, "policy.cadence-every-span", {{"span", format_duration(span)}});
}

std::string since_text(const Cadence& c, Lang lang) {
    const auto counted = [&](std::string_view key, std::int64_t count) {
        return tr(lang, key, {{"count", std::to_string(count)}});
    };
    std::string span;
    if (c.months > 0 && c.months % 12 == 0)
        span = counted("base.years", c.months / 12);
    else if (c.months > 0)
        span = counted("base.months", c.months);
    else if (c.since % weeks(1) == Duration(0))
        span = counted("base.weeks", c.since / weeks(1));
    else if (c.since % days(1) == Duration(0))
        span = counted("base.days", c.since / days(1));
    else
        span = counted("base.hours", c.since / hours(1));
    return tr(lang, "policy.cadence-since-done", {{"span", span}});
}

std::string day_text(const Cadence& c, Lang lang) {
    const auto of = of_period(c.period, lang);
    const auto nth = ordinal_text(c.ordinal, lang);
    switch (c.day) {
        case Cadence::DayKind::any:
            if (c.period == Cadence::Period::day) return tr(lang, "policy.cadence-each-day");
            return tr(lang, "policy.cadence-nth-day", {{"nth", nth}, {"of", of}});
        case Cadence::DayKind::working:
            if (c.period == Cadence::Period::day) return tr(lang, "policy.cadence-each-working-day");
            return tr(lang, "policy.cadence-nth-working-day", {{"nth", nth}, {"of", of}});
        case Cadence::DayKind::weekday:
            if (c.period == Cadence::Period::week)
                return tr(lang, "policy.cadence-each-weekday", {{"weekday", weekday_name(c.weekday, lang)}});
            return tr(lang, "policy.cadence-nth-weekday",
                      {{"nth", nth}, {"weekday", weekday_name(c.weekday, lang)}, {"of", of}});
        case Cadence::DayKind::day_number:
            return tr(lang, "policy.cadence-day-number", {{"day", std::to_string(c.ordinal)}, {"of", of}});
        case Cadence::DayKind::month_day:
            return tr(lang, "policy.cadence-month-day",
                      {{"day", std::to_string(c.ordinal)}, {"month", month_name(c.month, lang)}});
        case Cadence::DayKind::random_any:
            return tr(lang, "policy.cadence-random-day", {{"of", of}});
        case Cadence::DayKind::random_working:
            return tr(lang, "policy.cadence-random-working-day", {{"of", of}});
    }
    return c.text;
}

}  // namespace

std::string describe(const Cadence& cadence, Lang lang) {
    if (cadence.form == Cadence::Form::interval) return interval_text(cadence.interval, lang);
    if (cadence.form == Cadence::Form::since_done) return since_text(cadence, lang);
    const auto minutes_of_day = duration_cast<minutes>(cadence.at).count();
    return tr(lang, "policy.cadence-at",
              {{"day", day_text(cadence, lang)},
               {"time", fmt::format("{:02}:{:02}", minutes_of_day / 60, minutes_of_day % 60)}});
}

}  // namespace tilsyn::policy
