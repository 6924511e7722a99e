// "{url}/health" with the fields of a subject put in.
#pragma once
#include <string>
#include <string_view>

#include "checks/kind.hpp"

namespace tilsyn::checks {

// Error (invalid) names the field that the subject does not have.
Result<std::string> substitute(std::string_view text, const Subject& subject);

}  // namespace tilsyn::checks
