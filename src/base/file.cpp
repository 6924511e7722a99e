#include "base/file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "base/random.hpp"

namespace tilsyn {
namespace {

struct Descriptor {
    int fd = -1;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

Fail cannot(std::string_view key, const std::filesystem::path& path, int error) {
    const Code code = error == ENOENT                     ? Code::not_found
                      : error == EACCES || error == EPERM ? Code::forbidden
                                                          : Code::io;
    return fail(code, key, {{"path", path.string()}}).detail(std::strerror(error));
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (file.fd < 0) return cannot("base.cannot-read", path, errno);
    struct stat info{};
    if (::fstat(file.fd, &info) != 0) return cannot("base.cannot-read", path, errno);
    if (S_ISDIR(info.st_mode)) return cannot("base.cannot-read", path, EISDIR);
    std::string content;
    char buffer[65536];
    for (;;) {
        const auto got = ::read(file.fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return cannot("base.cannot-read", path, errno);
        if (got == 0) return content;
        content.append(buffer, std::size_t(got));
        if (content.size() > max_bytes)
            return fail(Code::too_large, "base.file-too-large",
                        {{"path", path.string()}, {"limit", std::to_string(max_bytes)}});
    }
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content, unsigned mode) {
    auto temporary = path;
    temporary += "." + random_id() + ".tmp";
    {
        Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)};
        if (file.fd < 0) return cannot("base.cannot-write", path, errno);
        for (std::size_t done = 0; done < content.size();) {
            const auto put = ::write(file.fd, content.data() + done, content.size() - done);
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) {
                const int error = errno;
                ::unlink(temporary.c_str());
                return cannot("base.cannot-write", path, error);
            }
            done += std::size_t(put);
        }
        if (::fchmod(file.fd, mode) != 0 || ::fsync(file.fd) != 0) {
            const int error = errno;
            ::unlink(temporary.c_str());
            return cannot("base.cannot-write", path, error);
        }
    }
    if (::rename(temporary.c_str(), path.c_str()) != 0) {
        const int error = errno;
        ::unlink(temporary.c_str());
        return cannot("base.cannot-write", path, error);
    }
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.fd < 0 || ::fsync(directory.fd) != 0) return cannot("base.cannot-write", path, errno);
    return {};
}

Result<FileLock> FileLock::take(const std::filesystem::path& path, Deadline deadline) {
    constexpr auto look_again = std::chrono::milliseconds(10);
    Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
    if (file.fd < 0) return cannot("base.cannot-write", path, errno);
    while (::flock(file.fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) return cannot("base.cannot-write", path, errno);
        if (deadline.passed()) return fail(Code::timeout, "base.locked", {{"path", path.string()}});
        std::this_thread::sleep_for(look_again);
    }
    return FileLock(std::exchange(file.fd, -1));
}

FileLock::~FileLock() {
    if (fd_ >= 0) ::close(fd_);
}

}  // namespace tilsyn
