// Reads files while their neighbours are still being written, so that a restore is compared nearly as fast as it is
// made; only as long as a processor has little else to do. The kernel tells (inotify(7)) when a file has been closed by
// who wrote it, and when it is written to again: what was read before that counts for nothing. What is not known when
// the writer has ended is read as usual; so the worst that can happen here is that nothing was gained.
//
// Relied upon: who writes does so by write(2) and the like. Changes through a mapping are not told.
#pragma once
#include <filesystem>
#include <memory>
#include <optional>

#include "backup/manifest/entry.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

class EarlyReader {
  public:
    enum class When { spare, always };
    // `base`: a folder that holds nothing yet. Code::unavailable: the kernel has no more watches to give.
    static Result<EarlyReader> start(const std::filesystem::path& base, When when = When::spare);
    EarlyReader(EarlyReader&&) noexcept;
    EarlyReader& operator=(EarlyReader&&) = delete;
    ~EarlyReader();

    // To be called when nobody writes any more, and before content().
    void finish();
    // What a file holds, if that is known for sure. `entry`: as it is now.
    std::optional<crypto::Sha256> content(const Entry& entry) const;
    // How many files have been read so far; at any time, from any thread.
    std::size_t read() const;

  private:
    class Impl;
    explicit EarlyReader(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace tilsyn::backup
