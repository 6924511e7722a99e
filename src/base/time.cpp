#include "base/time.hpp"

#include <fmt/format.h>

#include <array>
#include <cctype>
#include <limits>

namespace tilsyn {
namespace {

using namespace std::chrono;

struct Civil {
    Date date;
    hh_mm_ss<Duration> time;
};

Civil civil(Timestamp t) {
    const auto day = floor<days>(t);
    return {Date(day), hh_mm_ss<Duration>(t - day)};
}

std::string date_text(Date d) {
    return fmt::format("{:04}-{:02}-{:02}", int(d.year()), unsigned(d.month()), unsigned(d.day()));
}

// Reads exactly `count` digits at `pos`; -1 when there are not that many.
int digits(std::string_view text, std::size_t pos, std::size_t count) {
    if (pos + count > text.size()) return -1;
    int value = 0;
    for (std::size_t i = pos; i < pos + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return -1;
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

struct Unit {
    std::string_view name;
    Duration span;
};
constexpr std::array units{
    Unit{"ms", milliseconds(1)}, Unit{"s", seconds(1)},      Unit{"m", minutes(1)},       Unit{"min", minutes(1)},
    Unit{"h", hours(1)},         Unit{"d", days(1)},         Unit{"w", weeks(1)},         Unit{"second", seconds(1)},
    Unit{"seconds", seconds(1)}, Unit{"minute", minutes(1)}, Unit{"minutes", minutes(1)}, Unit{"hour", hours(1)},
    Unit{"hours", hours(1)},     Unit{"day", days(1)},       Unit{"days", days(1)},       Unit{"week", weeks(1)},
    Unit{"weeks", weeks(1)},
};

}  // namespace

std::string format_utc(Timestamp t) {
    const auto c = civil(t);
    return fmt::format("{}T{:02}:{:02}:{:02}.{:03}Z", date_text(c.date), c.time.hours().count(),
                       c.time.minutes().count(), c.time.seconds().count(), c.time.subseconds().count() / 1000);
}

std::string format_utc_seconds(Timestamp t) {
    const auto c = civil(t);
    return fmt::format("{}T{:02}:{:02}:{:02}Z", date_text(c.date), c.time.hours().count(), c.time.minutes().count(),
                       c.time.seconds().count());
}

std::string format_date(Date date) {
    return date_text(date);
}

Result<Date> parse_date(std::string_view text) {
    const int y = digits(text, 0, 4), m = digits(text, 5, 2), d = digits(text, 8, 2);
    const Date date{year(y), month(unsigned(m)), day(unsigned(d))};
    if (text.size() != 10 || text[4] != '-' || text[7] != '-' || y < 0 || m < 0 || d < 0 || !date.ok())
        return fail(Code::invalid, "base.bad-date", {{"text", std::string(text)}});
    return date;
}

Result<Timestamp> parse_utc(std::string_view text) {
    const auto bad = [&] { return fail(Code::invalid, "base.bad-time", {{"text", std::string(text)}}); };
    if (text.size() < 20 || (text[10] != 'T' && text[10] != 't' && text[10] != ' ')) return bad();
    const auto date = parse_date(text.substr(0, 10));
    const int h = digits(text, 11, 2), m = digits(text, 14, 2), s = digits(text, 17, 2);
    if (!date || text[13] != ':' || text[16] != ':' || h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 60)
        return bad();
    Duration fraction{0};
    std::size_t pos = 19;
    if (pos < text.size() && text[pos] == '.') {
        std::int64_t micros = 0;
        std::int64_t scale = 100000;
        std::size_t start = ++pos;
        for (; pos < text.size() && std::isdigit(static_cast<unsigned char>(text[pos])); ++pos, scale /= 10)
            micros += (text[pos] - '0') * scale;
        if (pos == start || pos - start > 9) return bad();
        fraction = Duration(micros);
    }
    Duration offset{0};
    if (pos >= text.size()) return bad();
    if (text[pos] == 'Z' || text[pos] == 'z') {
        ++pos;
    } else if (text[pos] == '+' || text[pos] == '-') {
        const int oh = digits(text, pos + 1, 2), om = digits(text, pos + 4, 2);
        if (oh < 0 || oh > 23 || om < 0 || om > 59 || text[pos + 3] != ':') return bad();
        offset = hours(oh) + minutes(om);
        if (text[pos] == '-') offset = -offset;
        pos += 6;
    } else {
        return bad();
    }
    if (pos != text.size()) return bad();
    return Timestamp(sys_days(*date)) + hours(h) + minutes(m) + seconds(s) + fraction - offset;
}

Result<Duration> parse_duration(std::string_view text) {
    const auto bad = [&] { return fail(Code::invalid, "base.bad-duration", {{"text", std::string(text)}}); };
    Duration total{0};
    std::size_t pos = 0;
    bool any = false;
    const auto skip_spaces = [&] {
        while (pos < text.size() && text[pos] == ' ') ++pos;
    };
    for (skip_spaces(); pos < text.size(); skip_spaces()) {
        std::int64_t number = 0;
        std::size_t start = pos;
        for (; pos < text.size() && text[pos] >= '0' && text[pos] <= '9' && pos - start < 10; ++pos)
            number = number * 10 + (text[pos] - '0');
        if (pos == start) return bad();
        skip_spaces();
        start = pos;
        while (pos < text.size() && text[pos] >= 'a' && text[pos] <= 'z') ++pos;
        const auto name = text.substr(start, pos - start);
        bool found = false;
        for (const auto& unit : units) {
            if (unit.name != name) continue;
            if (number > (days(366) * 100) / unit.span) return bad();
            total += number * unit.span;
            found = true;
        }
        if (!found) return bad();
        any = true;
    }
    if (!any || total > days(366) * 100) return bad();
    return total;
}

std::string format_duration(Duration span) {
    if (span == Duration{0}) return "0s";
    std::string out;
    auto left = span < Duration{0} ? -span : span;
    if (span < Duration{0}) out = "-";
    for (const auto& unit : {Unit{"w", weeks(1)}, Unit{"d", days(1)}, Unit{"h", hours(1)}, Unit{"m", minutes(1)},
                             Unit{"s", seconds(1)}, Unit{"ms", milliseconds(1)}}) {
        const auto count = left / unit.span;
        if (count == 0) continue;
        out += fmt::format("{}{}", count, unit.name);
        left -= count * unit.span;
    }
    return out.empty() || out == "-" ? "0s" : out;
}

std::string humanize(Duration span, Lang lang) {
    if (span < Duration{0}) span = -span;
    struct Step {
        Duration below;
        Duration unit;
        const char* key;
    };
    const Step steps[] = {
        {seconds(90), seconds(1), "base.seconds"},  {minutes(90), minutes(1), "base.minutes"},
        {hours(36), hours(1), "base.hours"},        {days(14), days(1), "base.days"},
        {days(60), weeks(1), "base.weeks"},         {days(730), days(30), "base.months"},
        {Duration::max(), days(365), "base.years"},
    };
    for (const auto& step : steps) {
        if (span >= step.below) continue;
        const auto count = (span + step.unit / 2) / step.unit;
        return tr(lang, step.key, {{"count", std::to_string(count)}});
    }
    return {};
}

Timestamp SystemClock::now() const {
    return time_point_cast<Duration>(system_clock::now());
}
steady_clock::time_point SystemClock::steady() const {
    return steady_clock::now();
}

Timestamp ManualClock::now() const {
    std::scoped_lock lock(mutex_);
    return now_;
}
steady_clock::time_point ManualClock::steady() const {
    std::scoped_lock lock(mutex_);
    return steady_clock::time_point(steady_);
}
void ManualClock::advance(Duration by) {
    std::scoped_lock lock(mutex_);
    now_ += by;
    steady_ += by;
}
void ManualClock::jump(Duration by) {
    std::scoped_lock lock(mutex_);
    now_ += by;
}

Duration Deadline::left() const {
    const auto left = duration_cast<Duration>(at_ - steady_clock::now());
    return left < Duration{0} ? Duration{0} : left;
}

}  // namespace tilsyn
