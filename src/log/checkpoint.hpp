// A checkpoint: the text of a note that says how large a log is and what its root is. Format: C2SP tlog-checkpoint
// v1.0. Tilsyn writes no extension lines, and reads those of others.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "log/merkle.hpp"
#include "log/note.hpp"

namespace tilsyn::log {

struct Checkpoint {
    std::string origin;     // names the log: a URL without scheme, equal to the name of its key
    std::int64_t size = 0;  // entries
    Hash root{};
    std::vector<std::string> extensions;
    bool operator==(const Checkpoint&) const = default;
};

Result<Checkpoint> parse_checkpoint(std::string_view text);  // strict: canonical numbers and base64
std::string to_text(const Checkpoint& checkpoint);

// A note that this log has signed, opened and read. The origin must be the key's name.
struct SignedCheckpoint {
    Checkpoint checkpoint;
    Note note;
};
Result<SignedCheckpoint> open_checkpoint(std::string_view note, const VerifierKey& log);

// Strict helpers of the C2SP formats: no sign, no leading zero; exactly 32 bytes.
Result<std::int64_t> parse_decimal(std::string_view text);
Result<Hash> parse_hash(std::string_view base64);

}  // namespace tilsyn::log
