// The table of contents of a pack, signed: a note whose text is
//   tilsyn.org/evidence-pack@v1
//   <SHA-256, hex> <bytes> <SHA-256 of the bytes as packed> <name>     each member but this one, by name
// The first hash is for people (sha256sum of an unpacked file), the other holds every bit of the container. The
// manifest itself is not packed. Its first two lines can be no checkpoint (the second is no number), so that no
// signature serves for both.
#pragma once
#include <map>
#include <string>
#include <string_view>

#include "crypto/hash.hpp"
#include "log/note.hpp"

namespace tilsyn::log::pack {

inline constexpr std::string_view manifest_name = "MANIFEST";

struct Listed {
    crypto::Sha256 hash{};
    std::uint64_t size = 0;
    crypto::Sha256 packed{};
    bool operator==(const Listed&) const = default;
};
using Manifest = std::map<std::string, Listed, std::less<>>;

std::string manifest_text(const Manifest& manifest);
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace tilsyn::log::pack
