#include "policy/types.hpp"

#include <algorithm>

namespace tilsyn::policy {
namespace {

template <class T>
const T* by_id(const std::vector<T>& all, std::string_view id) {
    const auto found = std::ranges::find(all, id, &T::id);
    return found == all.end() ? nullptr : &*found;
}

}  // namespace

std::string Sentence::text() const {
    std::string out;
    for (const auto& phrase : phrases) {
        if (!out.empty()) out += ' ';
        out += phrase.text;
    }
    return out;
}

const Control* Policy::control(std::string_view wanted) const {
    return by_id(controls, wanted);
}
const Promise* Policy::promise(std::string_view wanted) const {
    return by_id(promises, wanted);
}
const Role* Policy::role(std::string_view wanted) const {
    return by_id(roles, wanted);
}

Result<Calendar> Policy::calendar() const {
    TRY(auto zone, Zone::find(timezone));
    return Calendar(std::move(zone), holidays == "none" ? "" : holidays, extra_holidays);
}

const ParamValue& ParamValues::get(std::string_view name) const {
    static const ParamValue nothing;
    const auto found = values_.find(name);
    return found == values_.end() ? nothing : found->second;
}

std::string_view to_string(Strength strength) {
    switch (strength) {
        case Strength::absolute:
            return "absolute";
        case Strength::main_rule:
            return "main_rule";
        case Strength::endeavour:
            return "endeavour";
        case Strength::conditional:
            return "conditional";
        case Strength::advice:
            return "advice";
        case Strength::statement:
            return "statement";
    }
    return "absolute";
}

std::string_view to_string(Severity severity) {
    switch (severity) {
        case Severity::low:
            return "low";
        case Severity::medium:
            return "medium";
        case Severity::high:
            return "high";
        case Severity::critical:
            return "critical";
    }
    return "medium";
}

std::optional<Severity> parse_severity(std::string_view text) {
    for (const auto value : {Severity::low, Severity::medium, Severity::high, Severity::critical})
        if (to_string(value) == text) return value;
    return std::nullopt;
}

std::string_view to_string(WhenEmpty when) {
    return when == WhenEmpty::unknown ? "unknown" : "not_applicable";
}

}  // namespace tilsyn::policy
