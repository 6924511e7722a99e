// How much of the published text a control stands behind, and how much of that a machine checks.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "policy/types.hpp"

namespace tilsyn::policy {

enum class Cover {
    covered,     // every phrase has a promise with a control, or is marked as promising nothing
    partly,      // some have, some have not
    uncovered,   // none has
    no_promise,  // all of it is marked as promising nothing
};
std::string_view to_string(Cover cover);

struct CoveredSentence {
    std::string text;
    Cover state = Cover::uncovered;
    std::vector<std::string> promises;         // marked in it
    std::vector<std::string> unmarked;         // phrases with no marker at all
    std::vector<std::string> without_control;  // promises marked in it that no control keeps
};
struct CoveredSection {
    std::string id;
    Text title;
    std::vector<CoveredSentence> sentences;
    std::size_t count(Cover state) const;
};
struct Coverage {
    std::vector<CoveredSection> sections;
    std::vector<std::string> kept;      // promises with a control
    std::vector<std::string> not_kept;  // promises without
    std::vector<std::string> machine;   // promises with a control that no person signs
    std::size_t promises() const { return kept.size() + not_kept.size(); }
    double machine_share() const {
        return promises() == 0 ? 0.0 : double(machine.size()) / double(promises());
    }  // of all
    std::size_t count(Cover state) const;  // sentences
};

// `lang`: the language whose sentences are counted. A kind that is not among `kinds` counts as signed by a person.
Coverage coverage(const Policy& policy, std::span<const KindSpec* const> kinds, Lang lang);
nlohmann::json to_json(const Coverage& coverage);

}  // namespace tilsyn::policy
