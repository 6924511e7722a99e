#include "backup/retention.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace tilsyn::backup {
namespace {

using std::chrono::days;

struct Period {
    int kept;
    std::int64_t (*of)(Timestamp);  // a number that two moments of the same period share
};

std::int64_t day(Timestamp t) {
    return std::chrono::floor<days>(t).time_since_epoch().count();
}
std::int64_t week(Timestamp t) {
    return (day(t) + 3) / 7;  // from Monday to Sunday; 1970 began on a Thursday
}
std::int64_t month(Timestamp t) {
    const std::chrono::year_month_day date(std::chrono::floor<days>(t));
    return std::int64_t(int(date.year())) * 12 + unsigned(date.month());
}
std::int64_t year(Timestamp t) {
    return int(std::chrono::year_month_day(std::chrono::floor<days>(t)).year());
}

std::array<Period, 4> periods(const Keep& keep) {
    return {{{keep.daily, day}, {keep.weekly, week}, {keep.monthly, month}, {keep.yearly, year}}};
}

bool there(const Set& set) {
    return !set.forgotten && !set.lost && !set.engine_set.empty();
}

}  // namespace

std::vector<std::string> to_forget(const Keep& keep, const std::vector<Set>& sets, const std::string& proved) {
    if (!keep.any()) return {};
    std::vector<const Set*> made;
    for (const auto& set : sets)
        if (there(set) && set.state == SetState::made) made.push_back(&set);
    if (made.empty()) return {};
    std::ranges::sort(made, std::greater(), &Set::started);
    std::set<std::string> kept{made.front()->id, proved};
    for (const auto& [count, of] : periods(keep)) {
        std::set<std::int64_t> seen;
        for (const auto* set : made)
            if (int(seen.size()) < count && seen.insert(of(set->started)).second) kept.insert(set->id);
    }
    std::vector<std::string> out;
    for (const auto& set : sets) {
        if (!there(set) || kept.contains(set.id)) continue;
        const bool replaced = set.state == SetState::partial && set.started < made.front()->started;
        if (set.state == SetState::made || replaced) out.push_back(set.id);
    }
    return out;
}

Held held(const Keep& keep, const std::vector<Set>& sets) {
    // What the ledger says was made and should be kept, whether or not the repository still has it.
    std::vector<const Set*> made;
    for (const auto& set : sets)
        if (set.state == SetState::made && !set.forgotten) made.push_back(&set);
    std::ranges::sort(made, std::greater(), &Set::started);
    std::set<std::string> wanted;
    for (const auto& [count, of] : periods(keep)) {
        std::set<std::int64_t> seen;
        for (const auto* set : made)
            if (int(seen.size()) < count && seen.insert(of(set->started)).second) wanted.insert(set->id);
    }
    Held out;
    for (const auto* set : made) {
        if (keep.any() && !wanted.contains(set->id)) continue;
        ++out.wanted;
        out.held += there(*set) ? 1 : 0;
    }
    return out;
}

}  // namespace tilsyn::backup
