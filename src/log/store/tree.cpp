#include "log/store/tree.hpp"

#include <algorithm>
#include <mutex>

namespace tilsyn::log {
namespace {

constexpr int kept_level = 8;  // 256 leaves
constexpr std::int64_t kept_leaves = 1 << kept_level;

Result<Hash> as_hash(const db::Row& row, int column) {
    Hash hash{};
    const auto bytes = row.blob(column);
    if (bytes.size() != hash.size()) return fail(Code::corrupt, "log.bad-frontier").hint("log.corrupt-hint");
    std::ranges::copy(bytes, hash.begin());
    return hash;
}

Hash perfect_root(std::span<const Hash> hashes) {
    if (hashes.size() == 1) return hashes[0];
    const auto half = hashes.size() / 2;
    return node_hash(perfect_root(hashes.first(half)), perfect_root(hashes.subspan(half)));
}

}  // namespace

Result<std::vector<Hash>> leaf_hashes(db::Connection& connection, std::int64_t begin, std::int64_t end) {
    std::vector<Hash> out;
    out.reserve(std::size_t(end - begin));
    TRY_VOID(connection.each("SELECT leaf FROM log_entry WHERE idx >= ? AND idx < ? ORDER BY idx",
                             std::array<db::Value, 2>{begin, end}, [&](const db::Row& row) -> Result<bool> {
                                 TRY(const auto hash, as_hash(row, 0));
                                 out.push_back(hash);
                                 return true;
                             }));
    if (std::int64_t(out.size()) != end - begin)
        return fail(Code::corrupt, "log.entry-missing", {{"index", std::to_string(begin + std::int64_t(out.size()))}})
            .hint("log.corrupt-hint");
    return out;
}

struct Tree::Impl {
    std::mutex mutex;
    std::vector<std::vector<Hash>> levels;  // levels[i]: whole subtrees of level kept_level + i; guarded by mutex

    void add(const Hash& tile) {
        Hash hash = tile;
        for (std::size_t level = 0;; ++level) {
            if (level == levels.size()) levels.emplace_back();
            levels[level].push_back(hash);
            if (levels[level].size() % 2 != 0) return;
            hash = node_hash(*(levels[level].end() - 2), levels[level].back());
        }
    }

    Result<void> grow(db::Connection& connection, std::int64_t tiles) {
        auto have = levels.empty() ? 0 : std::int64_t(levels[0].size());
        if (have >= tiles) return {};
        std::vector<Hash> tile;
        tile.reserve(kept_leaves);
        std::int64_t expected = have * kept_leaves;
        TRY_VOID(connection.each("SELECT idx, leaf FROM log_entry WHERE idx >= ? AND idx < ? ORDER BY idx",
                                 std::array<db::Value, 2>{have * kept_leaves, tiles * kept_leaves},
                                 [&](const db::Row& row) -> Result<bool> {
                                     if (row.integer(0) != expected) return false;
                                     ++expected;
                                     TRY(const auto hash, as_hash(row, 1));
                                     tile.push_back(hash);
                                     if (std::int64_t(tile.size()) == kept_leaves) {
                                         add(perfect_root(tile));
                                         tile.clear();
                                     }
                                     return true;
                                 }));
        if (expected != tiles * kept_leaves)
            return fail(Code::corrupt, "log.entry-missing", {{"index", std::to_string(expected)}})
                .hint("log.corrupt-hint");
        return {};
    }

    Result<Hash> node(db::Connection& connection, NodeId id) {
        if (id.level < kept_level) {
            TRY(const auto hashes, leaf_hashes(connection, id.index << id.level, (id.index + 1) << id.level));
            return perfect_root(hashes);
        }
        const std::scoped_lock lock(mutex);
        TRY_VOID(grow(connection, (id.index + 1) << (id.level - kept_level)));
        return levels[std::size_t(id.level - kept_level)][std::size_t(id.index)];
    }
};

Tree::Tree() : impl_(std::make_unique<Impl>()) {}
Tree::~Tree() = default;

Nodes Tree::nodes(db::Connection& connection, std::int64_t size) {
    return [this, &connection, size](NodeId id) -> Result<Hash> {
        if (id.index < 0 || ((id.index + 1) << id.level) > size)
            return fail(Code::invalid, "log.no-such-entry",
                        {{"index", std::to_string(id.index << id.level)}, {"size", std::to_string(size)}});
        return impl_->node(connection, id);
    };
}

Result<Hash> Tree::root(db::Connection& connection, std::int64_t size) {
    return tree_root(size, nodes(connection, size));
}
Result<std::vector<Hash>> Tree::inclusion(db::Connection& connection, std::int64_t index, std::int64_t size) {
    return inclusion_proof(index, size, nodes(connection, size));
}
Result<std::vector<Hash>> Tree::consistency(db::Connection& connection, std::int64_t old_size, std::int64_t size) {
    return consistency_proof(old_size, size, nodes(connection, size));
}

Result<StoredHead> stored_head(db::Connection& connection) {
    TRY(const auto row, connection.one("SELECT size, frontier FROM log_head WHERE id = 1"));
    if (!row) return fail(Code::corrupt, "log.no-head").hint("log.corrupt-hint");
    TRY(const auto frontier, Frontier::from_bytes(row->integer(0), row->blob(1)));
    return StoredHead{frontier.size(), frontier.root()};
}

Result<void> each_entry(db::Connection& connection, std::int64_t begin, std::int64_t end,
                        const std::function<Result<void>(std::int64_t, std::string_view)>& use) {
    std::int64_t expected = begin;
    TRY_VOID(connection.each("SELECT idx, body FROM log_entry WHERE idx >= ? AND idx < ? ORDER BY idx",
                             std::array<db::Value, 2>{begin, end}, [&](const db::Row& row) -> Result<bool> {
                                 if (row.integer(0) != expected) return false;
                                 TRY_VOID(use(expected, row.text(1)));
                                 ++expected;
                                 return true;
                             }));
    if (expected < end)
        return fail(Code::corrupt, "log.entry-missing", {{"index", std::to_string(expected)}}).hint("log.corrupt-hint");
    return {};
}

}  // namespace tilsyn::log
