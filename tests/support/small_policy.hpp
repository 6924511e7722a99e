// For tests: a policy of one section and one promise, P1, with the controls that are given.
#pragma once
#include <string>
#include <string_view>

namespace tilsyn::test {

inline std::string small_policy(std::string_view controls) {
    return R"(schema = 1
id = "small"
title = { da = "Lille", en = "Small" }
company = "Test"
timezone = "Europe/Copenhagen"
holidays = "none"
[role.it]
title = { da = "Drift", en = "IT" }
[section.a]
title = { da = "A", en = "A" }
text.da = "Alt kontrolleres {P1}."
text.en = "All is checked {P1}."
[promise.P1]
strength = "absolute"
)" + std::string(controls);
}

}  // namespace tilsyn::test
