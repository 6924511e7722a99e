// The grammar of `every`, and what it says when a text is not in it.
#include "policy/cadence.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/text.hpp"

namespace tilsyn::policy {
namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekday_names{"sunday",   "monday", "tuesday", "wednesday",
                                                        "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> month_names{"january",   "february", "march",    "april",
                                                       "may",       "june",     "july",     "august",
                                                       "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 6> period_names{"day", "week", "month", "quarter", "half-year", "year"};

constexpr auto default_time = hours(9);

template <std::size_t N>
std::optional<unsigned> index_in(const std::array<std::string_view, N>& names, std::string_view word) {
    const auto found = std::ranges::find(names, word);
    if (found == names.end()) return std::nullopt;
    return unsigned(found - names.begin());
}

std::optional<int> number(std::string_view word) {
    int value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (word.empty() || error != std::errc() || end != word.data() + word.size() || value < 0) return std::nullopt;
    return value;
}

// "1st", "2nd", "3rd", "11th"; "last" is -1.
std::optional<int> ordinal(std::string_view word) {
    if (word == "last") return -1;
    if (word.size() < 3) return std::nullopt;
    const auto value = number(word.substr(0, word.size() - 2));
    const auto suffix = word.substr(word.size() - 2);
    if (!value || *value == 0 || (suffix != "st" && suffix != "nd" && suffix != "rd" && suffix != "th"))
        return std::nullopt;
    return value;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string clean = lower_ascii(text);
    std::ranges::replace_if(clean, [](char c) { return c == '\t' || c == '\n' || c == '\r'; }, ' ');
    for (const auto word : split(clean, ' '))
        if (!word.empty()) words.emplace_back(word);
    return words;
}

// What went wrong; the caller adds the hint.
Fail wrong(std::string_view text, std::string_view key, Params more = {}) {
    auto failure = fail(Code::invalid, key, more);
    failure.error.message.params.emplace_back("text", std::string(text));
    return failure;
}

Result<seconds> parse_clock(std::string_view text, std::string_view word) {
    const auto colon = word.find(':');
    const auto bad = [&] { return wrong(text, "policy.cadence-bad-clock", {{"time", std::string(word)}}); };
    if (colon == word.npos || colon == 0 || colon > 2 || word.size() - colon != 3) return bad();
    const auto h = number(word.substr(0, colon)), m = number(word.substr(colon + 1));
    if (!h || !m || *h > 23 || *m > 59) return bad();
    return hours(*h) + minutes(*m);
}

// How many such days a period can hold at most; a larger number is a slip of the pen.
int most(Cadence::DayKind kind, Cadence::Period period) {
    constexpr std::array any{1, 7, 31, 92, 184, 366}, working{1, 5, 23, 66, 131, 262}, weekdays{1, 1, 5, 14, 27, 53};
    const auto i = std::size_t(period);
    return kind == Cadence::DayKind::weekday ? weekdays[i] : kind == Cadence::DayKind::working ? working[i] : any[i];
}

Result<Cadence> parse_calendar(std::string_view text, std::vector<std::string> words) {
    Cadence c;
    c.form = Cadence::Form::calendar;
    c.at = default_time;
    if (const auto at = std::ranges::find(words, "at"); at != words.end()) {
        if (words.end() - at != 2) return wrong(text, "policy.cadence-unknown");
        TRY(c.at, parse_clock(text, at[1]));
        words.erase(at, words.end());
    }
    const auto n = words.size();
    const auto word = [&](std::size_t i) -> std::string_view {
        return i < n ? std::string_view(words[i]) : std::string_view();
    };
    // "... of the PERIOD" at position i, and nothing after it.
    const auto of_the_period = [&](std::size_t i) {
        const auto period = index_in(period_names, word(i + 2));
        if (n != i + 3 || word(i) != "of" || word(i + 1) != "the" || !period || *period == 0) return false;
        c.period = Cadence::Period(*period);
        return true;
    };
    if (n == 1 && word(0) == "day") return c;
    if (n == 2 && word(0) == "working" && word(1) == "day") {
        c.day = Cadence::DayKind::working;
        return c;
    }
    if (const auto day = index_in(weekday_names, word(0)); day && n == 1) {
        c.period = Cadence::Period::week;
        c.day = Cadence::DayKind::weekday;
        c.weekday = *day;
        return c;
    }
    if (word(0) == "random") {
        const bool working = word(1) == "working";
        const std::size_t at_day = working ? 2 : 1;
        c.day = working ? Cadence::DayKind::random_working : Cadence::DayKind::random_any;
        if (word(at_day) == "day" && of_the_period(at_day + 1)) return c;
        return wrong(text, "policy.cadence-unknown");
    }
    if (word(0) == "day" && number(word(1)) && of_the_period(2) && c.period == Cadence::Period::month) {
        c.day = Cadence::DayKind::day_number;
        c.ordinal = *number(word(1));
        if (c.ordinal < 1 || c.ordinal > 31) return wrong(text, "policy.cadence-no-such-day", {{"most", "31"}});
        return c;
    }
    if (const auto which = ordinal(word(0))) {
        c.ordinal = *which;
        std::size_t next = 2;
        if (word(1) == "day") {
            c.day = Cadence::DayKind::any;
        } else if (word(1) == "working" && word(2) == "day") {
            c.day = Cadence::DayKind::working;
            next = 3;
        } else if (const auto day = index_in(weekday_names, word(1))) {
            c.day = Cadence::DayKind::weekday;
            c.weekday = *day;
        } else {
            return wrong(text, "policy.cadence-unknown");
        }
        if (!of_the_period(next)) return wrong(text, "policy.cadence-unknown");
        if (const int limit = most(c.day, c.period); c.ordinal > limit)
            return wrong(text, "policy.cadence-no-such-day", {{"most", std::to_string(limit)}});
        return c;
    }
    if (n == 2) {
        const bool day_first = number(word(0)).has_value();
        const auto day = number(word(day_first ? 0 : 1));
        const auto in_month = index_in(month_names, word(day_first ? 1 : 0));
        if (day && in_month) {
            c.period = Cadence::Period::year;
            c.day = Cadence::DayKind::month_day;
            c.ordinal = *day;
            c.month = *in_month + 1;
            const auto last = year_month_day_last(year(2024), month_day_last(month(c.month))).day();  // a leap year
            if (c.ordinal < 1 || unsigned(c.ordinal) > unsigned(last))
                return wrong(text, "policy.cadence-no-such-day", {{"most", std::to_string(unsigned(last))}});
            return c;
        }
    }
    return wrong(text, "policy.cadence-unknown");
}

// "6 months since last done": the words before "since last done" are a number and a unit.
Result<Cadence> parse_since(std::string_view text, std::span<const std::string> words) {
    Cadence c;
    c.form = Cadence::Form::since_done;
    if (words.size() != 2) return wrong(text, "policy.cadence-unknown");
    const auto count = number(words[0]);
    std::string_view unit = words[1];
    if (unit.ends_with('s')) unit.remove_suffix(1);
    if (!count) return wrong(text, "policy.cadence-unknown");
    const int months_each = unit == "month" ? 1 : unit == "quarter" ? 3 : unit == "year" ? 12 : 0;
    if (*count < 1 || *count > 1200 || (months_each > 0 && *count * months_each > 1200))
        return wrong(text, "policy.cadence-length");
    if (months_each > 0) {
        c.months = *count * months_each;
    } else if (unit == "week" || unit == "day" || unit == "hour") {
        c.since = *count * (unit == "week"  ? Duration(days(7))
                            : unit == "day" ? Duration(days(1))
                                            : Duration(hours(1)));
    } else {
        return wrong(text, "policy.cadence-unknown");
    }
    return c;
}

Result<Cadence> parse_strict(std::string_view text) {
    const auto words = words_of(text);
    if (words.empty()) return fail(Code::invalid, "policy.cadence-empty");
    const auto n = words.size();
    if (n >= 3 && words[n - 3] == "since" && words[n - 2] == "last" && words[n - 1] == "done")
        return parse_since(text, std::span(words).first(n - 3));
    if (words[0][0] >= '0' && words[0][0] <= '9') {
        if (const auto span = parse_duration(join(words, " "))) {
            if (*span < seconds(1) || *span > days(3660)) return wrong(text, "policy.cadence-length");
            Cadence c;
            c.form = Cadence::Form::interval;
            c.interval = *span;
            return c;
        }
        if (n == 2 && number(words[0])) {
            const auto& unit = words[1];
            if (unit.starts_with("month") || unit.starts_with("quarter") || unit.starts_with("year"))
                return wrong(text, "policy.cadence-not-a-fixed-length");
        }
    }
    return parse_calendar(text, words);
}

bool parses(std::string_view text) {
    return parse_strict(text).has_value();
}

// A text that would do in its place, found by the repairs people would make themselves. Only what parses is offered.
std::optional<std::string> repaired(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 16> habits{{
        {"hourly", "1 hour"},
        {"daily", "day at 07:00"},
        {"nightly", "day at 02:30"},
        {"weekdays", "working day at 08:00"},
        {"workdays", "working day at 08:00"},
        {"weekday", "working day at 08:00"},
        {"weekly", "monday at 09:00"},
        {"week", "monday at 09:00"},
        {"monthly", "1st working day of the month"},
        {"month", "1st working day of the month"},
        {"quarterly", "1st working day of the quarter"},
        {"quarter", "1st working day of the quarter"},
        {"half-yearly", "1st working day of the half-year"},
        {"yearly", "1st working day of the year"},
        {"annually", "1st working day of the year"},
        {"year", "1st working day of the year"},
    }};
    static const std::vector<std::string> vocabulary{
        "day",     "working",   "random",    "last",    "of",       "the",      "at",      "week",      "month",
        "quarter", "half-year", "year",      "since",   "done",     "monday",   "tuesday", "wednesday", "thursday",
        "friday",  "saturday",  "sunday",    "january", "february", "march",    "april",   "may",       "june",
        "july",    "august",    "september", "october", "november", "december", "days",    "weeks",     "months",
        "years",   "hours",     "minutes",   "hour",    "minute",   "1st",      "2nd",     "3rd",       "4th"};
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> spellings{{{"first", "1st"},
                                                                                             {"second", "2nd"},
                                                                                             {"third", "3rd"},
                                                                                             {"fourth", "4th"},
                                                                                             {"fifth", "5th"},
                                                                                             {"workday", "working day"},
                                                                                             {"business", "working"},
                                                                                             {"final", "last"}}};

    auto words = words_of(text);
    while (!words.empty() &&
           (words[0] == "every" || words[0] == "each" || words[0] == "on" || words[0] == "the" || words[0] == "a"))
        words.erase(words.begin());
    if (words.empty()) return std::nullopt;
    if (words.size() == 1) {
        std::vector<std::string> names;
        for (const auto& [habit, form] : habits) names.emplace_back(habit);
        const auto near = nearest(words[0], names);
        for (const auto& [habit, form] : habits)
            if (near == std::string(habit) && !parses(words[0])) return std::string(form);
    }
    for (auto& word : words) {
        for (const auto& [from, to] : spellings)
            if (word == from) word = to;
        if (word == "midnight") word = "00:00";
        if (word == "noon") word = "12:00";
        const bool numeric = !word.empty() && word[0] >= '0' && word[0] <= '9';
        if (numeric && word.find('.') != word.npos) std::ranges::replace(word, '.', ':');
        if (numeric || std::ranges::find(vocabulary, word) != vocabulary.end()) continue;
        if (const auto near = nearest(word, vocabulary)) word = *near;
    }
    auto joined = join(words, " ");
    if (parses(joined)) return joined;
    // "last friday of month" and "monday 09:00": a small word left out.
    auto with_the = words;
    if (const auto of = std::ranges::find(with_the, "of");
        of != with_the.end() && of + 1 != with_the.end() && of[1] != "the")
        with_the.insert(of + 1, "the");
    if (parses(join(with_the, " "))) return join(with_the, " ");
    if (with_the.size() > 1 && with_the.back().find(':') != std::string::npos &&
        with_the[with_the.size() - 2] != "at") {
        with_the.insert(with_the.end() - 1, "at");
        if (parses(join(with_the, " "))) return join(with_the, " ");
    }
    if (words.size() == 2 && number(words[0])) {  // "1 month"
        for (const std::string_view tail : {" since last done", "s since last done"})
            if (parses(joined + std::string(tail))) return joined + std::string(tail);
    }
    return std::nullopt;
}

}  // namespace

Result<Cadence> parse_cadence(std::string_view text) {
    auto result = parse_strict(text);
    if (result) {
        result->text = std::string(trim(text));
        return result;
    }
    auto error = std::move(result).error();
    if (error.message.key == "policy.cadence-not-a-fixed-length")
        error.hint = msg("policy.cadence-hint-months", {{"text", std::string(trim(text))}});
    else if (const auto better = repaired(text))
        error.hint = msg("policy.did-you-mean", {{"name", *better}});
    else if (error.message.key == "policy.cadence-unknown" || error.message.key == "policy.cadence-empty")
        error.hint = msg("policy.cadence-forms");
    return std::unexpected(std::move(error));
}

}  // namespace tilsyn::policy
