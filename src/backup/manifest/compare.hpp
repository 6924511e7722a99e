// Is what was restored what there was? A source manifest and a restored tree, or two manifests, side by side in one
// pass; and what an entry's second look after the backup says of it.
#pragma once
#include <array>
#include <functional>
#include <string>
#include <vector>

#include "backup/manifest/entry.hpp"
#include "backup/manifest/file.hpp"
#include "backup/manifest/walk.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

// Ways in which something differs. The first six lose data; the others lose something about it.
enum class Difference : std::uint8_t {
    missing,     // in the manifest, not restored
    unreadable,  // restored, but it cannot be read
    content,     // same size, other content
    size,
    type,    // a link where a file was
    torn,    // changed in place during the backup, and neither what it was nor what it became
    extra,   // restored, not in the manifest
    target,  // of a link
    mode,
    owner,
    time,        // of change to the content
    names,       // files that were one under several names no longer are, or the other way round
    attributes,  // extended attributes and access lists
    sparse,      // takes more room than it did: told, never a fault
};
inline constexpr std::size_t difference_kinds = 14;
std::string_view to_string(Difference difference);
bool loses_data(Difference difference);

struct Tolerance {
    bool owners = true;  // compared: only root can give files away
    bool attributes = true;
    bool modes = true;  // permissions
    bool names = true;  // files that are one under several names
    bool folder_times = true;
    bool special = true;                                              // fifos and device nodes are kept
    bool empty_folders = true;                                        // are kept, too
    std::int64_t earliest_time = INT64_MIN, latest_time = INT64_MAX;  // ns; what the engine can keep
    std::int64_t time_step = 1;                                       // ns; to what it rounds
};

struct Comparison {
    std::uint64_t entries = 0, files = 0, bytes = 0;  // of the manifest, compared
    std::uint64_t skipped = 0;                        // entries that a sample did not choose
    std::array<std::uint64_t, difference_kinds> counts{};
    struct Found {
        Difference difference;
        std::string path;
        std::string said;  // what it was and what it is, where a few words tell
    };
    std::vector<Found> found;  // the first hundred of each kind
    // Changed while the backup ran, and restored as it was before, after, or grown between: no fault.
    std::uint64_t moved = 0;

    void add(Difference difference, const std::string& path, std::string said = {});
    std::uint64_t count(Difference difference) const { return counts[std::size_t(difference)]; }
    std::uint64_t faults() const;  // all but sparse
    std::uint64_t lost() const;    // those that lose data
};

struct CompareRequest {
    ManifestReader* manifest = nullptr;
    WalkRequest restored;  // where it lies; its progress and stopping are used, too
    Tolerance tolerance = {};
    std::function<bool(const Entry&)> chosen = {};  // a sample: only these were restored. Empty: all
    // Entries that could not be read at the time of the backup are missing in any set: counted there, not here again.
};
Result<Comparison> compare_restored(const CompareRequest& request);
// The same with entries from elsewhere: `feed` hands them on in order. Of files that grew, hash_after is the hash of as
// much of their beginning as there was.
using Feed = std::function<Result<void>(const std::function<Result<void>(Entry&&)>& sink)>;
Result<Comparison> compare_entries(const CompareRequest& request, const Feed& feed);

// Looks again at the source of a finished walk and says of each entry how it has moved. What is handed to `sink`, in
// order, is the manifest to keep.
Result<WalkTotals> look_again(ManifestReader& before, const WalkRequest& source,
                              const std::function<Result<void>(Entry&&)>& sink);

}  // namespace tilsyn::backup
