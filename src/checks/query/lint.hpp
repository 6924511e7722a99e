// The SQL that a policy's queries may use: one SELECT in the subset that SQLite and PostgreSQL share, over
// the documented views (docs/checks/query.md). This is the first of three fences; the connection that cannot
// write is the second, the deadline and the bound on rows the third. It keeps honest queries portable; it is
// not what keeps hostile ones out.
#pragma once
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::checks {

struct SqlFault {
    Message message;  // what was found and what would do
    int line = 0;     // lines below the first, from 0
    int column = 1;   // bytes, from 1
};
// At most 20 faults, in the order of the text.
std::vector<SqlFault> lint_sql(std::string_view sql);

}  // namespace tilsyn::checks
