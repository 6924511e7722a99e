// Which sets a plan keeps: the newest of each of its last days, weeks, months and years that have one. Pure.
#pragma once
#include <string>
#include <vector>

#include "backup/ledger.hpp"
#include "backup/plan.hpp"

namespace tilsyn::backup {

// The sets to forget, by our id, of those that are there (made, not forgotten, not lost), newest first. Never the
// newest made, nor the newest that was restored in full (`proved`); none at all when the plan keeps everything. Partial
// sets go when a newer one was made.
std::vector<std::string> to_forget(const Keep& keep, const std::vector<Set>& sets, const std::string& proved);
// How many sets the plan should hold by now, counted from its oldest made set; and how many it holds.
struct Held {
    int wanted = 0, held = 0;
};
Held held(const Keep& keep, const std::vector<Set>& sets);

}  // namespace tilsyn::backup
