// The SQL that a policy's queries may use: one SELECT in the subset that both engines share, over the documented views.
// docs/policy.md describes it. This is the first of three fences; the connection that cannot write is the second, the
// deadline and the bound on rows the third.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "db/db.hpp"
#include "policy/cadence.hpp"

namespace tilsyn::checks {

struct SqlFault {
    Message message;
    int line = 0;    // lines below the first, from 0
    int column = 1;  // from 1
};
std::vector<SqlFault> lint_sql(std::string_view sql);

// The same text without comments and with ? for {today ...} and {now ...}, and the values to bind. `calendar` gives the
// civil date and counts working days. Only for text that lint_sql found nothing in.
struct BoundSql {
    std::string sql;
    std::vector<db::Value> values;
};
Result<BoundSql> bind_moments(std::string_view sql, Timestamp now, const policy::Calendar& calendar);

}  // namespace tilsyn::checks
