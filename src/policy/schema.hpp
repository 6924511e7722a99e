// The JSON Schema (2020-12) of policy files, for editors that complete and check TOML as one types. Written from the
// same table of keys that the parser reads by, and from the kinds' own declarations of their parameters.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>

#include "base/i18n.hpp"
#include "policy/kind_spec.hpp"

namespace tilsyn::policy {

// `lang`: of the descriptions. One schema fits the main file and the files it includes; only the main file's keys are
// required there, so nothing is required at the top.
nlohmann::json json_schema(std::span<const KindSpec* const> kinds, Lang lang);

}  // namespace tilsyn::policy
