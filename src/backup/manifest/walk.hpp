// Walks trees in the order of a manifest and reads what their files hold: one thread looks, several read, and what is
// done is handed on in order. What is under way at any time is bounded, so that the memory does not grow with the tree.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "backup/manifest/entry.hpp"
#include "backup/manifest/file.hpp"
#include "backup/manifest/tree.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

// What a plan leaves out. The engines are given the same list.
struct Exclusions {
    std::vector<std::string> paths;  // relative to the base: they and all below them
    std::vector<std::string> names;  // with * and ?: whatever is called that, wherever it is
    bool covers(std::string_view path) const;
};

struct Progress {
    std::uint64_t entries = 0, bytes = 0;
};

struct WalkRequest {
    Roots roots;
    Exclusions exclusions = {};
    unsigned threads = 2;
    bool read = true;  // false: only look; no hashes
    // A manifest made earlier, or half of one: what has not changed since is not read again. Of what would not be read,
    // this share is, all the same: a hash that differs then is rot on the disk.
    ManifestReader* known = nullptr;
    double read_again = 0.02;
    std::uint64_t seed = 0;  // chooses which
    // What is known of a file's content without reading it; asked by several threads.
    std::function<std::optional<crypto::Sha256>(const Entry& entry)> content = {};
    std::function<bool()> stopping = {};                 // asked often, from several threads
    std::function<void(const Progress&)> progress = {};  // about five times a second, from the calling thread
};

struct WalkTotals {
    ManifestCounts counts;
    std::uint64_t reused = 0;         // files that were not read again
    std::vector<std::string> rotted;  // paths whose content is another although nothing says that it was written to
    std::uint64_t excluded = 0;       // paths that an exclusion met
};

// Calls `sink` for each entry, in order, in the calling thread; an error of it ends the walk. An entry that cannot be
// read is handed on with its `trouble`. Code::not_found: a root is not there. Code::cancelled: `stopping` said so.
Result<WalkTotals> walk(const WalkRequest& request, const std::function<Result<void>(Entry&&)>& sink);

}  // namespace tilsyn::backup
