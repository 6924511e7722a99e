// Proof files, tile paths and bundles.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "log/tiles.hpp"
#include "log/tlog_proof.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::log;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (const auto proof = parse_tlog_proof(input)) {
        const auto again = parse_tlog_proof(to_string(*proof));
        if (!again || to_string(*again) != to_string(*proof)) std::abort();
    }
    if (const auto tile = parse_tile_path(input); tile && tile_path(*tile) != input) std::abort();
    if (!input.empty()) (void)parse_bundle(input.substr(1), static_cast<unsigned char>(input[0]) + 1);
    return 0;
}
