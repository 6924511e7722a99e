// A tar stream as entries of a manifest: what an engine gives out of a set when it writes nothing to the disk. Read by
// ourselves, because names must come through byte for byte, in whatever encoding they are.
//
// Formats: ustar and pax (POSIX.1-2001, pax(1), "ustar Interchange Format" and "pax Interchange Format"), GNU's long
// names ('L', 'K') and numbers in base 256. Not GNU's sparse files, which neither restic nor borg writes.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "backup/manifest/entry.hpp"
#include "backup/manifest/walk.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

// Fills the buffer with what comes next, as read(2) does: how many bytes, 0 at the end.
using ReadSome = std::function<Result<std::size_t>(char* buffer, std::size_t size)>;

struct TarRequest {
    ReadSome read;
    std::vector<std::string> roots;  // what lies elsewhere is passed over: tar has the folders above them, too
    // Files of which the beginning, so many bytes, is summed up besides: it comes as hash_after.
    std::map<std::string, std::uint64_t, std::less<>> beginnings = {};
    // Files known to have several names. Another one of a file that is not among them cannot be told what it holds.
    std::set<std::string, std::less<>> linked = {};
    std::uint64_t most = UINT64_MAX;  // bytes of content altogether; more is an error (Code::corrupt)
    std::function<void(const Progress&)> progress = {};
};
// Calls `sink` for each entry, in the order of the stream. Code::corrupt: it is no such stream, or ends before its end.
// Names of one file come with the same inode, which is its number in the stream.
Result<ManifestCounts> read_tar(const TarRequest& request, const std::function<Result<void>(Entry&&)>& sink);

}  // namespace tilsyn::backup
