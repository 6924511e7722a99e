#include "checks/kind.hpp"
namespace tilsyn::checks {
std::span<const Kind> kinds() { return {}; }
const Kind* find_kind(std::string_view) { return nullptr; }
std::vector<Judgement> run(const Kind& kind, const CollectRequest& request) {
    auto facts = kind.collect(request);
    std::vector<Judgement> out;
    for (auto& f : *facts) out.push_back(kind.judge(*request.control, f, {}));
    return out;
}
}
