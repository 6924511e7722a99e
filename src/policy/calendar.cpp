// Public holidays and working days.
#include <algorithm>

#include "policy/cadence.hpp"

namespace tilsyn::policy {
namespace {

using namespace std::chrono;

// Easter Sunday in the Gregorian calendar, by the anonymous algorithm that church tables agree with.
sys_days easter(int y) {
    const int a = y % 19, century = y / 100, in_century = y % 100;
    const int correction = (century - (century + 8) / 25 + 1) / 3;
    const int epact = (19 * a + century - century / 4 - correction + 15) % 30;
    const int weekday_shift = (32 + 2 * (century % 4) + 2 * (in_century / 4) - epact - in_century % 4) % 7;
    const int late = (a + 11 * epact + 22 * weekday_shift) / 451;
    const int n = epact + weekday_shift - 7 * late + 114;
    return sys_days(year(y) / month(unsigned(n / 31)) / day(unsigned(n % 31 + 1)));
}

bool danish_holiday(Date date) {
    const auto d = unsigned(date.day());
    const auto m = unsigned(date.month());
    if ((m == 1 && d == 1) || (m == 12 && (d == 25 || d == 26))) return true;
    if (m < 3 || m > 6) return false;
    const auto since_easter = (sys_days(date) - easter(int(date.year()))).count();
    switch (since_easter) {
        case -3:  // skærtorsdag
        case -2:  // langfredag
        case 0:   // påskedag
        case 1:   // 2. påskedag
        case 39:  // Kristi himmelfartsdag
        case 49:  // pinsedag
        case 50:  // 2. pinsedag
            return true;
        case 26:  // store bededag, abolished from 2024
            return int(date.year()) < 2024;
        default:
            return false;
    }
}

}  // namespace

Calendar::Calendar(Zone zone, std::string country, std::vector<Date> extra_holidays)
    : zone_(std::move(zone)), country_(std::move(country)), extra_(std::move(extra_holidays)) {
    std::ranges::sort(extra_);
}

bool Calendar::holiday(Date date) const {
    return (country_ == "DK" && danish_holiday(date)) || std::ranges::binary_search(extra_, date);
}

bool Calendar::working_day(Date date) const {
    const weekday day{sys_days(date)};
    return day != Saturday && day != Sunday && !holiday(date);
}

}  // namespace tilsyn::policy
