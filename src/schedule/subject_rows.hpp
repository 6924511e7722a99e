// The rows of the registers behind the subjects of claims.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "registers/types.hpp"
#include "schedule/state.hpp"

namespace tilsyn::schedule {

// By subject ("servers/web1"), read many at a time. A row that has gone in the meantime is simply not there.
Result<std::map<std::string, registers::Fields>> load_rows(db::Connection& connection,
                                                           const std::vector<Claim>& claims);

}  // namespace tilsyn::schedule
