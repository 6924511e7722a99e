#include "base/zone.hpp"

#include <date/tz.h>
#include <fmt/format.h>

namespace tilsyn {
namespace {
const date::time_zone* zone_of(const void* pointer) {
    return static_cast<const date::time_zone*>(pointer);
}
}  // namespace

Result<Zone> Zone::find(std::string_view name) {
    Zone zone;
    zone.name_ = name;
    try {  // the date library reports an unknown zone, and a missing tzdata package, by throwing
        zone.zone_ = date::locate_zone(std::string(name));
    } catch (const std::exception& e) {
        return fail(Code::invalid, "base.unknown-zone", {{"zone", std::string(name)}}).detail(e.what());
    }
    return zone;
}

Zone Zone::utc() {
    Zone zone;
    zone.name_ = "UTC";
    return zone;
}

LocalTime Zone::local(Timestamp t) const {
    using namespace std::chrono;
    auto shifted = floor<seconds>(t).time_since_epoch();
    if (zone_ != nullptr) shifted += zone_of(zone_)->get_info(floor<seconds>(t)).offset;
    const auto day = floor<days>(shifted);
    return {Date(sys_days(day)), shifted - day};
}

Timestamp Zone::utc_of(const LocalTime& t) const {
    using namespace std::chrono;
    const auto local_seconds = sys_days(t.date).time_since_epoch() + t.since_midnight;
    if (zone_ == nullptr) return Timestamp(local_seconds);
    const auto info = zone_of(zone_)->get_info(date::local_seconds(local_seconds));
    // Nonexistent: by the offset before the gap, so 02:30 becomes 03:30. Ambiguous: the first of the two.
    return Timestamp(local_seconds - info.first.offset);
}

std::string Zone::format(Timestamp t) const {
    const auto l = local(t);
    const auto minutes = std::chrono::duration_cast<std::chrono::minutes>(l.since_midnight).count();
    return fmt::format("{} {:02}:{:02}", format_date(l.date), minutes / 60, minutes % 60);
}

}  // namespace tilsyn
