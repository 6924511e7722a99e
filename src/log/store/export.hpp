// The log as static files that any web server or object store can serve: C2SP tlog-tiles, with the checkpoint.
#pragma once
#include <filesystem>
#include <functional>

#include "log/store/checkpoints.hpp"
#include "log/store/tree.hpp"
#include "log/tiles.hpp"

namespace tilsyn::log {

struct Exported {
    std::int64_t size = 0;   // entries that are there now
    std::int64_t files = 0;  // written by this call
};

// Writes what is missing of DIR/tile/... and then DIR/checkpoint, each file whole or not at all: cut off at any point,
// the next call goes on. Code::conflict: the folder holds another log, or another history of this one.
Result<Exported> export_log(db::Connection& reader, Tree& tree, const StoredCheckpoint& checkpoint,
                            const VerifierKey& key, const std::filesystem::path& folder,
                            const std::function<void(std::int64_t done, std::int64_t total)>& progress = {});

// One file of it, made on demand. Code::not_found: a tree of that size has no such tile.
Result<std::string> tile_bytes(db::Connection& reader, Tree& tree, std::int64_t size, const Tile& tile);

}  // namespace tilsyn::log
