// Delete this file when kinds/updates.cpp lands.
#include "checks/kind.hpp"
namespace tilsyn::checks {
const Kind& updates_kind() {
    static const policy::KindSpec spec = [] {
        policy::KindSpec s;
        s.name = "updates";
        s.params = {{.name = "max_age_of_lists", .type = policy::ParamType::duration, .default_value = "\"2 days\""},
                    {.name = "critical_within", .type = policy::ParamType::duration, .default_value = "\"7 days\""},
                    {.name = "security_origins", .type = policy::ParamType::text_list}};
        return s;
    }();
    static const Kind kind{&spec, [](const CollectRequest& r) -> Result<std::vector<Facts>> { return std::vector<Facts>(r.subjects.size(), Facts{{}, msg("checks.no-facts")}); },
                           [](const policy::Control&, const Facts&, Timestamp) { return Judgement{}; }};
    return kind;
}
}  // namespace tilsyn::checks
