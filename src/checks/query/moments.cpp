#include "checks/query/moments.hpp"

#include <charconv>
#include <cstdlib>

#include "base/text.hpp"
#include "checks/query/tokens.hpp"

namespace tilsyn::checks {
namespace {

using Kind = Token::Kind;

struct Offset {
    enum class Base { today, now } base = Base::today;
    int count = 0;  // with its sign
    enum class Unit { none, minute, hour, day, working_day, week, month, year } unit = Unit::none;
};

std::optional<Offset::Unit> unit_of(std::string_view name) {
    using Unit = Offset::Unit;
    const std::pair<std::string_view, Unit> names[] = {
        {"minute", Unit::minute}, {"hour", Unit::hour},   {"day", Unit::day},  {"working day", Unit::working_day},
        {"week", Unit::week},     {"month", Unit::month}, {"year", Unit::year}};
    for (const auto& [word, unit] : names)
        if (name == word || name == std::string(word) + "s") return unit;
    return std::nullopt;
}

// "{today - 30 days}"
std::optional<Offset> parse_offset(std::string_view placeholder) {
    auto text = trim(placeholder.substr(1, placeholder.size() - 2));
    Offset offset;
    if (text.starts_with("today"))
        text.remove_prefix(5);
    else if (text.starts_with("now")) {
        offset.base = Offset::Base::now;
        text.remove_prefix(3);
    } else {
        return std::nullopt;
    }
    text = trim(text);
    if (text.empty()) return offset;
    const char sign = text.front();
    if (sign != '+' && sign != '-') return std::nullopt;
    text = trim(text.substr(1));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset.count);
    if (error != std::errc{} || offset.count < 0 || offset.count > 100'000) return std::nullopt;
    const auto unit = unit_of(trim(text.substr(std::size_t(end - text.data()))));
    if (!unit) return std::nullopt;
    offset.unit = *unit;
    if (sign == '-') offset.count = -offset.count;
    const bool clock_unit = *unit == Offset::Unit::minute || *unit == Offset::Unit::hour;
    if (offset.base == Offset::Base::today && clock_unit) return std::nullopt;
    return offset;
}

Date add_months(Date date, int months) {
    auto moved = std::chrono::year_month(date.year(), date.month()) + std::chrono::months(months);
    const auto last = std::chrono::year_month_day(
                          std::chrono::year_month_day_last(moved.year(), std::chrono::month_day_last(moved.month())))
                          .day();
    return {moved.year(), moved.month(),
            std::min(date.day(), last)};  // 31 January plus a month is the last of February
}

Date move_date(Date date, const Offset& offset, const policy::Calendar& calendar) {
    using Unit = Offset::Unit;
    switch (offset.unit) {
        case Unit::day:
            return Date(std::chrono::sys_days(date) + std::chrono::days(offset.count));
        case Unit::week:
            return Date(std::chrono::sys_days(date) + std::chrono::days(7 * offset.count));
        case Unit::month:
            return add_months(date, offset.count);
        case Unit::year:
            return add_months(date, 12 * offset.count);
        case Unit::working_day: {
            auto day = std::chrono::sys_days(date);
            const auto step = std::chrono::days(offset.count < 0 ? -1 : 1);
            for (int left = std::abs(offset.count); left > 0;) {
                day += step;
                if (calendar.working_day(Date(day))) --left;
            }
            return Date(day);
        }
        default:
            return date;
    }
}

std::string value_of(const Offset& offset, Timestamp now, const policy::Calendar& calendar) {
    using Unit = Offset::Unit;
    if (offset.unit == Unit::minute) return format_utc_seconds(now + std::chrono::minutes(offset.count));
    if (offset.unit == Unit::hour) return format_utc_seconds(now + std::chrono::hours(offset.count));
    auto local = calendar.zone().local(now);
    local.date = move_date(local.date, offset, calendar);
    return offset.base == Offset::Base::today ? format_date(local.date)
                                              : format_utc_seconds(calendar.zone().utc_of(local));
}

}  // namespace

bool known_moment(std::string_view placeholder) {
    return parse_offset(placeholder).has_value();
}

Result<BoundSql> bind_moments(std::string_view sql, Timestamp now, const policy::Calendar& calendar) {
    BoundSql bound;
    std::size_t copied = 0;  // everything up to here is in bound.sql
    for (const auto& token : tokenize_sql(sql)) {
        if (token.kind != Kind::comment && token.kind != Kind::placeholder) continue;
        bound.sql += sql.substr(copied, token.offset - copied);
        copied = token.offset + token.text.size();
        if (token.kind == Kind::comment) {
            bound.sql += ' ';
            continue;
        }
        const auto offset = parse_offset(token.text);
        if (!offset) return fail(Code::invalid, "checks.sql-placeholder", {{"found", std::string(token.text)}});
        // PostgreSQL cannot tell the type of a lone parameter in every place; a cast says it is text.
        bound.sql += "CAST(? AS text)";
        bound.values.emplace_back(value_of(*offset, now, calendar));
    }
    bound.sql += sql.substr(copied);
    return bound;
}

}  // namespace tilsyn::checks
