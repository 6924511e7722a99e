// Can whoever makes the backups also remove them? Tried with a set of its own, which is all that is lost if so.
#pragma once
#include <filesystem>

#include "backup/engines/engine.hpp"

namespace tilsyn::backup {

enum class Removal { refused, allowed, cannot_tell };

// `work`: a folder of ours. The set stays where removal is refused, and is used again the next time.
// `patience`: engines try again what a place refuses, for minutes; after so long it is taken as refused.
Result<Removal> try_removal(Engine& engine, const std::filesystem::path& work, const Watch& watch,
                            Duration patience = std::chrono::seconds(20));

}  // namespace tilsyn::backup
