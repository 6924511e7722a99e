// The Merkle tree of RFC 6962 section 2.1: empty SHA-256(""), leaf SHA-256(0x00 || entry), node SHA-256(0x01 || l ||
// r).
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::log {

using Hash = std::array<std::uint8_t, 32>;

Hash leaf_hash(std::string_view entry);
Hash node_hash(const Hash& left, const Hash& right);
Hash empty_root();

// The roots of the perfect subtrees that make up a tree of `size` leaves, largest first: all that is needed to append
// and to know the root. 32 bytes for each one bit of size.
class Frontier {
  public:
    Frontier() = default;
    static Result<Frontier> from_bytes(std::int64_t size, std::span<const std::uint8_t> bytes);
    std::vector<std::uint8_t> to_bytes() const;
    void append(const Hash& leaf);
    std::int64_t size() const { return size_; }
    Hash root() const;
    bool operator==(const Frontier&) const = default;

  private:
    std::int64_t size_ = 0;
    std::vector<Hash> nodes_;
};

}  // namespace tilsyn::log
