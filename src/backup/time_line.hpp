// The sets of a data set on a time line, as a picture (SVG 1.1): one lane for each plan, its sets above and its
// restores below. Needs no script and nothing from elsewhere, light or dark as its reader has it; what colours tell,
// shapes tell too. Pure.
#pragma once
#include <string>
#include <vector>

#include "backup/ledger.hpp"
#include "base/i18n.hpp"
#include "base/zone.hpp"

namespace tilsyn::backup {

struct Lane {
    std::string name;  // of the plan
    std::vector<Set> sets;
    std::vector<Drill> drills;
};
struct TimeLine {
    std::string title;
    Timestamp from{}, to{};
    std::vector<Lane> lanes;
};
std::string time_line_svg(const TimeLine& line, const Zone& zone, Lang lang);

}  // namespace tilsyn::backup
