// {today - 30 days} and {now - 2 hours}: the only moments a query knows. Tilsyn computes them and binds them
// as values, so that no query needs the date functions in which the two databases differ.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "db/db.hpp"
#include "policy/cadence.hpp"

namespace tilsyn::checks {

// Is this placeholder, with its braces, one that bind_moments knows?
bool known_moment(std::string_view placeholder);

// The same text without comments and with ? for each placeholder, and the values to bind: dates as
// 2026-11-23, moments as 2026-11-23T04:05:06Z. `calendar` gives the civil date and counts working days. Only
// for text that lint_sql found nothing in; an unknown placeholder is Code::invalid.
struct BoundSql {
    std::string sql;
    std::vector<db::Value> values;
};
Result<BoundSql> bind_moments(std::string_view sql, Timestamp now, const policy::Calendar& calendar);

}  // namespace tilsyn::checks
