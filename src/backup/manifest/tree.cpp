#include "backup/manifest/tree.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "crypto/hash_stream.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::size_t block = 256 * 1024;
constexpr std::size_t largest_attributes = 64 * 1024;  // the kernel's own limit for one value and for the list of names

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

Type type_of(mode_t mode) {
    switch (mode & S_IFMT) {
        case S_IFDIR:
            return Type::folder;
        case S_IFLNK:
            return Type::link;
        case S_IFIFO:
            return Type::fifo;
        case S_IFSOCK:
            return Type::socket;
        case S_IFCHR:
            return Type::character;
        case S_IFBLK:
            return Type::block;
        default:
            return Type::file;
    }
}

// Labels that the machine sets anew, wherever a file is restored.
bool of_the_machine(std::string_view name) {
    return name == "security.selinux" || name == "security.evm" || name == "security.ima";
}

}  // namespace

Result<Roots> make_roots(const std::vector<std::string>& absolute) {
    Roots roots;
    for (const auto& path : absolute) {
        auto rest = std::string_view(path);
        const auto wrong = [&] { return fail(Code::invalid, "backup.bad-path", {{"path", path}}); };
        if (!rest.starts_with('/') || rest.find('\0') != rest.npos) return wrong();
        std::string made;
        for (const auto name : split(rest.substr(1), '/')) {
            if (name.empty()) continue;
            if (name == "." || name == "..") return wrong();
            if (!made.empty()) made += '/';
            made += name;
        }
        if (made.empty()) return wrong();  // all of a machine: there is /proc and /dev below it
        roots.paths.push_back(std::move(made));
    }
    std::ranges::sort(roots.paths, [](const auto& a, const auto& b) { return compare_paths(a, b) < 0; });
    for (std::size_t i = 1; i < roots.paths.size(); ++i)
        if (is_within(roots.paths[i], roots.paths[i - 1]))
            return fail(Code::invalid, "backup.path-within",
                        {{"path", "/" + roots.paths[i]}, {"other", "/" + roots.paths[i - 1]}});
    return roots;
}

Entry look(const struct stat& info) {
    Entry entry;
    entry.type = type_of(info.st_mode);
    entry.mode = info.st_mode & 07777;
    entry.uid = info.st_uid;
    entry.gid = info.st_gid;
    if (entry.type == Type::file || entry.type == Type::link) entry.size = std::uint64_t(info.st_size);
    entry.allocated = entry.type == Type::file ? std::min(entry.size, std::uint64_t(info.st_blocks) * 512) : entry.size;
    entry.mtime = nanoseconds(info.st_mtim);
    entry.ctime = nanoseconds(info.st_ctim);
    entry.device = info.st_dev;
    entry.inode = info.st_ino;
    entry.links = info.st_nlink;
    if (entry.type == Type::character || entry.type == Type::block) entry.node = info.st_rdev;
    return entry;
}

Result<Tree> Tree::open(const std::filesystem::path& base) {
    Tree tree;
    tree.base_ = net::Fd(::open(base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!tree.base_)
        return fail(errno == ENOENT ? Code::not_found : Code::io, "base.cannot-read", {{"path", base.string()}})
            .detail(std::strerror(errno));
    return tree;
}

net::Fd Tree::open_below(const std::string& path, int flags) const {
    open_how how{};
    how.flags = std::uint64_t(flags | O_CLOEXEC | O_NOFOLLOW);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    net::Fd opened;
    do {  // EAGAIN: something was renamed meanwhile, and the kernel could not be sure
        opened = net::Fd(int(::syscall(SYS_openat2, base_.get(), path.c_str(), &how, sizeof how)));
    } while (!opened && (errno == EAGAIN || errno == EINTR));
    return opened;
}

bool Tree::stat_below(const std::string& path, struct stat& info) const {
    const auto opened = open_below(path, O_PATH);
    return opened && ::fstat(opened.get(), &info) == 0;
}

std::string Tree::read_link(const std::string& path, std::size_t size) const {
    const auto opened = open_below(path, O_PATH);
    std::string target(size + 1, '\0');
    const auto count = opened ? ::readlinkat(opened.get(), "", target.data(), target.size()) : -1;
    target.resize(count < 0 ? 0 : std::size_t(count));
    return target;
}

std::optional<crypto::Sha256> hash_attributes(int fd) {
    std::array<char, largest_attributes> list;
    const auto length = ::flistxattr(fd, list.data(), list.size());
    if (length <= 0) return std::nullopt;
    std::vector<std::string> names;
    for (const auto name : split({list.data(), std::size_t(length) - 1}, '\0'))
        if (!of_the_machine(name)) names.emplace_back(name);
    if (names.empty()) return std::nullopt;
    std::ranges::sort(names);
    crypto::Sha256Stream hash;
    std::vector<char> value(largest_attributes);
    for (const auto& name : names) {
        const auto size = std::max<ssize_t>(::fgetxattr(fd, name.c_str(), value.data(), value.size()), 0);
        hash.update(std::to_string(name.size()) + ":" + name + std::to_string(size) + ":");
        hash.update({value.data(), std::size_t(size)});
    }
    return hash.finish();
}

namespace {

// Opens a file to be read, and looks at it anew. Not opened: the entry says why.
net::Fd open_file(const Tree& tree, Entry& entry) {
    const auto trouble = [&](int error) {
        entry.trouble = std::strerror(error);
        return net::Fd();
    };
    // Without O_NONBLOCK a fifo that has taken the file's place would hold us for ever.
    constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY;
    auto file = tree.open_below(entry.path, flags | O_NOATIME);
    if (!file && errno == EPERM) file = tree.open_below(entry.path, flags);
    struct stat info{};
    if (!file || ::fstat(file.get(), &info) != 0) return trouble(errno);
    if (!S_ISREG(info.st_mode)) return trouble(ESTALE);
    auto fresh = look(info);
    fresh.path = std::move(entry.path);
    fresh.attributes = hash_attributes(file.get());
    entry = std::move(fresh);
    return file;
}

}  // namespace

void look_only(const Tree& tree, Entry& entry, const crypto::Sha256& content) {
    if (open_file(tree, entry)) entry.hash = content;
}

Hashed hash_file(const Tree& tree, Entry& entry, std::uint64_t first,
                 const std::function<bool(std::uint64_t bytes)>& going_on) {
    const auto trouble = [&](int error) {
        entry.trouble = std::strerror(error);
        return Hashed{};
    };
    const auto file = open_file(tree, entry);
    if (!file) return {};
    if (entry.size > block) (void)::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);

    thread_local std::vector<char> buffer(block);
    thread_local crypto::Sha256Stream hash;  // making one costs more than hashing a small file
    hash.reset();
    Hashed out;
    std::uint64_t done = 0;
    if (first > entry.size) first = 0;
    while (done < entry.size) {
        auto wanted = std::min<std::uint64_t>(buffer.size(), entry.size - done);
        if (done < first) wanted = std::min(wanted, first - done);
        const auto count = ::read(file.get(), buffer.data(), std::size_t(wanted));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return trouble(errno);
        if (count == 0) break;  // it became shorter: the next look tells
        hash.update({buffer.data(), std::size_t(count)});
        done += std::uint64_t(count);
        if (done == first) out.first = hash.so_far();
        if (going_on && !going_on(std::uint64_t(count))) return trouble(ECANCELED);
    }
    out.whole = hash.finish();
    entry.hash = out.whole;
    return out;
}

}  // namespace tilsyn::backup
