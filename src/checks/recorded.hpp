// Messages inside facts: what was seen is kept as JSON and judged from there, now or later.
#pragma once
#include <nlohmann/json.hpp>

#include "base/error.hpp"

namespace tilsyn::checks {

nlohmann::json to_json(const Message& message);  // {"key": "...", "params": {...}}
Message message_from(const nlohmann::json& recorded);

}  // namespace tilsyn::checks
