// When the log is behind what was signed: a backup was restored, or a replica took over that lacked the last entries.
// Two honest ways out, and both leave an entry that tells of it (log.recover):
//   replay     somebody has the lost entries (an exported folder, an evidence pack): they are put back, byte for byte,
//              and the root must be the one that was signed
//   new origin nobody has them: the log goes on under another name, which no checkpoint of the old name can contradict;
//              its entry tells the old name and the last checkpoint that was signed
#pragma once
#include <filesystem>

#include "log/store/signer.hpp"

namespace tilsyn::log {

struct Replayed {
    std::int64_t from = 0, to = 0;  // the entries [from, to) were put back
};
// `folder`: as export_log() writes it. Nobody else may write meanwhile: needs a connection of its own and no running
// service. Code::conflict: the folder's log does not continue this one; Code::corrupt: an entry is not what its
// checkpoint says. Nothing is changed unless all is well.
Result<Replayed> replay(db::Connection& writer, const VerifierKey& key, const std::filesystem::path& folder);

// Writes the new key ring (same key, new name), forgets the memory of the old name, and makes the entry.
Result<VerifierKey> begin_new_origin(Committer& committer, const Signer& old, const std::filesystem::path& key_file,
                                     const std::filesystem::path& memory_file, std::string_view origin);

// A change of keys in two steps, so that everybody has time to learn the new one: between them both keys sign. Each
// step is an entry (log.rotate), made before the key file changes: whoever reads the log meets the new key there first.
// A running service takes the new key file up by itself. Code::conflict: the other step is due. Returns the key in use.
Result<VerifierKey> begin_rotation(Committer& committer, const Signer& signer, const std::filesystem::path& key_file,
                                   std::string_view by);
Result<VerifierKey> finish_rotation(Committer& committer, const Signer& signer, const std::filesystem::path& key_file,
                                    std::string_view by);

}  // namespace tilsyn::log
