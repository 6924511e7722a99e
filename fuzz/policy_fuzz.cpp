// Policies from anybody, and cadences: never a crash; every fault has a place inside its file; what is without fault
// loads again the same; planned times go forward.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/text.hpp"
#include "policy/load.hpp"
#include "policy/test_kinds.hpp"

namespace {

using namespace tilsyn;
using namespace tilsyn::policy;

void require(bool good) {
    if (!good) std::abort();
}

void try_cadence(std::string_view text) {
    const auto cadence = parse_cadence(text);
    if (!cadence) {
        render(cadence.error(), Lang::da);
        return;
    }
    require(parse_cadence(cadence->text).has_value());
    require(!describe(*cadence, Lang::da).empty());
    require(typical_interval(*cadence) > Duration(0));
    static const Calendar calendar(Zone::find("Europe/Copenhagen").value(), "DK");
    auto at = parse_utc("2026-03-27T12:00:00Z").value();
    for (int i = 0; i < 4; ++i) {
        const auto next = next_planned(*cadence, calendar, at, text.size(), at);
        require(next > at);
        at = next;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(reinterpret_cast<const char*>(data), size);
    if (size < 64 && text.find('\n') == std::string::npos) try_cadence(text);
    // A form feed divides the input into two files, so that includes are met as well.
    const auto cut = text.find('\f');
    std::vector<std::pair<std::string, std::string>> files{{"policy.toml", text.substr(0, cut)}};
    if (cut != std::string::npos) files.emplace_back("a/b.toml", text.substr(cut + 1));
    const auto kinds = test::kinds();
    const auto loaded = load(files, "policy.toml", kinds);
    for (const auto* faults : {&loaded.faults, &loaded.warnings})
        for (const auto& fault : *faults) {
            require(fault.where.has_value());
            require(valid_utf8(render(fault, Lang::da)));
            for (const auto& [name, content] : files)
                if (fault.where->file == name)
                    require(fault.where->line <= 1 + std::count(content.begin(), content.end(), '\n'));
        }
    if (loaded.faults.empty()) {
        const auto again = load(loaded.policy.files, "policy.toml", kinds);
        require(again.faults.empty() && again.policy.hash == loaded.policy.hash &&
                again.policy.controls.size() == loaded.policy.controls.size());
    }
    return 0;
}
