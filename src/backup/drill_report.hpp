// A restore that was tried, told to somebody who has never heard of manifests: what was done, what came of it, what it
// means, and what to do now; the figures that prove it at the end. Pure.
#pragma once
#include <string>

#include "backup/ledger.hpp"
#include "base/i18n.hpp"
#include "base/zone.hpp"

namespace tilsyn::backup {

// Plain text, lines of any length. `name`: of the data set.
std::string drill_report(const Drill& drill, const Set& set, const std::string& name, const Zone& zone, Lang lang);

}  // namespace tilsyn::backup
