// The container of an evidence pack: a plain zip that any program opens, written in one way only and read as strictly.
// No extra fields, no comments, no dates (1980-01-01), members in order and without gaps, names that stay inside the
// folder they are unpacked in. What deviates was not written by this program and is refused, which also means that no
// bit of a pack can be changed unseen. Format: PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16.
#pragma once
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::log::pack {

inline constexpr std::size_t most_members = 65'000;
inline constexpr std::uint64_t most_member_bytes = 256u << 20;  // unpacked
inline constexpr std::uint64_t most_file_bytes = 0xFFFF0000u;   // the plain format ends at 4 GiB
inline constexpr std::size_t most_name_bytes = 200;

// Letters, digits and . _ - / only; no empty segment, none that begins with a dot.
bool valid_member_name(std::string_view name);

class ZipWriter {
  public:
    // Writes beside `path`; it gets its name when finish() has made it whole and durable.
    static Result<ZipWriter> create(const std::filesystem::path& path);
    ZipWriter(ZipWriter&&) noexcept;
    ZipWriter& operator=(ZipWriter&&) = delete;
    ~ZipWriter();  // not finished: nothing is left
    // Returns the SHA-256 of the bytes as they stand in the file. `as_is`: not packed, so that the file holds the
    // content itself. One content can be packed in several ways: only a hash of the packed bytes holds every bit.
    Result<crypto::Sha256> add(std::string_view name, std::string_view content, bool as_is = false);
    Result<void> finish();

  private:
    struct State;
    explicit ZipWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

struct Member {
    std::string name;
    std::uint64_t size = 0;  // unpacked, as declared; read() holds it to that
    std::uint64_t packed = 0, offset = 0;
    std::uint32_t crc = 0;
    std::uint16_t method = 0;
    bool as_is() const { return method == 0; }
};

class ZipReader {
  public:
    static Result<ZipReader> open(const std::filesystem::path& path);
    const std::vector<Member>& members() const { return members_; }  // sorted as written
    const Member* find(std::string_view name) const;
    Result<std::string> read(const Member& member);
    Result<std::string> packed(const Member& member);  // as it stands in the file

  private:
    ZipReader() = default;
    std::unique_ptr<std::ifstream> file_;
    std::vector<Member> members_;
};

}  // namespace tilsyn::log::pack
