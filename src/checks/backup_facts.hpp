// What `backup` and `restore_drill` share: the plans of their subjects, and reasons as the ledger keeps them.
#pragma once
#include <functional>

#include "backup/ledger.hpp"
#include "backup/plan.hpp"
#include "checks/kind.hpp"

namespace tilsyn::checks {

// Calls `see` for each subject with its plan, as the registers have it now; a subject that is no plan that Tilsyn
// knows of gets facts that say so ({"ours": false}).
Result<std::vector<Facts>> collect_plans(
    const CollectRequest& request,
    const std::function<Result<nlohmann::json>(db::Connection& reader, const backup::Plan& plan)>& see,
    bool only_read = false);  // not those whose sets Tilsyn cannot read, and is only told of

// The first reason of {"why": [{"key", "params", "detail"}]}; nullopt: none is given.
std::optional<Message> first_reason(const nlohmann::json& details);

}  // namespace tilsyn::checks
