#include "checks/kind.hpp"

namespace tilsyn::checks {

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::pass: return "pass";
        case Outcome::fail: return "fail";
        case Outcome::unknown: return "unknown";
        case Outcome::stale: return "stale";
        case Outcome::missed: return "missed";
        case Outcome::not_applicable: return "not_applicable";
    }
    return "unknown";
}

}  // namespace tilsyn::checks
