#include "checks/kind.hpp"

namespace tilsyn::checks {
namespace {

Judgement unknown(Message why) {
    Judgement judgement;
    judgement.outcome = Outcome::unknown;
    judgement.why = std::move(why);
    return judgement;
}

Result<std::vector<Facts>> collect(const Kind& kind, const CollectRequest& request) {
    try {  // a bug in one kind must not take the service with it
        return kind.collect(request);
    } catch (const std::exception& e) {
        return fail(Code::internal, "checks.threw", {{"kind", kind.spec->name}}).detail(e.what());
    }
}

Judgement judge(const Kind& kind, const CollectRequest& request, const Facts& facts) {
    if (facts.not_measured) return unknown(*facts.not_measured);
    try {
        return kind.judge(*request.control, facts, request.environment->clock->now());
    } catch (const std::exception&) {
        return unknown(msg("checks.threw", {{"kind", kind.spec->name}}));
    }
}

}  // namespace

std::vector<Judgement> run(const Kind& kind, const CollectRequest& request) {
    const auto facts = collect(kind, request);
    std::vector<Judgement> judgements;
    judgements.reserve(request.subjects.size());
    for (std::size_t i = 0; i < request.subjects.size(); ++i) {
        if (!facts)
            judgements.push_back(unknown(facts.error().message));
        else if (i >= facts->size())
            judgements.push_back(unknown(msg("checks.no-facts", {{"kind", kind.spec->name}})));
        else
            judgements.push_back(judge(kind, request, (*facts)[i]));
    }
    return judgements;
}

}  // namespace tilsyn::checks
