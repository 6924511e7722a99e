// The body of `POST /add-checkpoint`, C2SP tlog-witness: "old N", up to 63 hashes of a consistency proof, an empty
// line, and the checkpoint. What a log sends, and what a witness reads.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "log/checkpoint.hpp"

namespace tilsyn::witness {

inline constexpr std::size_t most_proof_hashes = 63;

struct AddCheckpoint {
    std::int64_t old_size = 0;     // the newest that this witness has cosigned, as far as the log knows
    std::vector<log::Hash> proof;  // from there to the checkpoint
    log::Note note;
    log::Checkpoint checkpoint;  // the note's text, read
};

// Strict: numbers and base64 in their one form, every line ended. Nothing is verified.
Result<AddCheckpoint> parse_add_checkpoint(std::string_view body);
std::string add_checkpoint_body(std::int64_t old_size, const std::vector<log::Hash>& proof, std::string_view note);

}  // namespace tilsyn::witness
