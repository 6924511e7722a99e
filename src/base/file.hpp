// Whole files, safely: bounded reads, and writes that are either all there after a power cut or not there at all.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn {

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 64u << 20);
// Temporary file beside it, fsync, rename, fsync of the folder. `mode` as for chmod.
Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode = 0644);

// Keeps other processes out while it lives (flock). The file stays, empty.
class FileLock {
  public:
    // Code::timeout: somebody else had it until the deadline.
    static Result<FileLock> take(const std::filesystem::path& path, Deadline deadline);
    FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    FileLock& operator=(FileLock&&) = delete;
    ~FileLock();

  private:
    explicit FileLock(int fd) : fd_(fd) {}
    int fd_;
};

}  // namespace tilsyn
