// Names that a register or a field cannot have, because SQL or Tilsyn's own views have them already.
#pragma once
#include <string_view>

namespace tilsyn::registers {

// Reserved in SQLite or in PostgreSQL: a query would have to quote it, and people forget.
bool is_sql_word(std::string_view name);
// The view of another part (docs/policy.md), or a prefix that an engine keeps to itself.
bool is_taken_view(std::string_view name);

}  // namespace tilsyn::registers
