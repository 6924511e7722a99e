// Entries of a manifest as a stranger writes them: what parses is written back and parses to the same, and its path
// stays below the base.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "backup/manifest/entry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::backup;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto end = input.find('\n');
    const auto own = end == input.npos ? std::string_view() : input.substr(0, end);
    const auto entry = parse_entry(own, end == input.npos ? input : input.substr(end + 1));
    if (!entry) return 0;
    if (entry->path.empty() || entry->path.front() == '/' ||
        ("/" + entry->path + "/").find("/../") != std::string::npos)
        std::abort();
    const auto lines = to_lines(*entry);
    const auto middle = lines.find('\n');
    const auto again = parse_entry(lines.substr(0, middle), lines.substr(middle + 1));
    if (!again || to_lines(*again) != lines) std::abort();
    return 0;
}
