// Tar streams: what a hostile repository may hand us. Anything else than an error or entries is a fault.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "backup/manifest/tar.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn;
    std::size_t at = 0;
    const backup::TarRequest request{.read = [&](char* buffer, std::size_t room) -> Result<std::size_t> {
                                         const auto part = std::min({room, size - at, std::size_t{777}});
                                         std::copy_n(data + at, part, buffer);
                                         at += part;
                                         return part;
                                     },
                                     .roots = {"a", "srv/data"},
                                     .beginnings = {{"a/log", 5}},
                                     .linked = {"a/one"},
                                     .most = 1 << 20};
    (void)backup::read_tar(request, [](backup::Entry&& entry) -> Result<void> {
        // Whatever was read can be kept, and read again.
        const auto lines = backup::to_lines(entry);
        const auto end = lines.find('\n');
        if (!backup::parse_entry(lines.substr(0, end), lines.substr(end + 1))) std::abort();
        return {};
    });
    return 0;
}
