// Notes, checkpoints and verifier keys as a stranger sends them: what parses is written back as it was.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "log/checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::log;
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    if (const auto note = parse_note(input)) {
        if (to_string(*note) != input) std::abort();
        (void)open_note(*note, {});
        if (const auto checkpoint = parse_checkpoint(note->text); checkpoint && to_text(*checkpoint) != note->text)
            std::abort();
    }
    if (const auto key = parse_vkey(input); key && to_string(*key) != input) std::abort();
    if (const auto checkpoint = parse_checkpoint(input); checkpoint && to_text(*checkpoint) != input) std::abort();
    return 0;
}
