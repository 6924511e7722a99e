// updates: does this machine lack security updates, and would it hear of new ones? Reads files only:
// docs/checks/updates.md.
#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "checks/apt/first_seen.hpp"
#include "checks/apt/machine.hpp"
#include "checks/kind.hpp"

namespace tilsyn::checks {
const Kind& updates_kind();

namespace {

using nlohmann::json;
using policy::ParamType;

constexpr std::size_t most_rows = 100;  // in details, which go into the log in every run
constexpr double year_in_seconds = 366.0 * 24 * 3600;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "updates";
        s.title = {"Security updates are installed", "Sikkerhedsopdateringer er installeret"};
        s.summary = {
            "Reads from the files of the machine that Tilsyn runs on which security updates are waiting, since when, "
            "and whether the machine would hear of new ones. "
            "A pass means that its release is supported, its security source is configured and freshly read, and no "
            "fix has waited longer than allowed.",
            "Læser i filerne på den maskine, Tilsyn kører på, hvilke sikkerhedsopdateringer der venter, siden hvornår, "
            "og om maskinen ville høre om nye. "
            "Bestået betyder, at dens udgave er understøttet, at dens sikkerhedskilde er sat op og nyligt læst, og at "
            "ingen rettelse har ventet længere end tilladt."};
        s.posture = policy::Posture::robust_to_hostile;
        s.subject_registers = {"servers", "devices"};
        s.default_timeout = std::chrono::seconds(30);
        s.max_concurrent = 1;
        s.params = {
            {.name = "max_age_of_lists",
             .type = ParamType::duration,
             .default_value = "\"2 days\"",
             .help = {"Lists of updates that were fetched longer ago than this prove nothing: the outcome is stale.",
                      "Lister over opdateringer, der er hentet for længere tid siden end dette, beviser intet: "
                      "udfaldet er forældet."},
             .min = 60,
             .max = year_in_seconds,
             .example = "\"2 days\""},
            {.name = "critical_within",
             .type = ParamType::duration,
             .default_value = "\"7 days\"",
             .help = {"How long a fix may have been available without being installed.",
                      "Hvor længe en rettelse må have været klar uden at være installeret."},
             .min = 0,
             .max = year_in_seconds,
             .example = "\"7 days\""},
            {.name = "security_origins",
             .type = ParamType::text_list,
             .help = {"Further origins or labels (Origin, Label in InRelease) whose updates count as security updates.",
                      "Flere kilder (Origin eller Label i InRelease), hvis opdateringer regnes som "
                      "sikkerhedsopdateringer."},
             .example = "[\"Docker\"]"},
        };
        return s;
    }();
    return made;
}

// What others wrote into these files need not be UTF-8; what is recorded must be.
std::string clean(std::string text) {
    if (!valid_utf8(text))
        std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    return text;
}
json clean(const std::vector<std::string>& texts) {
    json out = json::array();
    for (const auto& text : texts) out.push_back(clean(text));
    return out;
}
json moment(std::optional<Timestamp> at) {
    return at ? json(format_utc_seconds(*at)) : json();
}
json date(std::optional<Date> at) {
    return at ? json(format_date(*at)) : json();
}

std::string first_label(const std::string& name) {
    return name.substr(0, name.find('.'));
}

// "web1" and "web1.example.org" are the same machine; two full names must be equal.
bool same_host(std::string_view a, std::string_view b) {
    const auto left = lower_ascii(trim(a)), right = lower_ascii(trim(b));
    if (left.empty() || right.empty()) return false;
    const bool both_full = left.find('.') != left.npos && right.find('.') != right.npos;
    return both_full ? left == right : first_label(left) == first_label(right);
}

bool this_machine(const Subject& subject, std::string_view hostname) {
    if (subject.id == "company") return true;
    for (const std::string_view name : {"hostname", "host", "name"})
        if (const auto field = subject.fields.find(name);
            field != subject.fields.end() && same_host(field->second, hostname))
            return true;
    return false;
}

json describe(const apt::ListSource& source) {
    const auto& head = source.head;
    return {{"origin", clean(head.origin)}, {"label", clean(head.label)},
            {"suite", clean(head.suite)},   {"codename", clean(head.codename)},
            {"date", moment(head.date)},    {"valid_until", moment(head.valid_until)},
            {"built_in", source.built_in},  {"lists", source.packages.size()}};
}

// Does this source carry the fixes of the very release the machine runs? A further origin of the policy can be that
// only where the release is neither Debian nor Ubuntu, whose own sources say themselves what they are.
bool covers(const apt::ListSource& source, const apt::Release& release) {
    if (!source.built_in && (release.id == "debian" || release.id == "ubuntu")) return false;
    return std::ranges::any_of(release.codenames, [&](const auto& codename) {
        return apt::base_codename(source.head.codename) == codename ||
               apt::base_codename(source.head.suite) == codename;
    });
}

json describe(const apt::Machine& machine, const apt::FirstSeen& first_seen) {
    json seen{{"dpkg", machine.dpkg}};
    if (!machine.dpkg) return seen;
    const auto& release = machine.release;
    seen["release"] = {{"id", clean(release.id)},
                       {"name", clean(release.name)},
                       {"codenames", clean(release.codenames)},
                       {"support_ends", date(release.support_ends)},
                       {"lts_ends", date(release.lts_ends)}};
    seen["installed"] = machine.installed;
    seen["malformed"] = machine.malformed;
    seen["sources"] = machine.lists.sources.size();
    seen["lists_fetched"] = moment(machine.lists.fetched);
    seen["unreadable"] = clean(machine.lists.unreadable);
    seen["security_sources"] = json::array();
    bool covered = false, readable = false;
    for (const auto& source : machine.lists.sources) {
        if (!source.security) continue;
        seen["security_sources"].push_back(describe(source));
        covered = covered || covers(source, release);
        readable = readable || (covers(source, release) && !source.packages.empty());
    }
    seen["covered"] = covered;
    seen["covering_list"] = readable;
    seen["pending"] = json::array();
    for (std::size_t i = 0; i < machine.pending.size(); ++i) {
        const auto& fix = machine.pending[i];
        seen["pending"].push_back({{"package", fix.package},
                                   {"architecture", fix.architecture},
                                   {"installed", fix.installed},
                                   {"available", fix.available},
                                   {"source", clean(fix.source)},
                                   {"held", fix.held},
                                   {"since", format_utc_seconds(first_seen.since[i])}});
    }
    seen["memory"] = apt::to_string(first_seen.memory);
    seen["memory_began"] = format_utc_seconds(first_seen.began);
    seen["kernel_running"] = clean(machine.kernel_running);
    seen["kernel_waiting"] = machine.kernel_waiting;
    seen["restart_required"] = machine.restart_required;
    return seen;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    std::vector<Facts> all(request.subjects.size());
    const auto& environment = *request.environment;
    const auto& origins = request.control->params.get("security_origins").list;
    std::optional<json> seen;  // one look serves every subject that is this machine
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (!this_machine(request.subjects[i], environment.hostname)) {
            all[i].not_measured = msg("checks.updates-other-machine");
            continue;
        }
        if (!seen) {
            const auto now = environment.clock->now();
            TRY(const auto machine, apt::read_machine(environment.root, origins, now, request.deadline));
            apt::FirstSeen first_seen;
            if (machine.dpkg) {
                auto sorted = origins;
                std::ranges::sort(sorted);
                const bool complete = machine.lists.unreadable.empty() && machine.lists_read > 0;
                first_seen = apt::remember(std::filesystem::path(environment.data_folder) / "updates-first-seen.json",
                                           join(sorted, "\n"), machine.pending, complete, now);
            }
            seen = describe(machine, first_seen);
        }
        all[i].seen = *seen;
    }
    return all;
}

// Facts are read back from a record that may be old: what is not there counts as not seen.
std::optional<Timestamp> moment_of(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    const auto at = parse_utc(found->get_ref<const std::string&>());
    return at ? std::optional(*at) : std::nullopt;
}
std::optional<Timestamp> end_of_day(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) return std::nullopt;
    const auto day = parse_date(found->get_ref<const std::string&>());
    return day ? std::optional(Timestamp(std::chrono::sys_days(*day) + std::chrono::days(1))) : std::nullopt;
}
const json& list_of(const json& object, const char* name) {
    static const json none = json::array();
    const auto found = object.find(name);
    return found != object.end() && found->is_array() ? *found : none;
}

// "7 d" is understood in both languages; "1w" is not.
std::string span(Duration duration) {
    const auto whole = std::chrono::duration_cast<std::chrono::days>(duration);
    return whole == duration && whole.count() > 0 ? std::to_string(whole.count()) + " d" : format_duration(duration);
}

std::string release_name(const json& release) {
    const auto name = release.value("name", "");
    return name.empty() ? release.value("id", "") : name;
}

// Reasons that make the list of what is pending beside the point.
std::optional<Judgement> cannot_count(const json& seen, const policy::ParamValues& params, Timestamp now) {
    const auto because = [](Outcome outcome, Message why) { return Judgement{outcome, std::move(why), {}}; };
    if (!seen.value("dpkg", false)) return because(Outcome::unknown, msg("checks.updates-not-debian"));
    const auto release = seen.value("release", json::object());
    const auto support = end_of_day(release, "support_ends"), lts = end_of_day(release, "lts_ends");
    if (support && now >= *support && (!lts || now >= *lts))
        return because(Outcome::fail,
                       msg("checks.updates-unsupported",
                           {{"release", release_name(release)},
                            {"ended", release.value(lts && *lts > *support ? "lts_ends" : "support_ends", "")}}));
    if (seen.value("sources", 0) == 0) return because(Outcome::unknown, msg("checks.updates-no-lists"));
    if (list_of(release, "codenames").empty()) return because(Outcome::unknown, msg("checks.updates-no-codename"));
    const auto& sources = list_of(seen, "security_sources");
    if (!seen.value("covered", false)) {
        const auto codename = list_of(release, "codenames").front().get<std::string>();
        const auto other =
            std::ranges::find_if(sources, [](const json& source) { return source.value("built_in", false); });
        if (other == sources.end())
            return because(Outcome::fail, msg("checks.updates-no-security-source", {{"codename", codename}}));
        return because(Outcome::fail, msg("checks.updates-wrong-codename",
                                          {{"codename", codename}, {"found", other->value("codename", "")}}));
    }
    for (const auto& source : sources)
        if (const auto until = moment_of(source, "valid_until"); until && now > *until)
            return because(Outcome::stale, msg("checks.updates-expired", {{"source", source.value("label", "")},
                                                                          {"until", format_utc_seconds(*until)}}));
    const auto fetched = moment_of(seen, "lists_fetched");
    const auto limit = params.get("max_age_of_lists").duration;
    if (!fetched) return because(Outcome::stale, msg("checks.updates-undated-lists"));
    if (now - *fetched > limit)
        return because(Outcome::stale, msg("checks.updates-old-lists",
                                           {{"fetched", format_utc_seconds(*fetched)}, {"limit", span(limit)}}));
    return std::nullopt;
}

enum class Waiting { none, within, overdue };

// What else must be said with the number: packages held back, long-term support alone, a restart that is missing.
std::string_view reason(Waiting waiting, bool held, bool lts, bool restart) {
    static constexpr std::string_view none[] = {"checks.updates-none", "checks.updates-none-restart",
                                                "checks.updates-none-lts", "checks.updates-none-lts-restart"};
    static constexpr std::string_view within[] = {
        "checks.updates-within",          "checks.updates-within-restart",
        "checks.updates-within-lts",      "checks.updates-within-lts-restart",
        "checks.updates-within-held",     "checks.updates-within-held-restart",
        "checks.updates-within-held-lts", "checks.updates-within-held-lts-restart"};
    static constexpr std::string_view overdue[] = {
        "checks.updates-overdue",          "checks.updates-overdue-restart",
        "checks.updates-overdue-lts",      "checks.updates-overdue-lts-restart",
        "checks.updates-overdue-held",     "checks.updates-overdue-held-restart",
        "checks.updates-overdue-held-lts", "checks.updates-overdue-held-lts-restart"};
    const auto notes = (lts ? 2u : 0u) + (restart ? 1u : 0u);
    if (waiting == Waiting::none) return none[notes];
    return (waiting == Waiting::within ? within : overdue)[notes + (held ? 4u : 0u)];
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp now) {
    Judgement judgement;
    const auto& seen = facts.seen;
    const auto limit = control.params.get("critical_within").duration;

    auto rows = list_of(seen, "pending");
    const auto order = [](const json& row) {
        return std::tuple(row.value("since", ""), row.value("package", ""), row.value("architecture", ""));
    };
    std::sort(rows.begin(), rows.end(), [&](const json& a, const json& b) { return order(a) < order(b); });
    std::size_t overdue = 0, held = 0;
    auto& details = judgement.details = seen;
    details["pending"] = details["held"] = json::array();
    for (const auto& row : rows) {
        const bool is_held = row.value("held", false);
        const auto since = moment_of(row, "since");
        held += is_held ? 1 : 0;
        overdue += !since || now - *since > limit ? 1 : 0;
        auto& listed = details[is_held ? "held" : "pending"];
        if (listed.size() < most_rows) listed.push_back(row);
    }
    details["pending_count"] = rows.size();
    details["held_count"] = held;
    details["overdue_count"] = overdue;

    const auto release = seen.value("release", json::object());
    const auto support = end_of_day(release, "support_ends");
    const bool lts = support && now >= *support;  // beyond LTS too, cannot_count has judged
    const bool restart = seen.value("restart_required", false) || !seen.value("kernel_waiting", "").empty();
    details["restart_wanted"] = restart;

    const auto conclude = [&](Outcome outcome, Message why) {
        judgement.outcome = outcome;
        judgement.why = std::move(why);
        return judgement;
    };
    if (auto other = cannot_count(seen, control.params, now)) return conclude(other->outcome, std::move(other->why));

    const auto waiting = rows.empty() ? Waiting::none : overdue > 0 ? Waiting::overdue : Waiting::within;
    if (waiting != Waiting::overdue) {
        // A fix that was found counts whatever else could not be read; that none was found counts only if all could be.
        const auto& unreadable = list_of(seen, "unreadable");
        if (!unreadable.empty())
            return conclude(Outcome::unknown,
                            msg("checks.updates-unreadable", {{"count", std::to_string(unreadable.size())},
                                                              {"file", unreadable.front().get<std::string>()}}));
        if (!seen.value("covering_list", false))
            return conclude(Outcome::unknown, msg("checks.updates-no-packages-list"));
        // What was waiting already at the very first look may have been so for a year: that is not a pass.
        const auto began = seen.value("memory_began", "");
        const auto from_the_start =
            std::size_t(std::ranges::count_if(rows, [&](const json& row) { return row.value("since", "") <= began; }));
        if (from_the_start > 0 && seen.value("memory", "") != "not_writable")
            return conclude(Outcome::unknown,
                            msg("checks.updates-age-unknown", {{"count", std::to_string(from_the_start)},
                                                               {"since", began.substr(0, began.find('T'))},
                                                               {"limit", span(limit)}}));
        if (waiting == Waiting::within && seen.value("memory", "") == "not_writable")
            return conclude(Outcome::unknown,
                            msg("checks.updates-no-memory", {{"count", std::to_string(rows.size())}}));
    }
    Message why{std::string(reason(waiting, held > 0, lts, restart)), {}};
    if (waiting != Waiting::none) {
        const auto& oldest = rows.front();
        const auto since = oldest.value("since", "");
        why.params = {{"count", std::to_string(waiting == Waiting::overdue ? overdue : rows.size())},
                      {"package", oldest.value("package", "")},
                      {"version", oldest.value("available", "")},
                      {"since", since.substr(0, since.find('T'))},
                      {"limit", span(limit)},
                      {"held", std::to_string(held)}};
    }
    if (lts) {
        why.params.emplace_back("release", release_name(release));
        why.params.emplace_back("ended", release.value("support_ends", ""));
    }
    return conclude(waiting == Waiting::overdue ? Outcome::fail : Outcome::pass, std::move(why));
}

}  // namespace

const Kind& updates_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
