#include "checks/kind.hpp"

namespace tilsyn::checks {
namespace {
constexpr Outcome all[] = {Outcome::pass,  Outcome::fail,   Outcome::unknown,
                           Outcome::stale, Outcome::missed, Outcome::not_applicable};
}

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::pass:
            return "pass";
        case Outcome::fail:
            return "fail";
        case Outcome::unknown:
            return "unknown";
        case Outcome::stale:
            return "stale";
        case Outcome::missed:
            return "missed";
        case Outcome::not_applicable:
            return "not_applicable";
    }
    return "unknown";
}

std::optional<Outcome> parse_outcome(std::string_view text) {
    for (const auto outcome : all)
        if (to_string(outcome) == text) return outcome;
    return std::nullopt;
}

}  // namespace tilsyn::checks
