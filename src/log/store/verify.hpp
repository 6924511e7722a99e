// Does the stored log say what was once written? verify_tail is quick and runs at every start; verify_all reads
// everything and is itself a control.
#pragma once
#include <functional>

#include "db/db.hpp"
#include "log/merkle.hpp"

namespace tilsyn::log {

struct Verified {
    std::int64_t size = 0;
    Hash root{};
};

// The entries that the smallest frontier subtrees cover (at most 32,768), and that none lies beyond the head.
Result<Verified> verify_tail(db::Connection& connection);

// Every body against its leaf, every leaf against the head. The first wrong index is in the error's parameter "index".
// `progress` gets the number of entries read, now and then; it may be empty.
Result<Verified> verify_all(db::Connection& connection, const std::function<void(std::int64_t)>& progress = {});

}  // namespace tilsyn::log
