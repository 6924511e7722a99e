#include "checks/kind.hpp"
#include "checks/probe.hpp"

namespace tilsyn::checks {
namespace {

Result<std::vector<Facts>> ask_each(const Kind& kind, const CollectRequest& request) {
    std::vector<Facts> all;
    for (const auto& subject : request.subjects) {
        const auto probe = kind.prepare(*request.control, subject);
        if (!probe) {
            all.push_back({{}, probe.error().message});
            continue;
        }
        const auto answer = net::carry_out(*probe, probe_deadline(request.deadline));
        all.push_back(kind.facts(*request.control, *probe, answer, *request.environment));
    }
    return all;
}

Result<std::vector<Facts>> collect(const Kind& kind, const CollectRequest& request) {
    try {  // a bug in one kind must not take the service with it
        return kind.prepare != nullptr ? ask_each(kind, request) : kind.collect(request);
    } catch (const std::exception& e) {
        return fail(Code::internal, "checks.threw", {{"kind", kind.spec->name}}).detail(e.what());
    }
}

Judgement judge(const Kind& kind, const policy::Control& control, const Facts& facts, Timestamp now) {
    if (facts.not_measured) return not_measured(*facts.not_measured);
    try {
        return kind.judge(control, facts, now);
    } catch (const std::exception&) {
        return not_measured(msg("checks.threw", {{"kind", kind.spec->name}}));
    }
}

}  // namespace

Judgement not_measured(Message why) {
    Judgement judgement;
    judgement.outcome = Outcome::unknown;
    judgement.why = std::move(why);
    return judgement;
}

Judgement judge_answer(const Kind& kind, const policy::Control& control, const net::Probe& probe,
                       const net::Answer& answer, const Environment& environment) {
    try {
        return judge(kind, control, kind.facts(control, probe, answer, environment), environment.clock->now());
    } catch (const std::exception&) {
        return not_measured(msg("checks.threw", {{"kind", kind.spec->name}}));
    }
}

std::vector<Judgement> run(const Kind& kind, const CollectRequest& request) {
    const auto facts = collect(kind, request);
    std::vector<Judgement> judgements;
    judgements.reserve(request.subjects.size());
    for (std::size_t i = 0; i < request.subjects.size(); ++i) {
        if (!facts)
            judgements.push_back(not_measured(facts.error().message));
        else if (i >= facts->size())
            judgements.push_back(not_measured(msg("checks.no-facts", {{"kind", kind.spec->name}})));
        else
            judgements.push_back(judge(kind, *request.control, (*facts)[i], request.environment->clock->now()));
    }
    return judgements;
}

}  // namespace tilsyn::checks
