// Evidence packs as an attacker sends them, and the lines inside. The first byte chooses.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "log/pack/flat.hpp"
#include "log/pack/manifest.hpp"
#include "log/pack/verify.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::log::pack;
    if (size == 0) return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    if (data[0] % 4 == 0) {
        (void)Flat::parse(input);
    } else if (data[0] % 4 == 1) {
        if (const auto manifest = parse_manifest(input); manifest && manifest_text(*manifest) != input) std::abort();
    } else {
        static const std::string file = "/tmp/pack-fuzz-" + std::to_string(::getpid());
        std::ofstream(file, std::ios::binary) << input;
        (void)verify(file, {});
        ::unlink(file.c_str());
    }
    return 0;
}
