// The two engines. Only db/ includes this.
#pragma once
#include "db/db.hpp"

namespace tilsyn::db {

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path, Access access);
Result<std::unique_ptr<Connection>> open_postgres(const std::string& url, Access access);

}  // namespace tilsyn::db
