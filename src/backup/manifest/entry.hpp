// One line of a source manifest: what one file, folder or link was.
//
// The format is mtree(5) with whole paths ("mtree 2.0"), so that libarchive's bsdtar and other people's tools read it,
// too. Paths are relative to a base, "./srv/data/a"; every byte that is not plain ASCII, and everything that means
// something to mtree, is written as \ooo. Keywords of our own stand on a line before it, "#: ctime=... volume=...",
// which is a comment to others.
//
// Order: depth first, the names of a folder sorted by their bytes. That is the order of the whole paths when "/" counts
// as less than any other byte, and it lets two trees be compared in one pass, whatever their size.
#pragma once
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::backup {

enum class Type : std::uint8_t { file, folder, link, fifo, socket, character, block };
std::string_view to_string(Type type);  // mtree's word: file, dir, link, fifo, socket, char, block

// What was seen of an entry when it was looked at again after the backup. None: it had not moved.
enum class Moved : std::uint8_t {
    no,
    grown,     // more was added at its end; what was there is there still
    replaced,  // another file took its place whole
    touched,   // owner, mode, time or attributes, but not the content
    torn,      // changed in place: what the engine read may be neither the old nor the new
    gone,      // no longer there
    appeared,  // not there before
    later,     // changed after the set was made that it is held against: what it was then is not known
};
std::string_view to_string(Moved moved);

struct Entry {
    std::string path;  // raw bytes, relative to the base, no slash at either end
    Type type = Type::file;
    std::uint32_t mode = 0;  // permission bits, 07777
    std::uint32_t uid = 0, gid = 0;
    std::uint64_t size = 0;             // of a file, or of a link's target
    std::uint64_t allocated = 0;        // bytes on the disk: less than `size` when sparse
    std::int64_t mtime = 0, ctime = 0;  // ns since 1970
    std::uint64_t device = 0, inode = 0;
    std::uint64_t links = 1;                        // names of the same inode
    std::uint64_t node = 0;                         // of character and block devices: which
    std::optional<crypto::Sha256> hash = {};        // of a file's content
    std::optional<crypto::Sha256> attributes = {};  // of extended attributes and access lists; none: there are none
    std::string target = {};                        // of a link
    std::string trouble = {};  // why it could not be read, in the system's words; a folder: why not all of it
    Moved moved = Moved::no;
    std::optional<crypto::Sha256> hash_after = {};  // when moved: its content after the backup
    bool operator==(const Entry&) const = default;
};

// The order of a manifest.
std::strong_ordering compare_paths(std::string_view a, std::string_view b);
// Is `path` the same as `folder`, or below it?
bool is_within(std::string_view path, std::string_view folder);

// A path as mtree writes it, and as a person may see it: printable, one line, nothing lost.
std::string escape_path(std::string_view raw);
Result<std::string> unescape_path(std::string_view escaped);

inline constexpr std::string_view own_prefix = "#: ";
std::string to_lines(const Entry& entry);  // two of them, the last without its end
// `own`: the line before it, if that is one of ours. Code::corrupt.
Result<Entry> parse_entry(std::string_view own, std::string_view line);

}  // namespace tilsyn::backup
