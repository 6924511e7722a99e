// backup_repository: is each repository that Tilsyn uses whole, by its own engine's check?
#include "backup/ledger.hpp"
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
        s.name = "backup_repository";
        s.title = {"Backup repositories are whole", "Lagre for sikkerhedskopier er hele"};
        s.summary = {
            "For each repository that Tilsyn uses: the program that keeps it has checked it lately and found nothing. "
            "Every day another fourteenth of all that is stored is read.",
            "For hvert lager, Tilsyn bruger: Det program, der fører det, har kontrolleret det for nylig og intet "
            "fundet. "
            "Hver dag læses en ny fjortendedel af alt det gemte."};
        s.params = {{.name = "max_age",
                     .type = ParamType::duration,
                     .default_value = "\"50 hours\"",
                     .help = {"An older newest check is a fail.", "Er den nyeste kontrol ældre, er det en fejl."}}};
        s.mode = policy::Mode::batch;
        return s;
    }();
    return made;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    constexpr std::string_view prefix = "backup-repositories/";
    TRY(const auto reader, request.environment->readers->get(request.deadline));
    reader->set_deadline(request.deadline);
    std::vector<Facts> all;
    for (const auto& subject : request.subjects) {
        Facts facts;
        const auto engine = subject.fields.find("engine");
        facts.seen["ours"] =
            subject.id.starts_with(prefix) && engine != subject.fields.end() && !engine->second.empty();
        if (facts.seen["ours"]) {
            TRY(const auto checks, backup::checks_of(*reader, subject.id.substr(prefix.size()), 1));
            if (!checks.empty()) {
                const auto& newest = checks.front();
                const auto details = json::parse(newest.details, nullptr, false);
                facts.seen["newest"] = {
                    {"at", format_utc_seconds(newest.at)},
                    {"outcome", newest.outcome},
                    {"part", newest.part},
                    {"parts", newest.parts},
                    {"stale_locks", newest.stale_locks},
                    {"why", details.is_object() ? details.value("why", json::array()) : json::array()}};
            }
        }
        all.push_back(std::move(facts));
    }
    return all;
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp now) {
    const auto& seen = facts.seen;
    if (!seen.value("ours", false)) return {Outcome::not_applicable, msg("checks.repository-not-ours"), seen};
    if (!seen.contains("newest")) return {Outcome::unknown, msg("checks.repository-never"), seen};
    const auto& newest = seen["newest"];
    const auto outcome = newest.value("outcome", "");
    if (outcome == "fail")
        return {Outcome::fail, first_reason(newest).value_or(msg("checks.repository-damaged")), seen};
    if (outcome != "pass")
        return {Outcome::unknown, first_reason(newest).value_or(msg("checks.repository-never")), seen};
    const auto at = parse_utc(newest.value("at", ""));
    if (!at || now - *at > control.params.get("max_age").duration)
        return {Outcome::fail, msg("checks.repository-late", {{"at", newest.value("at", "")}}), seen};
    return {Outcome::pass,
            msg("checks.repository-whole", {{"at", newest.value("at", "")},
                                            {"part", std::to_string(newest.value("part", 0))},
                                            {"parts", std::to_string(newest.value("parts", 0))}}),
            seen};
}

}  // namespace

const Kind& backup_repository_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
