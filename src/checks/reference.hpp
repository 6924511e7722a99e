// The parameters of a check kind as a Markdown table: what docs/checks/NAME.md must contain, word for word.
#pragma once
#include <string>

#include "base/i18n.hpp"
#include "policy/kind_spec.hpp"

namespace tilsyn::checks {

std::string kind_reference(const policy::KindSpec& spec, Lang lang = Lang::en);

}  // namespace tilsyn::checks
