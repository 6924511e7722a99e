// Inclusion and consistency proofs. Building: RFC 6962 section 2.1.1 and 2.1.2; verifying: RFC 9162 section 2.1.3.2
// and 2.1.4.2, which decide for every size without recursion.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "log/merkle.hpp"

namespace tilsyn::log {

// The perfect subtree over the 2^level leaves from (index << level) on.
struct NodeId {
    int level = 0;
    std::int64_t index = 0;
    bool operator==(const NodeId&) const = default;
};
using Nodes = std::function<Result<Hash>(NodeId)>;

// The root over leaves [begin, end); begin is a multiple of the smallest power of two that is not below end - begin.
Result<Hash> range_root(std::int64_t begin, std::int64_t end, const Nodes& nodes);
inline Result<Hash> tree_root(std::int64_t size, const Nodes& nodes) {
    return size == 0 ? empty_root() : range_root(0, size, nodes);
}

// Code::invalid when index is not in a tree of that size, or old_size is beyond it.
Result<std::vector<Hash>> inclusion_proof(std::int64_t index, std::int64_t size, const Nodes& nodes);
Result<std::vector<Hash>> consistency_proof(std::int64_t old_size, std::int64_t new_size, const Nodes& nodes);

// Code::corrupt: the proof does not show it.
Result<void> verify_inclusion(std::int64_t index, std::int64_t size, const Hash& leaf, std::span<const Hash> proof,
                              const Hash& root);
// A tree of size 0 is the beginning of every tree, and its proof is empty.
Result<void> verify_consistency(std::int64_t old_size, const Hash& old_root, std::int64_t new_size,
                                const Hash& new_root, std::span<const Hash> proof);

}  // namespace tilsyn::log
