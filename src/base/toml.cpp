#include "base/toml.hpp"

#include <optional>
#include <string>

namespace tilsyn {
namespace {

// Steps over the string that opens at `i`; the offset after it.
std::size_t skip_string(std::string_view s, std::size_t i) {
    const char quote = s[i];
    const std::string_view three = quote == '"' ? "\"\"\"" : "'''";
    const bool many = s.substr(i).starts_with(three);
    for (i += many ? 3 : 1; i < s.size(); ++i) {
        if (quote == '"' && s[i] == '\\')
            ++i;
        else if (!many && s[i] == '\n')
            return i;
        else if (s[i] == quote && !many)
            return i + 1;
        else if (s[i] == quote && s.substr(i).starts_with(three)) {
            i += 3;
            for (int extra = 0; extra < 2 && i < s.size() && s[i] == quote; ++extra) ++i;  // they belong to the text
            return i;
        }
    }
    return s.size();
}

toml::source_position position_of(std::string_view s, std::size_t offset) {
    toml::source_position at{1, 1};
    for (std::size_t i = 0; i < offset; ++i) {
        if (s[i] == '\n')
            at = {at.line + 1, 1};
        else if ((s[i] & 0xC0) != 0x80)
            ++at.column;
    }
    return at;
}

std::optional<std::size_t> too_many_dots(std::string_view s) {
    int dots = 0;
    for (std::size_t i = 0; i < s.size();) {
        if (s[i] == '"' || s[i] == '\'') {
            i = skip_string(s, i);
            continue;
        }
        if (s[i] == '#') {
            while (i < s.size() && s[i] != '\n') ++i;
            continue;
        }
        if (s[i] == '\n' || s[i] == '=' || s[i] == ',' || s[i] == '[' || s[i] == ']') dots = 0;
        if (s[i] == '.' && ++dots > max_toml_dots) return i;
        ++i;
    }
    return std::nullopt;
}

toml::parse_result fault(std::string words, toml::source_position at, std::string_view file) {
    return toml::parse_result(
        toml::parse_error(std::move(words), toml::source_region{at, at, std::make_shared<const std::string>(file)}));
}

bool asserts(std::string_view text) {
    try {
        (void)toml::parse(text);
        return false;
    } catch (const std::logic_error&) {
        return true;
    }
}

// An assertion has no place. The shortest run of whole lines that still meets it ends in the line at fault, since the
// parser reads from front to back.
std::size_t asserting_line(std::string_view text) {
    std::vector<std::size_t> ends;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '\n') ends.push_back(i + 1);
    ends.push_back(text.size());
    std::size_t low = 0, high = ends.size() - 1;
    while (low < high) {
        const auto middle = (low + high) / 2;
        if (asserts(text.substr(0, ends[middle])))
            high = middle;
        else
            low = middle + 1;
    }
    return low + 1;
}

}  // namespace

toml::parse_result parse_toml(std::string_view text, std::string_view file) {
    if (const auto dots = too_many_dots(text))
        return fault("a name with too many dots", position_of(text, *dots), file);
    try {
        return toml::parse(text, file);
    } catch (const std::logic_error& e) {
        return fault(e.what(), {toml::source_index(asserting_line(text)), 1}, file);
    }
}

}  // namespace tilsyn
