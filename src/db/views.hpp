// The documented SQL views that queries of a policy read. On SQLite they stand beside the tables; on PostgreSQL in a
// schema of their own, `facts`, which is all that a query's search path names.
#pragma once
#include <string>
#include <string_view>

#include "db/db.hpp"

namespace tilsyn::db {

Result<void> replace_view(Connection& connection, std::string_view name, std::string_view select);
Result<void> drop_view(Connection& connection, std::string_view name);
// SQL that turns int64 microseconds into ISO text to the second, 2026-11-23T04:05:06Z; NULL stays NULL.
std::string moment_as_text(Engine engine, std::string_view expression);

}  // namespace tilsyn::db
