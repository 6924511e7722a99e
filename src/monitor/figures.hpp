// The figures of a period, from what is stored: uptime with its bounds, and answering times.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/zone.hpp"
#include "db/db.hpp"
#include "monitor/sketch.hpp"
#include "monitor/uptime.hpp"

namespace tilsyn::monitor {

struct Period {  // whole days of the company's clock, both included
    Date first, last;
};
Result<Period> month_of(std::string_view text);  // "2026-11"

struct Figures {
    std::string control, subject;
    std::int64_t since = 0;  // ms: watched from then on; what was before is not part of the period
    Uptime uptime;           // of the part of the period that has passed
    std::int64_t up = 0, down = 0, unmeasured = 0;  // results
    Sketch times;                                   // of those that were up, in µs
    std::optional<std::int64_t> down_since;         // ms, at the earliest; of what is down now
};

// Of every (control, subject) that was ever watched and has results in the period; of one control when it is given.
// By control and subject.
Result<std::vector<Figures>> figures(db::Connection& connection, const Period& period, const Zone& zone, Timestamp now,
                                     std::optional<std::string_view> control = std::nullopt);

}  // namespace tilsyn::monitor
