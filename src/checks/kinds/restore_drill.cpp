// restore_drill: was each plan's data restored in full lately, and was it what had been backed up?
#include <algorithm>

#include "base/text.hpp"
#include "checks/backup_facts.hpp"
#include "checks/kind.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "restore_drill";
        s.title = {"Backups are restored in full, and compared", "Sikkerhedskopier genskabes helt og sammenlignes"};
        s.summary = {
            "For each backup plan that Tilsyn carries out: the newest full restore was made in time, every file was "
            "what the manifest of the source says, databases opened and held what was counted in them, and it took no "
            "longer than the business can wait. A sample that differs is a fail, too; one that does not is no full "
            "restore.",
            "For hver backupplan, Tilsyn udfører: Den nyeste fulde genskabelse er sket i tide, hver fil var, hvad "
            "kildens manifest siger, databaser kunne åbnes og rummede det, der blev talt i dem, og det tog ikke "
            "længere, "
            "end forretningen kan vente. En stikprøve, der afviger, er også en fejl; en, der ikke gør, er ingen fuld "
            "genskabelse."};
        s.mode = policy::Mode::batch;
        return s;
    }();
    return made;
}

json as_json(const backup::Drill& drill) {
    const auto details = json::parse(drill.details, nullptr, false);
    return {{"drill", drill.id},
            {"set", drill.set},
            {"outcome", drill.outcome},
            {"started", format_utc_seconds(drill.started)},
            {"files", drill.files},
            {"bytes", drill.bytes},
            {"faults", drill.faults},
            {"lost", drill.lost},
            {"took_ms", drill.took_ms},
            {"alone", details.is_object() && details.value("alone", false)},
            {"not_compared", details.is_object() ? details.value("not_compared", json::array()) : json::array()},
            {"why", details.is_object() ? details.value("why", json::array()) : json::array()}};
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    return collect_plans(
        request,
        [](db::Connection& reader, const backup::Plan& plan) -> Result<json> {
            TRY(const auto drills, backup::drills_of(reader, plan.id));
            json seen{{"every_s", std::chrono::duration_cast<std::chrono::seconds>(plan.drill_every).count()}};
            for (const auto& drill : drills) {
                if (drill.outcome == "running") continue;
                const auto* name = drill.extent == backup::Extent::full ? "full" : "sample";
                if (!seen.contains(name)) seen[name] = as_json(drill);
                if (drill.extent == backup::Extent::full && drill.outcome == "pass" && !seen.contains("passed"))
                    seen["passed"] = as_json(drill);
            }
            return seen;
        },
        true);
}

Judgement judge(const policy::Control&, const Facts& facts, Timestamp now) {
    const auto& seen = facts.seen;
    if (!seen.value("ours", false)) return {Outcome::not_applicable, msg("checks.backup-not-ours"), seen};
    const auto outcome = [&](const char* extent) {
        return seen.contains(extent) ? seen[extent].value("outcome", "") : std::string();
    };
    for (const auto* extent : {"full", "sample"})
        if (outcome(extent) == "fail")
            return {Outcome::fail, first_reason(seen[extent]).value_or(msg("checks.drill-differs")), seen};
    const auto passed = parse_utc(seen.value("/passed/started"_json_pointer, ""));
    const auto every = std::chrono::seconds(seen.value("every_s", std::int64_t{0}));
    const bool late = !passed || now - *passed > every + every / 4;  // a drill waits for its turn
    if (late && outcome("full") == "unknown")
        return {Outcome::unknown, first_reason(seen["full"]).value_or(msg("checks.drill-never")), seen};
    if (!passed) return {Outcome::fail, msg("checks.drill-never"), seen};
    if (late)
        return {Outcome::fail,
                msg("checks.drill-late", {{"at", format_utc_seconds(*passed)}, {"every", format_duration(every)}}),
                seen};
    const auto& drill = seen["passed"];
    const auto aside = drill.value("not_compared", json::array());
    return {Outcome::pass,
            msg(drill.value("alone", false)        ? "checks.drill-good-alone"
                : aside.empty()                    ? "checks.drill-good"
                : aside == json::array({"owners"}) ? "checks.drill-good-no-owners"
                                                   : "checks.drill-good-content",
                {{"at", format_utc_seconds(*passed)},
                 {"count", std::to_string(drill.value("files", std::int64_t{0}))},
                 {"took", format_duration(std::chrono::ceil<std::chrono::seconds>(
                              std::chrono::milliseconds(drill.value("took_ms", std::int64_t{0}))))}}),
            seen};
}

}  // namespace

const Kind& restore_drill_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
