// Entries in any order, out again in that of a manifest: what does not fit in the memory lies in manifests of its own
// meanwhile, which are merged.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "backup/manifest/entry.hpp"
#include "backup/manifest/file.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

class Sorter {
  public:
    // `folder`: of ours, for what does not fit. `held`: entries in the memory.
    explicit Sorter(std::filesystem::path folder, std::size_t held = 50'000)
        : folder_(std::move(folder)), held_(held) {}

    Result<void> add(Entry&& entry);
    // Once. Code::corrupt: a path was there twice.
    Result<void> finish(const std::function<Result<void>(Entry&&)>& sink);

  private:
    Result<void> put_down();
    Result<void> sort();

    std::filesystem::path folder_;
    std::size_t held_;
    std::vector<Entry> entries_;
    std::vector<std::string> runs_;  // digests
};

}  // namespace tilsyn::backup
