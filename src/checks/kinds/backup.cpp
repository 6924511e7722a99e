// backup: does each plan that Tilsyn carries out have a fresh, whole set, and as many older ones as it should?
#include <algorithm>

#include "backup/retention.hpp"
#include "base/text.hpp"
#include "checks/backup_facts.hpp"
#include "checks/kind.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;
using policy::ParamType;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "backup";
        s.title = {"Backups are made as planned", "Sikkerhedskopier bliver taget som planlagt"};
        s.summary = {
            "For each backup plan that Tilsyn carries out: the newest set is whole and fresh, and the repository still "
            "holds the older ones that the plan keeps. A set is whole when everything could be read, by Tilsyn and by "
            "the program that makes the backup, nothing was torn, and nothing is suspiciously smaller than before.",
            "For hver backupplan, Tilsyn udfører: Det nyeste sæt er helt og friskt, og lageret har stadig de ældre, "
            "planen gemmer. Et sæt er helt, når alt kunne læses, både af Tilsyn og af det program, der tager kopien, "
            "når intet blev ændret undervejs, og intet er mistænkeligt meget mindre end før."};
        s.params = {
            {.name = "grace",
             .type = ParamType::duration,
             .default_value = "\"2 hours\"",
             .help = {"How much later than planned a set may be.", "Hvor meget senere end planlagt et sæt må være."}}};
        s.mode = policy::Mode::batch;
        return s;
    }();
    return made;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    return collect_plans(request, [](db::Connection& reader, const backup::Plan& plan) -> Result<json> {
        TRY(const auto sets, backup::sets_of(reader, plan.id));
        json seen{{"every_s", std::chrono::duration_cast<std::chrono::seconds>(plan.every).count()}};
        for (const auto& set : sets) {
            if (set.state == backup::SetState::running) continue;
            seen["newest"] = {{"set", set.id},
                              {"state", to_string(set.state)},
                              {"started", format_utc_seconds(set.started)},
                              {"why", json::parse(set.details, nullptr, false).value("why", json::array())}};
            break;
        }
        const auto made = std::ranges::find_if(sets, [](const backup::Set& set) {
            return set.state == backup::SetState::made && !set.lost && !set.forgotten;
        });
        if (made != sets.end())
            seen["made"] = {{"set", made->id},
                            {"started", format_utc_seconds(made->started)},
                            {"files", made->files},
                            {"bytes", made->bytes},
                            {"manifest", made->manifest}};
        const auto held = backup::held(plan.keep, sets);
        seen["wanted"] = held.wanted;
        seen["held"] = held.held;
        return seen;
    });
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp now) {
    const auto& seen = facts.seen;
    if (!seen.value("ours", false)) return {Outcome::not_applicable, msg("checks.backup-not-ours"), seen};
    if (!seen.contains("newest")) return {Outcome::fail, msg("checks.backup-never"), seen};
    if (const auto& newest = seen["newest"]; newest.value("state", "") != "made")
        return {Outcome::fail, first_reason(newest).value_or(msg("checks.backup-not-whole")), seen};
    const auto at = parse_utc(seen.value("/made/started"_json_pointer, ""));
    if (!at) return {Outcome::fail, msg("checks.backup-never"), seen};
    const auto every = std::chrono::seconds(seen.value("every_s", std::int64_t{0}));
    if (now - *at > every + control.params.get("grace").duration)
        return {Outcome::fail,
                msg("checks.backup-late", {{"at", format_utc_seconds(*at)}, {"every", format_duration(every)}}), seen};
    const auto wanted = seen.value("wanted", 0), held = seen.value("held", 0);
    if (held < wanted)
        return {Outcome::fail,
                msg("checks.backup-sets-gone",
                    {{"count", std::to_string(wanted - held)}, {"wanted", std::to_string(wanted)}}),
                seen};
    return {Outcome::pass,
            msg("checks.backup-good", {{"at", format_utc_seconds(*at)},
                                       {"files", std::to_string(seen["made"].value("files", std::int64_t{0}))},
                                       {"count", std::to_string(held)}}),
            seen};
}

}  // namespace

const Kind& backup_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
