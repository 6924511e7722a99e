// The settings that Tilsyn itself keeps in the database.
#pragma once
#include <string>
#include <string_view>

#include "db/db.hpp"

namespace tilsyn::app {

Result<std::string> setting(db::Connection& connection, std::string_view name);  // empty: not set
Result<void> set_setting(db::Connection& connection, std::string_view name, std::string_view value);

}  // namespace tilsyn::app
