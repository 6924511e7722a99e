#include "log/tiles.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/text.hpp"

namespace tilsyn::log {
namespace {

constexpr int most_level = 63;

Fail malformed(std::string_view path) {
    return fail(Code::invalid, "log.bad-tile-path", {{"path", std::string(path)}});
}

bool parse_digits(std::string_view text, std::int64_t& out) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return error == std::errc() && end == text.data() + text.size() && !text.starts_with('-');
}

std::vector<Tile> row(int level, std::int64_t hashes, std::int64_t from) {
    std::vector<Tile> out;
    for (std::int64_t index = from / tile_width; index < hashes / tile_width; ++index)
        out.push_back({level, index, tile_width});
    if (const int width = int(hashes % tile_width); width > 0) out.push_back({level, hashes / tile_width, width});
    return out;
}

}  // namespace

std::string tile_path(const Tile& tile) {
    std::string number = fmt::format("{:03}", tile.index % 1000);
    for (auto rest = tile.index / 1000; rest > 0; rest /= 1000) number = fmt::format("x{:03}/{}", rest % 1000, number);
    auto path = tile.level == entries_level ? "tile/entries/" + number : fmt::format("tile/{}/{}", tile.level, number);
    if (!tile.whole()) path += fmt::format(".p/{}", tile.width);
    return path;
}

Result<Tile> parse_tile_path(std::string_view path) {
    const auto parts = split(path, '/');
    Tile tile;
    std::size_t last = parts.size();
    if (last < 3 || parts[0] != "tile") return malformed(path);
    std::int64_t number = 0;
    if (parts[1] == "entries") {
        tile.level = entries_level;
    } else {
        if (!parse_digits(parts[1], number) || number > most_level) return malformed(path);
        tile.level = int(number);
    }
    auto final_group = parts[last - 1];
    if (parts[last - 2].ends_with(".p")) {
        if (last < 4 || !parse_digits(parts[last - 1], number) || number < 1 || number >= tile_width)
            return malformed(path);
        tile.width = int(number);
        --last;
        final_group = parts[last - 1].substr(0, parts[last - 1].size() - 2);
    }
    for (std::size_t i = 2; i < last; ++i) {
        const bool is_last = i + 1 == last;
        auto group = is_last ? final_group : parts[i];
        if (!is_last && !group.starts_with('x')) return malformed(path);
        if (!is_last) group.remove_prefix(1);
        if (group.size() != 3 || !parse_digits(group, number) || tile.index > INT64_MAX / 1000 - 1)
            return malformed(path);
        tile.index = tile.index * 1000 + number;
    }
    if (tile_path(tile) != path) return malformed(path);  // one name each: no leading groups of zeros
    return tile;
}

std::vector<Tile> tiles_of(std::int64_t size, std::int64_t from) {
    std::vector<Tile> out;
    for (int level = 0; size > 0; ++level, size /= tile_width, from /= tile_width) {
        auto tiles = row(level, size, from);
        out.insert(out.end(), tiles.begin(), tiles.end());
    }
    return out;
}

std::vector<Tile> bundles_of(std::int64_t size, std::int64_t from) {
    return row(entries_level, size, from);
}

void append_to_bundle(std::string& bundle, std::string_view entry) {
    bundle += char(entry.size() >> 8);
    bundle += char(entry.size());
    bundle += entry;
}

Result<std::vector<std::string_view>> parse_bundle(std::string_view bytes, int width) {
    std::vector<std::string_view> entries;
    entries.reserve(std::size_t(width));
    while (!bytes.empty()) {
        if (bytes.size() < 2) return fail(Code::invalid, "log.bad-bundle");
        const auto length =
            std::size_t(static_cast<unsigned char>(bytes[0])) << 8 | static_cast<unsigned char>(bytes[1]);
        if (bytes.size() - 2 < length) return fail(Code::invalid, "log.bad-bundle");
        entries.push_back(bytes.substr(2, length));
        bytes.remove_prefix(2 + length);
    }
    if (entries.size() != std::size_t(width)) return fail(Code::invalid, "log.bad-bundle");
    return entries;
}

}  // namespace tilsyn::log
