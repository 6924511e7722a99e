// The files of a sample: some by a lot that nobody can know beforehand, the newest, the largest, and a part of the
// whole that goes on where the last sample's ended. So every file is restored once in a while, however large the set
// is.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "backup/manifest/file.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

inline constexpr Duration sample_period = std::chrono::hours(90 * 24);  // in which all of a set's turn comes

struct SampleRequest {
    std::string seed;     // of the lot
    std::string after;    // the path with which the last part ended; empty: from the beginning
    std::uint64_t parts;  // how many samples there are in the period
    std::uint64_t room;   // bytes that may come out: larger files are left for a full restore
    std::uint64_t total;  // what all entries cost (cost_of)
};
struct Sample {
    std::vector<std::string> only;  // files, and folders with all that is in them; none within another
    std::uint64_t bytes = 0;        // that will come out
    std::uint64_t too_large = 0;    // files for which there is no room
    std::string from, until;        // of the part, both included; empty: there was none
    std::uint64_t cost = 0;         // of the part
    // Is it one of these, or below one?
    bool covers(std::string_view path) const;

    std::set<std::string, std::less<>> chosen;  // what `only` holds
};

// What it takes to restore an entry, in bytes: a file costs something even when it is empty.
std::uint64_t cost_of(const Entry& entry);

// Reads the manifest to its end.
Result<Sample> choose_sample(ManifestReader& manifest, const SampleRequest& request);

}  // namespace tilsyn::backup
