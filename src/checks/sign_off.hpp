// What a signature must hold: shared by the kind, which judges it, and the schedule, which takes it in.
#pragma once
#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.hpp"
#include "policy/kind_spec.hpp"

namespace tilsyn::checks {

// answer: {"decision": "pass|fail|refuse", "note": "...", "count": 3, "answers": ["..."], "evidence":
// ["<sha256>"], "signed_by": "...", "second_by": "..."}. No faults: nothing is wanting for the one who signs
// it. A refusal needs only its reason. Where a second person is demanded, a pass without second_by is judged
// unknown.
std::vector<Error> check_answer(const policy::ParamValues& params, const nlohmann::json& answer);

}  // namespace tilsyn::checks
