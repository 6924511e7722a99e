// Folders of the jobs' own: nobody else can look into them, and they are gone when the job is.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace tilsyn::backup {

// Of the disk that it lies on, for us; 0 when that cannot be told.
std::uint64_t free_bytes(const std::filesystem::path& path);
Result<void> make_private_folder(const std::filesystem::path& path);
// Removes it and all in it, folders that do not let themselves be written to as well. Follows no links.
Result<void> wipe(const std::filesystem::path& path);

class Scratch {
  public:
    static Result<Scratch> make(const std::filesystem::path& path) {
        TRY_VOID(make_private_folder(path));
        return Scratch(path);
    }
    Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    Scratch& operator=(Scratch&&) = delete;
    ~Scratch() {
        if (!path_.empty()) (void)wipe(path_);
    }
    const std::filesystem::path& path() const { return path_; }
    Result<void> end() { return wipe(std::exchange(path_, {})); }  // and says when it could not

  private:
    explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

}  // namespace tilsyn::backup
