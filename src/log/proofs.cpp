#include "log/proofs.hpp"

#include <bit>

namespace tilsyn::log {
namespace {

// Where a tree of n > 1 leaves is split: the largest power of two below n.
std::int64_t split_of(std::int64_t n) {
    return std::int64_t(std::bit_floor(std::uint64_t(n - 1)));
}

Result<void> path(std::int64_t index, std::int64_t begin, std::int64_t end, const Nodes& nodes,
                  std::vector<Hash>& out) {
    if (end - begin == 1) return {};
    const auto middle = begin + split_of(end - begin);
    const bool left = index < middle;
    TRY_VOID(left ? path(index, begin, middle, nodes, out) : path(index, middle, end, nodes, out));
    TRY(const auto sibling, left ? range_root(middle, end, nodes) : range_root(begin, middle, nodes));
    out.push_back(sibling);
    return {};
}

// `whole`: the old tree is this subtree's left edge from the very beginning, so its root is known to the verifier.
Result<void> subproof(std::int64_t old_end, std::int64_t begin, std::int64_t end, bool whole, const Nodes& nodes,
                      std::vector<Hash>& out) {
    if (old_end == end) {
        if (whole) return {};
        TRY(const auto root, range_root(begin, end, nodes));
        out.push_back(root);
        return {};
    }
    const auto middle = begin + split_of(end - begin);
    const bool left = old_end <= middle;
    TRY_VOID(left ? subproof(old_end, begin, middle, whole, nodes, out)
                  : subproof(old_end, middle, end, false, nodes, out));
    TRY(const auto sibling, left ? range_root(middle, end, nodes) : range_root(begin, middle, nodes));
    out.push_back(sibling);
    return {};
}

}  // namespace

Result<Hash> range_root(std::int64_t begin, std::int64_t end, const Nodes& nodes) {
    const auto count = std::uint64_t(end - begin);
    if (std::has_single_bit(count)) {
        const int level = std::countr_zero(count);
        return nodes({level, begin >> level});
    }
    const auto middle = begin + split_of(end - begin);
    TRY(const auto left, range_root(begin, middle, nodes));
    TRY(const auto right, range_root(middle, end, nodes));
    return node_hash(left, right);
}

Result<std::vector<Hash>> inclusion_proof(std::int64_t index, std::int64_t size, const Nodes& nodes) {
    if (index < 0 || index >= size)
        return fail(Code::invalid, "log.no-such-entry",
                    {{"index", std::to_string(index)}, {"size", std::to_string(size)}});
    std::vector<Hash> out;
    TRY_VOID(path(index, 0, size, nodes, out));
    return out;
}

Result<std::vector<Hash>> consistency_proof(std::int64_t old_size, std::int64_t new_size, const Nodes& nodes) {
    if (old_size < 0 || old_size > new_size)
        return fail(Code::invalid, "log.no-such-size",
                    {{"old", std::to_string(old_size)}, {"size", std::to_string(new_size)}});
    std::vector<Hash> out;
    if (old_size == 0 || old_size == new_size) return out;
    TRY_VOID(subproof(old_size, 0, new_size, true, nodes, out));
    return out;
}

Result<void> verify_inclusion(std::int64_t index, std::int64_t size, const Hash& leaf, std::span<const Hash> proof,
                              const Hash& root) {
    const auto wrong = [&] {
        return fail(Code::corrupt, "log.not-included",
                    {{"index", std::to_string(index)}, {"size", std::to_string(size)}});
    };
    if (index < 0 || index >= size) return wrong();
    std::int64_t node = index, last = size - 1;
    Hash hash = leaf;
    for (const auto& sibling : proof) {
        if (last == 0) return wrong();
        if ((node & 1) != 0 || node == last) {
            hash = node_hash(sibling, hash);
            while (node != 0 && (node & 1) == 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0 || hash != root) return wrong();
    return {};
}

Result<void> verify_consistency(std::int64_t old_size, const Hash& old_root, std::int64_t new_size,
                                const Hash& new_root, std::span<const Hash> proof) {
    const auto wrong = [&] {
        return fail(Code::corrupt, "log.not-consistent",
                    {{"old", std::to_string(old_size)}, {"size", std::to_string(new_size)}});
    };
    if (old_size < 0 || old_size > new_size) return wrong();
    if (old_size == 0) {
        if (proof.empty() && old_root == empty_root()) return {};
        return wrong();
    }
    if (old_size == new_size) {
        if (proof.empty() && old_root == new_root) return {};
        return wrong();
    }
    if (proof.empty()) return wrong();
    // A power of two is a whole subtree: its root is the old root, which the proof leaves out.
    std::size_t next = 0;
    Hash first = old_root;
    if (!std::has_single_bit(std::uint64_t(old_size))) first = proof[next++];
    std::int64_t node = old_size - 1, last = new_size - 1;
    while ((node & 1) != 0) {
        node >>= 1;
        last >>= 1;
    }
    Hash old_hash = first, new_hash = first;
    for (; next < proof.size(); ++next) {
        if (last == 0) return wrong();
        if ((node & 1) != 0 || node == last) {
            old_hash = node_hash(proof[next], old_hash);
            new_hash = node_hash(proof[next], new_hash);
            while (node != 0 && (node & 1) == 0) {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(new_hash, proof[next]);
        }
        node >>= 1;
        last >>= 1;
    }
    if (last != 0 || old_hash != old_root || new_hash != new_root) return wrong();
    return {};
}

}  // namespace tilsyn::log
