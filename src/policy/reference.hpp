// The reference of policy files as Markdown (docs/policy-reference.md), written from the table of keys.
#pragma once
#include <string>

namespace tilsyn::policy {

std::string reference();

}  // namespace tilsyn::policy
