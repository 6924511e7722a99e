// For the tests of kinds: a control as policy.toml would give it, and recorded facts judged.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "policy/load.hpp"

namespace tilsyn::checks {

// A policy with one control. `check` is what stands below [control.c.check]; `control` goes beside it.
inline policy::Loaded load_check(const std::string& check, const std::string& control = {}) {
    const std::string text = R"(schema = 1
id = "t"
title = { da = "Prøve", en = "Test" }
company = "Test"
[role.it]
title = { da = "IT", en = "IT" }
[section.s]
title = { da = "Afsnit", en = "Section" }
text.da = """
Vi prøver {P1}.
"""
text.en = """
We test {P1}.
"""
[promise.P1]
[control.c]
title = { da = "Kontrol", en = "Control" }
promises = ["P1"]
every = "1 day"
owner = "it"
)" + control + "\n[control.c.check]\n" +
                             check + "\n";
    return policy::load({{"policy.toml", text}}, "policy.toml", kind_specs());
}

inline policy::Control control_of(const std::string& check, const std::string& control = {}) {
    auto loaded = load_check(check, control);
    for (const auto& fault : loaded.faults) ADD_FAILURE() << render(fault, Lang::en);
    return loaded.policy.controls.empty() ? policy::Control{} : loaded.policy.controls.front();
}

// Keys of the faults, with the line below `[control.c.check]` and the column: "2:7 bad-url".
inline std::string faults_of_check(const std::string& check) {
    constexpr int first_line = 22;
    std::string out;
    for (const auto& fault : load_check(check).faults)
        out += (out.empty() ? "" : " ") + std::to_string(fault.where ? fault.where->line - first_line : 0) + ":" +
               std::to_string(fault.where ? fault.where->column : 0) + " " + fault.message.key;
    return out;
}

inline Judgement judge_facts(const std::string& kind, const policy::Control& control, nlohmann::json seen) {
    return find_kind(kind)->judge(control, Facts{std::move(seen), std::nullopt}, {});
}

inline std::string said(const Judgement& judgement) {
    return std::string(to_string(judgement.outcome)) + ": " +
           (judgement.why.key.empty() ? "" : render(judgement.why, Lang::en));
}

}  // namespace tilsyn::checks
