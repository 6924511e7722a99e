// The part of the benchmarks about backups.
#pragma once

namespace tilsyn::bench {

// A tree of `mebibytes` in files of all sizes, or of `files` small ones: our manifest beside sha256sum with as many
// threads, and a full drill beside the engine's bare restore, in the same run.
void backup_mixed(int mebibytes);
void backup_many(int files);

}  // namespace tilsyn::bench
