// A whole set held against its manifest while the engine gives it out, for sets that there is no room to put down:
// what goes to the disk is the list of what came, when there are very many of them.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backup/engines/engine.hpp"
#include "backup/manifest/compare.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

struct StreamedSet {
    std::string set;                           // the engine's id, in full
    std::filesystem::path manifests, scratch;  // where the manifest is; an empty folder of ours
    std::string manifest;                      // its digest
    std::vector<std::string> roots;            // of the manifest
    std::uint64_t most = UINT64_MAX;           // bytes of content that may come
    Tolerance tolerance;                       // of the comparison
    std::function<void(const Progress&)> progress = {};
};
// Code::unsupported: the engine has no such thing. Code::corrupt: what came is no stream, or not all of one.
Result<Comparison> compare_streamed(Engine& engine, const StreamedSet& what, const Watch& watch);

}  // namespace tilsyn::backup
