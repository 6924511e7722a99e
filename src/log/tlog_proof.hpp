// The proof that one entry is in a log, as a file that stands alone: C2SP tlog-proof v1 (".tlog-proof").
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "log/merkle.hpp"

namespace tilsyn::log {

struct TlogProof {
    std::int64_t index = 0;
    std::vector<Hash> hashes;  // from the leaf up; at most 63
    std::string extra;         // bytes of ours, here the entry itself: whoever reads it must hash it
    std::string checkpoint;    // a signed note
};

Result<TlogProof> parse_tlog_proof(std::string_view text);
std::string to_string(const TlogProof& proof);

}  // namespace tilsyn::log
