#include "monitor/target.hpp"

#include <algorithm>

namespace tilsyn::monitor {
namespace {

using std::chrono::seconds;

std::optional<Seen> state_of(std::string_view outcome) {
    if (outcome == "pass") return Seen::up;
    if (outcome == "fail") return Seen::down;
    if (outcome == "unknown") return Seen::unmeasured;
    return std::nullopt;
}

WatchRules rules_of(const policy::Control& control) {
    return {control.cadence.interval, control.retries, std::max<Duration>(control.retry_after, seconds(1))};
}

}  // namespace

std::int64_t longest_gap_ms(const policy::Control& control) {
    const auto span = 2 * control.cadence.interval + control.timeout + seconds(2);
    return std::chrono::duration_cast<std::chrono::milliseconds>(span).count();
}

Timestamp Target::next_turn(Timestamp after) const {
    const auto every = control->cadence.interval.count();
    const auto place = std::int64_t(phase % std::uint64_t(every));
    const auto turns = (to_micros(after) - place) / every + (to_micros(after) < place ? 0 : 1);
    return from_micros(place + turns * every);
}

Target make_target(TargetId id, const std::shared_ptr<const schedule::Plan>& plan, const schedule::Watched& watched,
                   const Recovered& recovered) {
    const auto& control = *watched.control;
    const auto last = recovered.last.find(id);
    const auto open = recovered.open.find(id);
    const auto still_open = open == recovered.open.end() ? std::nullopt : std::optional(open->second);
    Target target{.id = id,
                  .plan = plan,
                  .control = &control,
                  .kind = plan->kind(control),
                  .subject = watched.subject,
                  .probe = net::Probe(),
                  .phase = plan->phase(control, watched.subject.id),
                  .watcher = Watcher(rules_of(control), state_of(watched.outcome)),
                  .tracker = last == recovered.last.end()
                                 ? SpanTracker(longest_gap_ms(control))
                                 : SpanTracker(longest_gap_ms(control), last->second, still_open),
                  .hours = {},
                  .said = {},
                  .entry_due = watched.outcome.empty() ? Timestamp::max() : watched.entry_due};
    target.probe = target.kind->prepare(control, target.subject);
    for (auto hour = recovered.hours.lower_bound({id, 0}); hour != recovered.hours.end() && hour->first.first == id;
         ++hour)
        target.hours.emplace(hour->first.second, hour->second);
    return target;
}

void renew(Target& target, const std::shared_ptr<const schedule::Plan>& plan, const schedule::Watched& watched) {
    const auto& control = *watched.control;
    const bool same_rules = target.control->definition == control.definition;
    target.plan = plan;
    target.control = &control;
    target.kind = plan->kind(control);
    if (!same_rules) target.watcher = Watcher(rules_of(control), target.watcher.state());
    if (same_rules && target.subject.fields == watched.subject.fields) return;
    target.subject = watched.subject;
    target.phase = plan->phase(control, watched.subject.id);
    target.probe = target.kind->prepare(control, target.subject);
}

}  // namespace tilsyn::monitor
