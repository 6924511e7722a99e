// Civil time in a named zone (IANA), with daylight saving right: a local time that does not exist moves forward by the
// gap; one that exists twice means the first.
#pragma once
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn {

struct LocalTime {
    Date date;
    std::chrono::seconds since_midnight{0};
    bool operator==(const LocalTime&) const = default;
};

class Zone {
  public:
    static Result<Zone> find(std::string_view name);  // "Europe/Copenhagen"
    static Zone utc();
    const std::string& name() const { return name_; }
    LocalTime local(Timestamp t) const;
    Timestamp utc_of(const LocalTime& t) const;
    std::string format(Timestamp t) const;  // "2026-11-23 05:05" local, for people
  private:
    std::string name_;
    const void* zone_ = nullptr;  // const date::time_zone*, owned by the zone database for the whole run
};

}  // namespace tilsyn
