// What apt and dpkg left on the disk, from anybody: stanzas, lists compressed in any way, heads of releases, versions.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "checks/apt/deb822.hpp"
#include "checks/apt/version.hpp"

namespace {

using namespace tilsyn::checks::apt;

constexpr std::uint64_t most_bytes =
    8u << 20;  // a small file may unpack into a very large one; its limit is tested too

void read_stanzas(std::string_view content, std::string_view ending) {
    const auto stream = memory_stream(content, ending, most_bytes);
    StanzaReader reader(*stream);
    static constexpr std::array<std::string_view, 4> names{"package", "status", "architecture", "version"};
    std::array<std::string_view, 4> values;
    std::string previous = "1.0-1";
    for (;;) {
        const auto stanza = reader.next();
        if (!stanza || !*stanza) return;
        if ((*stanza)->text().empty()) std::abort();
        (*stanza)->fields(names, values);
        const std::string version(values[3]);
        const auto order = compare_versions(previous, version);
        if (compare_versions(version, version) != 0 || compare_versions(version, previous) != (0 <=> order))
            std::abort();
        previous = version;
    }
}

// Three versions of one text: the order must hold between all of them.
void order_versions(std::string_view text) {
    const auto third = text.size() / 3;
    std::array<std::string_view, 3> v{text.substr(0, third), text.substr(third, third), text.substr(2 * third)};
    for (int pass = 0; pass < 3; ++pass)
        for (std::size_t i = 0; i + 1 < v.size(); ++i)
            if (compare_versions(v[i], v[i + 1]) > 0) std::swap(v[i], v[i + 1]);
    if (compare_versions(v[0], v[2]) > 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view content(reinterpret_cast<const char*>(data), size);
    for (const auto ending : compressed_endings()) read_stanzas(content, ending);
    parse_release(content);
    order_versions(content.substr(0, 300));
    return 0;
}
