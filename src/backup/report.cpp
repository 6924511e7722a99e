#include "backup/report.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup/details.hpp"
#include "backup/source.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr auto clock_slack = std::chrono::minutes(5);
constexpr std::size_t longest_id = 200;

// What it says, in the same words whichever program it was. Of what is not there, or not a number, nothing is said.
struct Said {
    std::optional<std::int64_t> files, bytes;
    std::int64_t added = 0;
    std::string set;
    std::optional<Timestamp> started;
    bool warned = false;  // the exit code stands for "there is a set, but not of all of it"
};

std::optional<std::int64_t> number(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    const auto value = found->get<double>();
    return value >= 0 && value < 9e15 ? std::optional(std::int64_t(value)) : std::nullopt;
}
std::string text(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>().substr(0, longest_id)
                                                       : std::string();
}
std::optional<Timestamp> before(Timestamp now, std::optional<double> seconds) {
    if (!seconds || *seconds < 0 || *seconds > 30 * 86400.0) return std::nullopt;
    return now - std::chrono::duration_cast<Duration>(std::chrono::duration<double>(*seconds));
}
std::optional<double> real(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? std::optional(found->get<double>()) : std::nullopt;
}

Said of_restic(std::string_view output, int exit_code, Timestamp now) {
    Said said{.warned = exit_code == 3};
    for (const auto line : split(output, '\n')) {
        const auto object = json::parse(line, nullptr, false);
        if (!object.is_object() || text(object, "message_type") != "summary") continue;
        said.files = number(object, "total_files_processed");
        said.bytes = number(object, "total_bytes_processed");
        said.added = number(object, "data_added").value_or(0);
        said.set = text(object, "snapshot_id");
        said.started = before(now, real(object, "total_duration"));
    }
    return said;
}

Said of_borg(std::string_view output, int exit_code, Timestamp now) {
    Said said{.warned = exit_code == 1 || exit_code >= 100};
    const auto object = json::parse(output, nullptr, false);
    const auto archive = object.is_object() ? object.value("archive", json::object()) : json::object();
    if (!archive.is_object()) return said;
    said.set = text(archive, "id");
    said.started = before(now, real(archive, "duration"));
    const auto stats = archive.value("stats", json::object());
    if (!stats.is_object()) return said;
    said.files = number(stats, "nfiles");
    said.bytes = number(stats, "original_size");
    said.added = number(stats, "deduplicated_size").value_or(0);
    return said;
}

Said of_other(std::string_view output) {
    Said said;
    const auto object = json::parse(output, nullptr, false);
    if (!object.is_object()) return said;
    said.files = number(object, "files");
    said.bytes = number(object, "bytes");
    said.set = text(object, "set");
    if (const auto at = parse_utc(text(object, "started_at"))) said.started = *at;
    return said;
}

}  // namespace

Result<Set> judge_report(const Plan& plan, const Report& report, Timestamp now, const std::vector<Set>& earlier) {
    Said said;
    if (report.engine == "restic")
        said = of_restic(report.output, report.exit_code, now);
    else if (report.engine == "borg")
        said = of_borg(report.output, report.exit_code, now);
    else if (report.engine == "other")
        said = of_other(report.output);
    else
        return fail(Code::invalid, "backup.unknown-reporter", {{"engine", report.engine}});
    Details details;
    Set set{.id = random_id(),
            .plan = plan.id,
            .data_set = plan.data_set,
            .repository = plan.repository,
            .state = SetState::made,
            .started = said.started.value_or(now),
            .engine_set = said.set,
            .files = said.files.value_or(0),
            .bytes = said.bytes.value_or(0),
            .added = said.added};
    const bool there = said.files.has_value() && (report.exit_code == 0 || said.warned);
    if (report.exit_code != 0)
        details.why(msg("backup.reported-exit", {{"code", std::to_string(report.exit_code)}}));
    else if (!said.files)
        details.why(msg("backup.reported-nothing"));
    else if (set.files == 0)
        details.why(msg("backup.reported-empty"));
    if (there && set.started > now + clock_slack)
        details.why(msg("backup.why-clock", {{"at", format_utc_seconds(set.started)}}));
    const auto made = std::ranges::find(earlier, SetState::made, &Set::state);
    if (there && made != earlier.end() && is_much_less({made->files, made->bytes}, {set.files, set.bytes}))
        details.why(msg("backup.why-fell", {{"before", std::to_string(made->files)},
                                            {"left", std::to_string(set.files)},
                                            {"bytes_before", std::to_string(made->bytes)},
                                            {"bytes_left", std::to_string(set.bytes)}}));
    if (!there)
        set.state = SetState::failed;
    else if (details.any())
        set.state = SetState::partial;
    details["reported_by"] = report.by;
    details["engine"] = report.engine;
    set.details = details.text();
    return set;
}

Result<Set> enter_report(log::Committer& committer, db::Connection& reader, const Plan& plan, const Report& report,
                         Timestamp now) {
    if (plan.run_by != RunBy::reported) return fail(Code::conflict, "backup.not-reported", {{"plan", plan.id}});
    TRY(const auto earlier, sets_of(reader, plan.id));
    TRY(auto set, judge_report(plan, report, now, earlier));
    // Told twice, it is still one set: whoever did not get our answer tries again.
    const auto known = std::ranges::find(earlier, set.engine_set, &Set::engine_set);
    if (!set.engine_set.empty() && known != earlier.end()) return *known;
    TRY_VOID(begin_set(committer, set));
    TRY_VOID(end_set(committer, set));
    return set;
}

}  // namespace tilsyn::backup
