// A log as static files: C2SP tlog-tiles v0.1. A tile holds up to 256 hashes of one level, an entry bundle up to 256
// entries; both are immutable once full, and partial ones carry their width in their name.
//   tile/<L>/<N>[.p/<W>]         hash i = root over leaves [(N*256+i) * 256^L, ... + 256^L)
//   tile/entries/<N>[.p/<W>]     (length, 2 bytes big-endian || entry) each
// <N> stands in groups of three digits, all but the last with an x before: 1234067 is x001/x234/067.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::log {

inline constexpr int tile_width = 256;

struct Tile {
    int level = 0;  // entries: -1
    std::int64_t index = 0;
    int width = tile_width;  // 1..256
    bool operator==(const Tile&) const = default;
    bool whole() const { return width == tile_width; }
};
inline constexpr int entries_level = -1;

std::string tile_path(const Tile& tile);
Result<Tile> parse_tile_path(std::string_view path);

// The tiles of a tree of that size, level by level, or its entry bundles; `from` leaves out what a tree of that size
// had whole already.
std::vector<Tile> tiles_of(std::int64_t size, std::int64_t from = 0);
std::vector<Tile> bundles_of(std::int64_t size, std::int64_t from = 0);

void append_to_bundle(std::string& bundle, std::string_view entry);  // entry: at most 65,535 bytes
Result<std::vector<std::string_view>> parse_bundle(std::string_view bytes, int width);

}  // namespace tilsyn::log
