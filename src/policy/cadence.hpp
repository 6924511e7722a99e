// When a control is due. Three forms, one key (`every`):
//   interval    "5m", "4 hours", "1 day"                     evenly spread over subjects by a phase
//   calendar    "day at 07:00", "working day at 08:00", "monday at 09:00", "1st working day of the month at 09:00",
//               "last friday of the quarter", "day 15 of the month", "1 march", "random working day of the week at
//               16:30"
//   since done  "6 months since last done"
// Calendar times are civil times in the policy's zone; without "at" they mean 09:00. Grammar: docs/policy.md.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "base/zone.hpp"

namespace tilsyn::policy {

// Working days: Monday to Friday without the public holidays of `country` ("DK", or "" for none) and the extra ones.
class Calendar {
  public:
    Calendar(Zone zone, std::string country, std::vector<Date> extra_holidays = {});
    const Zone& zone() const { return zone_; }
    bool working_day(Date date) const;
    bool holiday(Date date) const;

  private:
    Zone zone_;
    std::string country_;
    std::vector<Date> extra_;
};

struct Cadence {
    enum class Form { interval, calendar, since_done };
    enum class Period { day, week, month, quarter, half_year, year };
    enum class DayKind { any, working, weekday, day_number, month_day, random_any, random_working };
    Form form = Form::interval;
    Duration interval{0};  // interval
    int months = 0;        // since_done: months, or
    Duration since{0};     // since_done: a span
    Period period = Period::day;
    DayKind day = DayKind::any;
    int ordinal = 1;       // 1st, 2nd, ...; -1 = last; for day_number the number
    unsigned weekday = 0;  // 0 = Sunday
    unsigned month = 1;    // for yearly month_day
    std::chrono::seconds at{std::chrono::hours(9)};
    std::string text;  // as written
    bool operator==(const Cadence&) const = default;
};

Result<Cadence> parse_cadence(std::string_view text);     // Error.hint names forms that would do
std::string describe(const Cadence& cadence, Lang lang);  // "the 1st working day of the month at 09:00"

// The first planned time strictly after `after`. `phase` spreads intervals and draws the random days: the same phase
// always gives the same times. since_done counts from last_done, or is due at once without it.
Timestamp next_planned(const Cadence& cadence, const Calendar& calendar, Timestamp after, std::uint64_t phase,
                       std::optional<Timestamp> last_done = std::nullopt);
// About how often, for display and defaults.
Duration typical_interval(const Cadence& cadence);

}  // namespace tilsyn::policy
