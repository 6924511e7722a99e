#include "log/store/export.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::log {
namespace {

Result<void> put(const std::filesystem::path& path, std::string_view content) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", path.string()}}).detail(error.message());
    return write_file(path, content);
}

// How far an earlier call came; what it wrote must be the beginning of this log.
Result<std::int64_t> exported_before(db::Connection& reader, Tree& tree, std::int64_t size, const VerifierKey& key,
                                     const std::filesystem::path& folder) {
    const auto file = folder / "checkpoint";
    if (!std::filesystem::exists(file)) return 0;
    TRY(const auto bytes, read_file(file, most_note_bytes));
    const auto other = [&](std::string detail) {
        return fail(Code::conflict, "log.export-other", {{"path", folder.string()}}).detail(std::move(detail));
    };
    const auto opened = open_checkpoint(bytes, key);
    if (!opened) return other(render(opened.error(), Lang::en));
    const auto& before = opened->checkpoint;
    if (before.size > size) return other("it holds more entries");
    TRY(const auto root, tree.root(reader, before.size));
    if (root != before.root) return other("its entries are others");
    return before.size;
}

}  // namespace

Result<std::string> tile_bytes(db::Connection& reader, Tree& tree, std::int64_t size, const Tile& tile) {
    const auto none = [&] { return fail(Code::not_found, "log.no-tile", {{"path", tile_path(tile)}}); };
    const int level = tile.level == entries_level ? 0 : tile.level;
    // Hashes of this level in the tree; beyond level 7 a tile covers more leaves than there can be.
    const auto hashes = level > 7 ? 0 : size >> (8 * level);
    const auto first = tile.index * tile_width;
    if (tile.index > hashes / tile_width || first + tile.width > hashes) return none();
    std::string out;
    if (tile.level == entries_level) {
        TRY_VOID(
            each_entry(reader, first, first + tile.width, [&](std::int64_t, std::string_view body) -> Result<void> {
                append_to_bundle(out, body);
                return {};
            }));
        return out;
    }
    out.reserve(std::size_t(tile.width) * sizeof(Hash));
    if (level == 0) {
        TRY(const auto leaves, leaf_hashes(reader, first, first + tile.width));
        for (const auto& leaf : leaves) out += crypto::as_text(leaf);
        return out;
    }
    const auto nodes = tree.nodes(reader, size);
    for (int i = 0; i < tile.width; ++i) {
        TRY(const auto hash, nodes({8 * level, first + i}));
        out += crypto::as_text(hash);
    }
    return out;
}

Result<Exported> export_log(db::Connection& reader, Tree& tree, const StoredCheckpoint& checkpoint,
                            const VerifierKey& key, const std::filesystem::path& folder,
                            const std::function<void(std::int64_t, std::int64_t)>& progress) {
    Exported out{checkpoint.size, 0};
    TRY(const auto before, exported_before(reader, tree, checkpoint.size, key, folder));
    auto files = bundles_of(checkpoint.size, before);
    const auto tiles = tiles_of(checkpoint.size, before);
    files.insert(files.end(), tiles.begin(), tiles.end());
    for (std::size_t i = 0; i < files.size(); ++i) {
        const auto path = folder / tile_path(files[i]);
        // A whole tile never changes, and write_file leaves no half file: what a call before this one wrote is good.
        if (!(files[i].whole() && std::filesystem::exists(path))) {
            TRY(const auto bytes, tile_bytes(reader, tree, checkpoint.size, files[i]));
            TRY_VOID(put(path, bytes));
            ++out.files;
        }
        if (progress) progress(std::int64_t(i) + 1, std::int64_t(files.size()));
    }
    TRY_VOID(put(folder / "checkpoint", checkpoint.note));
    return out;
}

}  // namespace tilsyn::log
