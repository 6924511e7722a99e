// "{url}/health" with the fields of a subject put in.
#pragma once
#include <string>
#include <string_view>

#include "checks/kind.hpp"

namespace tilsyn::checks {

// Error (invalid) names the field that the subject does not have, or has left empty.
Result<std::string> substitute(std::string_view text, const Subject& subject);

// What is wrong with the braces of a parameter, if anything: one that does not close, or holds no field's
// name.
std::optional<Message> fault_in_braces(std::string_view text);

}  // namespace tilsyn::checks
