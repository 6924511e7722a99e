// The nodes of the tree over the stored entries: what proofs and tiles are made of. Nothing of it is stored; the roots
// of each 256 leaves and what stands above them are kept in memory (64 bytes for each 256 entries) and grow with the
// log, what stands below is read when it is asked for. Thread-safe.
#pragma once
#include <memory>

#include "db/db.hpp"
#include "log/proofs.hpp"
#include "log/store/verify.hpp"

namespace tilsyn::log {

class Tree {
  public:
    Tree();
    ~Tree();

    // For trees of up to `size` entries, which the database must hold. The connection is used while the function is.
    Nodes nodes(db::Connection& connection, std::int64_t size);

    Result<Hash> root(db::Connection& connection, std::int64_t size);
    Result<std::vector<Hash>> inclusion(db::Connection& connection, std::int64_t index, std::int64_t size);
    Result<std::vector<Hash>> consistency(db::Connection& connection, std::int64_t old_size, std::int64_t size);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// The head that is stored: what is durable now.
struct StoredHead {
    std::int64_t size = 0;
    Hash root{};
};
Result<StoredHead> stored_head(db::Connection& connection);
// Of [begin, end), all of which must be there.
Result<std::vector<Hash>> leaf_hashes(db::Connection& connection, std::int64_t begin, std::int64_t end);
// Calls for each entry of [begin, end), in order; Code::corrupt when one is missing.
Result<void> each_entry(db::Connection& connection, std::int64_t begin, std::int64_t end,
                        const std::function<Result<void>(std::int64_t index, std::string_view body)>& use);

}  // namespace tilsyn::log
