// What of the log goes into a pack: the checkpoint it is proved against, and those that say when things were logged.
#pragma once
#include <vector>

#include "log/witness_policy.hpp"
#include "publish/evidence.hpp"

namespace tilsyn::publish {

struct LogPart {
    log::StoredCheckpoint checkpoint;  // everything is proved against this one
    bool witnessed = false;            // by the quorum of the company's policy; without one, by anybody
    bool settled = false;              // asked for again later, it is the same one
    // Earlier lasting ones, by size: those of the period, not more than two an hour, and the newest from before it that
    // somebody outside has vouched for, in whose light the first entries are seen.
    std::vector<log::StoredCheckpoint> earlier;
    std::vector<log::Stamp> stamps;  // of the checkpoint and of earlier ones, by authorities that are known
};

// For the entries [first, after). The checkpoint is the oldest lasting one that holds them, reaches the first time
// stamp after them where stamps are asked for, and is witnessed where witnesses are. Without such a one it is not
// settled. `whole`: a pack with all entries tells of earlier keys itself; others have checkpoints by the current key
// only.
Result<LogPart> choose_log_part(const EvidenceSource& source, const std::optional<log::WitnessPolicy>& policy,
                                std::int64_t first, std::int64_t after, bool whole);

}  // namespace tilsyn::publish
