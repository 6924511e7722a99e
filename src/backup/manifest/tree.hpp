// Reading one tree of files without ever following a link out of it: what restores and hostile sources are read with.
#pragma once
#include <sys/stat.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backup/manifest/entry.hpp"
#include "base/error.hpp"
#include "net/fd.hpp"

namespace tilsyn::backup {

// What a tree is made of: paths below a base. The base of a machine's own data is "/"; that of a restored set is the
// folder it was restored into.
struct Roots {
    std::filesystem::path base = "/";
    std::vector<std::string> paths;  // relative to the base, raw bytes; in order, none within another
};
// From absolute paths as a person writes them. Code::invalid: relative, "..", or one within another.
Result<Roots> make_roots(const std::vector<std::string>& absolute);

// What a fresh look says of one entry: everything but the content. The path is not set.
Entry look(const struct stat& info);

// The base, opened. Below it no link is followed: not in the middle of a path, not at its end.
class Tree {
  public:
    static Result<Tree> open(const std::filesystem::path& base);
    int fd() const { return base_.get(); }

    // A file or folder. errno as openat2(2).
    net::Fd open_below(const std::string& path, int flags) const;
    bool stat_below(const std::string& path, struct stat& info) const;
    std::string read_link(const std::string& path, std::size_t size) const;

  private:
    net::Fd base_;
};

// Reads the content of a file: what it holds up to `limit` bytes, and, when `first` is not 0, of the first that many.
// The entry gets the hash, its attributes, and the trouble there was; its metadata is that of the open file.
struct Hashed {
    std::optional<crypto::Sha256> whole, first;
};
Hashed hash_file(const Tree& tree, Entry& entry, std::uint64_t first = 0,
                 const std::function<bool(std::uint64_t bytes)>& going_on = {});
// The same for a file whose content is known: it is not read.
void look_only(const Tree& tree, Entry& entry, const crypto::Sha256& content);
// Extended attributes and access lists of an open file or folder.
std::optional<crypto::Sha256> hash_attributes(int fd);

}  // namespace tilsyn::backup
