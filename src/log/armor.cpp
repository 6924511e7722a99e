#include "log/armor.hpp"

namespace tilsyn::log {
namespace {

constexpr std::string_view begin_line = "-----BEGIN CHECKPOINT-----", end_line = "-----END CHECKPOINT-----";

}  // namespace

std::string armored(std::string_view note) {
    return std::string(begin_line) + "\n" + std::string(note) + std::string(end_line) + "\n";
}

std::string find_note(std::string_view text) {
    std::string note;
    bool inside = false;
    for (auto rest = text; !rest.empty();) {
        const auto end = rest.find('\n');
        auto line = rest.substr(0, end);
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        while (line.starts_with('>')) line.remove_prefix(line.starts_with("> ") ? 2 : 1);
        if (line == begin_line) {
            inside = true;
            note.clear();
        } else if (line == end_line && inside) {
            return note;
        } else if (inside) {
            note.append(line).append("\n");
        }
    }
    return std::string(text);
}

}  // namespace tilsyn::log
