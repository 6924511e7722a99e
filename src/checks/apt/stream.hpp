// A file as a stream of plain bytes. The ending of its name says how it is compressed: .lz4, .gz, .xz, .zst, or not.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "base/error.hpp"

namespace tilsyn::checks::apt {

class ByteSource {
  public:
    virtual ~ByteSource() = default;
    // At least one byte, or 0 at the end. A file that is cut short or damaged is an error (Code::corrupt), not an end.
    virtual Result<std::size_t> read(std::span<char> into) = 0;
};

// The endings that a list may have; the first is none.
std::span<const std::string_view> compressed_endings();

// Not more than `max_bytes` come out of it (Code::too_large). Decompression itself never needs more than some 130 MB.
Result<std::unique_ptr<ByteSource>> open_stream(const std::filesystem::path& path,
                                                std::uint64_t max_bytes = 2ull << 30);

// The same from memory, for tests and fuzzing. `content` must outlive the stream. `ending`: ".lz4" etc. or "".
std::unique_ptr<ByteSource> memory_stream(std::string_view content, std::string_view ending,
                                          std::uint64_t max_bytes = 2ull << 30);

}  // namespace tilsyn::checks::apt
