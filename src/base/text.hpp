// Small text helpers. All text inside Tilsyn is UTF-8.
#pragma once
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn {

bool valid_utf8(std::string_view text);
// Byte offset of the first byte that is not UTF-8, if any.
std::optional<std::size_t> first_invalid_utf8(std::string_view text);
// Columns a terminal uses (combining marks 0, wide East Asian and emoji 2, the rest 1).
std::size_t display_width(std::string_view text);
std::string pad_right(std::string_view text, std::size_t width);  // by display width
std::string shorten(std::string_view text, std::size_t width);    // cuts at a character, ends in "…"
std::vector<std::string> wrap(std::string_view text, std::size_t width);

std::string_view trim(std::string_view text);  // ASCII white space
std::vector<std::string_view> split(std::string_view text, char separator);
std::string join(std::span<const std::string> parts, std::string_view separator);
std::string lower_ascii(std::string_view text);

// The candidate nearest to a mistyped name, if near enough to be meant (edit distance at most a third of its length).
std::optional<std::string> nearest(std::string_view typed, std::span<const std::string> candidates);

// An identifier of ours: [a-z0-9] first, then [a-z0-9._-], at most 64 characters.
bool valid_id(std::string_view id);

}  // namespace tilsyn
