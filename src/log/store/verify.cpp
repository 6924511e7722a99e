#include "log/store/verify.hpp"

#include <algorithm>

namespace tilsyn::log {
namespace {

constexpr std::int64_t tail_subtree = 16'384;

struct StoredHead {
    std::int64_t size = 0;
    Frontier frontier;
};

Result<StoredHead> read_head(db::Connection& connection) {
    TRY(const auto row, connection.one("SELECT size, frontier FROM log_head WHERE id = 1"));
    if (!row) return fail(Code::corrupt, "log.no-head").hint("log.corrupt-hint");
    StoredHead head;
    head.size = row->integer(0);
    TRY(head.frontier, Frontier::from_bytes(head.size, row->blob(1)));
    return head;
}

Fail wrong(std::int64_t index) {
    return fail(Code::corrupt, "log.entry-changed", {{"index", std::to_string(index)}}).hint("log.corrupt-hint");
}

// Reads entries from `first` on and adds them to the frontier, checking each body against its leaf.
Result<void> read_entries(db::Connection& connection, std::int64_t first, Frontier& frontier,
                          const std::function<void(std::int64_t)>& progress) {
    std::int64_t expected = first;
    return connection.each("SELECT idx, leaf, body FROM log_entry WHERE idx >= ? ORDER BY idx",
                           std::array<db::Value, 1>{first}, [&](const db::Row& row) -> Result<bool> {
                               const auto stored = row.blob(1);
                               const auto leaf = leaf_hash(std::get<std::string>(row[2]));
                               if (row.integer(0) != expected || !std::ranges::equal(stored, leaf))
                                   return wrong(expected);
                               frontier.append(leaf);
                               ++expected;
                               if (progress && expected % 4096 == 0) progress(expected);
                               return true;
                           });
}

}  // namespace

Result<Verified> verify_tail(db::Connection& connection) {
    TRY(const auto head, read_head(connection));
    // The large subtrees of the stored frontier are taken as they are, the small ones are computed anew.
    const auto bytes = head.frontier.to_bytes();
    const std::int64_t kept = head.size - head.size % (2 * tail_subtree);
    std::size_t kept_nodes = 0;
    for (auto bits = std::uint64_t(kept); bits != 0; bits &= bits - 1) ++kept_nodes;
    TRY(auto frontier, Frontier::from_bytes(kept, std::span(bytes).first(kept_nodes * 32)));
    TRY_VOID(read_entries(connection, kept, frontier, {}));
    if (frontier != head.frontier)
        return fail(Code::corrupt, "log.head-differs", {{"size", std::to_string(head.size)}}).hint("log.corrupt-hint");
    return Verified{head.size, head.frontier.root()};
}

Result<Verified> verify_all(db::Connection& connection, const std::function<void(std::int64_t)>& progress) {
    TRY(auto transaction, db::Transaction::begin_read(connection));
    TRY(const auto head, read_head(connection));
    Frontier frontier;
    TRY_VOID(read_entries(connection, 0, frontier, progress));
    if (frontier != head.frontier)
        return fail(Code::corrupt, "log.head-differs", {{"size", std::to_string(head.size)}}).hint("log.corrupt-hint");
    return Verified{head.size, head.frontier.root()};
}

}  // namespace tilsyn::log
