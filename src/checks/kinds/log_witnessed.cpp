// log_witnessed: has somebody outside vouched for the control log lately? Batch over the company.
#include <algorithm>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/recorded.hpp"
#include "log/store/witnessed.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;
using policy::ParamType;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "log_witnessed";
        s.title = {"Somebody outside vouches for the control log", "Nogen udefra står inde for kontrolloggen"};
        s.summary = {
            "Looks for the newest checkpoint of the control log that enough witnesses have cosigned, and for the "
            "newest "
            "time stamp. A pass means that the log up to then cannot be rewritten without somebody outside seeing it.",
            "Finder kontrolloggens nyeste checkpoint, som nok vidner har medunderskrevet, og det nyeste tidsstempel. "
            "Består den, kan loggen til og med da ikke skrives om, uden at nogen udefra opdager det."};
        s.params = {
            {.name = "max_age",
             .type = ParamType::duration,
             .default_value = "\"26 hours\"",
             .help = {"An older newest cosigned checkpoint is a fail.",
                      "Er det nyeste medunderskrevne checkpoint ældre, er det en fejl."}},
            {.name = "max_stamp_age",
             .type = ParamType::duration,
             .default_value = "\"50 hours\"",
             .help = {"An older newest time stamp is a fail, where there have been any.",
                      "Er det nyeste tidsstempel ældre, er det en fejl, hvis der har været nogen."}},
        };
        s.mode = policy::Mode::batch;
        return s;
    }();
    return made;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    const auto& environment = *request.environment;
    TRY(const auto policy, log::read_witness_policy(std::filesystem::path(environment.data_folder) / "witnesses"));
    TRY(const auto reader, environment.readers->get(request.deadline));
    reader->set_deadline(request.deadline);
    TRY(const auto witnessed, log::newest_witnessed(*reader, policy));
    TRY(const auto cosigned, reader->one("SELECT count(*) FROM log_cosignature"));
    TRY(const auto stamp, reader->one("SELECT max(stamped_at) FROM log_stamp"));
    Facts facts;
    // Once there have been witnesses, taking the file away does not make the question go away.
    facts.seen["asked"] = (policy && policy->asks_for_witnesses()) || cosigned->integer(0) > 0;
    if (witnessed)
        facts.seen["witnessed"] = {
            {"at", format_utc_seconds(witnessed->at)}, {"size", witnessed->checkpoint.size}, {"by", witnessed->by}};
    if (!stamp->null(0)) facts.seen["stamped"] = format_utc_seconds(stamp->time(0));
    return std::vector<Facts>(request.subjects.size(), facts);
}

// The age of a moment that the facts hold; nullopt: they hold none.
std::optional<Duration> age_of(const json& moment, Timestamp now) {
    if (!moment.is_string()) return std::nullopt;
    const auto at = parse_utc(moment.get<std::string>());
    return at ? std::optional(now - *at) : std::nullopt;
}

std::string hours(Duration duration) {
    return format_duration(std::chrono::floor<std::chrono::hours>(duration));
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp now) {
    const auto& seen = facts.seen;
    const auto witnessed = age_of(seen.value("/witnessed/at"_json_pointer, json()), now);
    const auto stamped = age_of(seen.value("stamped", json()), now);
    const bool asked = seen.value("asked", false);
    const auto max_age = control.params.get("max_age").duration;
    const auto max_stamp_age = control.params.get("max_stamp_age").duration;
    if (asked && !witnessed) return {Outcome::fail, msg("checks.log-never-witnessed"), seen};
    if (asked && *witnessed > max_age)
        return {Outcome::fail, msg("checks.log-witnessed-long-ago", {{"age", hours(*witnessed)}}), seen};
    if (stamped && *stamped > max_stamp_age)
        return {Outcome::fail, msg("checks.log-stamped-long-ago", {{"age", hours(*stamped)}}), seen};
    if (asked) {
        std::vector<std::string> names = seen["witnessed"]["by"];
        return {Outcome::pass,
                msg("checks.log-witnessed", {{"names", join(names, ", ")},
                                             {"size", std::to_string(seen["witnessed"]["size"].get<std::int64_t>())}}),
                seen};
    }
    if (stamped) return {Outcome::pass, msg("checks.log-only-stamped"), seen};
    return {Outcome::not_applicable, msg("checks.log-not-witnessed"), seen};
}

}  // namespace

const Kind& log_witnessed_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
