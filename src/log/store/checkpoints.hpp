// The checkpoints this log has signed, and what others have added to them: cosignatures of witnesses, time stamps.
//
// Lasting are the first of each hour (UTC) and those that somebody outside has vouched for. The others, one every few
// seconds while the log moves, are let go after two days; whoever holds one can still prove that the log continues it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "db/db.hpp"
#include "log/checkpoint.hpp"
#include "log/store/committer.hpp"
#include "log/store/tree.hpp"

namespace tilsyn::log {

struct StoredCheckpoint {
    std::int64_t size = 0;
    Hash root{};
    std::string note;  // as signed by the log, with the cosignatures that came since, in the order of their keys
    Timestamp signed_at{};
    std::size_t cosignatures = 0;
};

Result<std::optional<StoredCheckpoint>> newest_checkpoint(db::Connection& connection);
// The smallest that holds `size` entries; of the lasting ones, or of all there are.
Result<std::optional<StoredCheckpoint>> checkpoint_covering(db::Connection& connection, std::int64_t size,
                                                            bool lasting);
// The lasting ones of [from, to], by size.
Result<std::vector<StoredCheckpoint>> lasting_checkpoints(db::Connection& connection, std::int64_t from_size,
                                                          std::int64_t to_size);

// The log is signed within seconds when it has moved. A checkpoint that has been overtaken for longer than this is not
// the log as it is: who vouched for it now would make the entries since look later than they are (proved_time.hpp).
inline constexpr Duration longest_signing = std::chrono::minutes(2);
inline bool is_overtaken(const StoredCheckpoint& checkpoint, const StoredHead& head, Timestamp now) {
    return checkpoint.size != head.size && checkpoint.signed_at < now - longest_signing;
}

// Durable when they return. A checkpoint or line that is there already stays as it is.
Result<void> keep_checkpoint(Committer& committer, const Checkpoint& checkpoint, std::string_view note, Timestamp at);
// The caller has verified the line. `at`: the witness's own time.
Result<void> keep_cosignature(Committer& committer, std::int64_t size, const VerifierKey& witness,
                              std::string_view line, Timestamp at);

// RFC 3161 tokens over the note's text (the bytes that the log signed).
struct Stamp {
    std::int64_t size = 0;
    std::string tsa;    // as configured
    std::string token;  // DER, a TimeStampResp
    Timestamp at{};     // genTime
};
Result<void> keep_stamp(Committer& committer, const Stamp& stamp);
// Of the largest checkpoint that this authority has stamped.
Result<std::optional<Stamp>> newest_stamp(db::Connection& connection, std::string_view tsa);
Result<std::vector<Stamp>> stamps_between(db::Connection& connection, std::int64_t from_size, std::int64_t to_size);

}  // namespace tilsyn::log
