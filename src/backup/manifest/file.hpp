// Manifests as files: lines of entry.hpp between a header and a count, compressed with zstd, one frame for each few
// thousand entries so that what a killed run has written can be read up to there. A finished manifest is named after
// the SHA-256 of its text, and is read as such: a reader that comes to its end without an error has read that text.
//
// `zstd -dc NAME` shows it; bsdtar and mtree read it.
#pragma once
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "backup/manifest/entry.hpp"
#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::backup {

struct ManifestCounts {
    std::uint64_t entries = 0, files = 0, bytes = 0;  // bytes: of the content of files
    std::uint64_t troubles = 0;                       // entries that could not be read
    std::uint64_t moved = 0, torn = 0;                // entries that changed while the backup ran; of these, in place
    bool operator==(const ManifestCounts&) const = default;
    void add(const Entry& entry);
};

class ManifestWriter {
  public:
    // Writes FOLDER/partial-NAME until it is finished. One writer for a name at a time.
    static Result<ManifestWriter> create(const std::filesystem::path& folder, std::string_view name, Timestamp started);
    ManifestWriter(ManifestWriter&&) noexcept;
    ManifestWriter& operator=(ManifestWriter&&) = delete;
    ~ManifestWriter();  // leaves the partial file, unless it was finished

    Result<void> add(const Entry& entry);  // in the order of compare_paths; Code::invalid: not
    const ManifestCounts& counts() const;
    struct Finished {
        std::string digest;  // hex
        ManifestCounts counts;
    };
    Result<Finished> finish();  // durable

  private:
    struct State;
    explicit ManifestWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

std::filesystem::path manifest_path(const std::filesystem::path& folder, std::string_view digest);
std::filesystem::path partial_manifest_path(const std::filesystem::path& folder, std::string_view name);

class ManifestReader {
  public:
    // Reads it as the manifest of that digest: Code::corrupt at the end when it is another.
    static Result<ManifestReader> open(const std::filesystem::path& folder, std::string_view digest);
    // What there is of one that was not finished. It ends, without an error, where it was cut.
    static Result<ManifestReader> open_partial(const std::filesystem::path& file);
    ManifestReader(ManifestReader&&) noexcept;
    ManifestReader& operator=(ManifestReader&&) noexcept;
    ~ManifestReader();

    Result<std::optional<Entry>> next();   // nullopt: the end
    const ManifestCounts& counts() const;  // of what was read
    Timestamp started() const;             // when the walk began that it is of; known once an entry was read

  private:
    struct State;
    explicit ManifestReader(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace tilsyn::backup
