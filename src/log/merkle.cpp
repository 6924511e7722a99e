#include "log/merkle.hpp"

#include <bit>

#include "crypto/hash.hpp"

namespace tilsyn::log {

Hash leaf_hash(std::string_view entry) {
    return crypto::sha256({std::string_view("\0", 1), entry});
}

Hash node_hash(const Hash& left, const Hash& right) {
    std::array<char, 65> block{};
    block[0] = 1;
    std::copy(left.begin(), left.end(), block.begin() + 1);
    std::copy(right.begin(), right.end(), block.begin() + 33);
    return crypto::sha256(std::string_view(block.data(), block.size()));
}

Hash empty_root() {
    return crypto::sha256("");
}

Result<Frontier> Frontier::from_bytes(std::int64_t size, std::span<const std::uint8_t> bytes) {
    if (size < 0 || bytes.size() != std::size_t(std::popcount(std::uint64_t(size))) * 32)
        return fail(Code::corrupt, "log.bad-frontier");
    Frontier frontier;
    frontier.size_ = size;
    frontier.nodes_.resize(bytes.size() / 32);
    for (std::size_t i = 0; i < bytes.size(); ++i) frontier.nodes_[i / 32][i % 32] = bytes[i];
    return frontier;
}

std::vector<std::uint8_t> Frontier::to_bytes() const {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(nodes_.size() * 32);
    for (const auto& node : nodes_) bytes.insert(bytes.end(), node.begin(), node.end());
    return bytes;
}

void Frontier::append(const Hash& leaf) {
    // Each trailing one bit of the old size is a perfect subtree of that height, which the new leaf completes.
    Hash node = leaf;
    for (auto bits = std::uint64_t(size_); (bits & 1) != 0; bits >>= 1) {
        node = node_hash(nodes_.back(), node);
        nodes_.pop_back();
    }
    nodes_.push_back(node);
    ++size_;
}

Hash Frontier::root() const {
    if (nodes_.empty()) return empty_root();
    Hash root = nodes_.back();
    for (std::size_t i = nodes_.size() - 1; i-- > 0;) root = node_hash(nodes_[i], root);
    return root;
}

}  // namespace tilsyn::log
