// The machine-readable part of a pack for tools that speak OSCAL 1.1 (NIST, https://pages.nist.gov/OSCAL): the policy
// as a catalog, and what the period showed as assessment results.
//
// Catalog: a group for each section, a control for each promise with its published text as statements, and an
// assessment objective in it for each of Tilsyn's controls. Results: an observation for each of Tilsyn's controls, and
// a finding where there is one to make: not satisfied when a planned run failed or was missed, satisfied when all
// passed. What is unknown or stale is an observation without a finding, never "satisfied".
//
// Identifiers are made from the log's name, the checkpoint and the thing they name (UUID version 5), so that the same
// pack holds the same bytes.
#pragma once
#include <string>
#include <string_view>

#include "publish/report.hpp"

namespace tilsyn::publish {

inline constexpr std::string_view oscal_version = "1.1.2";

std::string oscal_catalog(const ReportFacts& facts);
std::string oscal_assessment_results(const ReportFacts& facts);

}  // namespace tilsyn::publish
