#include "log/pack/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "log/checkpoint.hpp"
#include "log/pack/zip.hpp"

namespace tilsyn::log::pack {
namespace {

constexpr std::string_view heading = "tilsyn.org/evidence-pack@v1";

}  // namespace

std::string manifest_text(const Manifest& manifest) {
    std::string out = fmt::format("{}\n", heading);
    for (const auto& [name, listed] : manifest)
        out += fmt::format("{} {} {} {}\n", crypto::hex(listed.hash), listed.size, crypto::hex(listed.packed), name);
    return out;
}

Result<Manifest> parse_manifest(std::string_view text) {
    const auto refuse = [] { return fail(Code::corrupt, "log.pack-manifest"); };
    if (!text.ends_with('\n')) return refuse();
    const auto lines = split(text.substr(0, text.size() - 1), '\n');
    if (lines.front() != heading || lines.size() > most_members + 1) return refuse();
    Manifest manifest;
    for (std::size_t i = 1; i < lines.size(); ++i) {
        const auto words = split(lines[i], ' ');
        if (words.size() != 4 || !valid_member_name(words[3])) return refuse();
        const auto hash = crypto::parse_hex(words[0]);
        const auto size = parse_decimal(words[1]);
        const auto packed = crypto::parse_hex(words[2]);
        Listed listed;
        if (!hash || hash->size() != listed.hash.size() || !size || !packed || packed->size() != listed.packed.size())
            return refuse();
        std::ranges::copy(*hash, listed.hash.begin());
        std::ranges::copy(*packed, listed.packed.begin());
        listed.size = std::uint64_t(*size);
        if (!manifest.emplace(words[3], listed).second) return refuse();
    }
    if (manifest_text(manifest) != text) return refuse();
    return manifest;
}

}  // namespace tilsyn::log::pack
