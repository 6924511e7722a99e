#include "backup/manifest/early.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <thread>
#include <unordered_map>
#include <utility>

#include "backup/manifest/tree.hpp"

namespace tilsyn::backup {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

// Engines open and close a file for each piece of it: one that nobody has touched for so long is taken to be done.
constexpr auto quiet = 100ms;
constexpr auto look_again = 150ms;            // at what the processors do
constexpr int most_tries = 6;                 // each after twice as long
constexpr std::size_t most_known = 300'000;   // files: 30 MiB
constexpr std::size_t most_waiting = 50'000;  // the same, with their paths
constexpr std::uint32_t of_interest =
    IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK;

struct Seen {
    std::optional<crypto::Sha256> hash = {};
    std::uint64_t size = 0;
    Steady::time_point due = {};
    int tries = 0;
    std::string path = {};  // while it waits to be read
};

// Does the engine leave us the better part of a processor? Where it needs them all, reading at the same time costs more
// than reading afterwards, since two threads of one core, or two users of one cache, are slower than one.
class Processors {
  public:
    bool spare() {
        if (Steady::now() < next_) return spare_;
        next_ = Steady::now() + look_again;
        const auto now = look();
        // proc(5): ticks of all processors together.
        const auto passed = now.all - last_.all, free = now.free - last_.free;
        if (passed > 0) spare_ = last_.all > 0 && free * double(std::thread::hardware_concurrency()) > passed * enough;
        last_ = now;
        return spare_;
    }

  private:
    static constexpr double enough = 0.6;  // of one processor
    struct Ticks {
        double all = 0, free = 0;
    };
    static Ticks look() {
        Ticks out;
        std::ifstream stat("/proc/stat");
        std::string word;
        stat >> word;
        for (int field = 0; field < 8; ++field) {  // user nice system idle iowait irq softirq steal
            double ticks = 0;
            stat >> ticks;
            out.all += ticks;
            if (field == 3 || field == 4) out.free += ticks;
        }
        timespec used{};  // what we use ourselves would be free without us
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
        out.free += (double(used.tv_sec) + double(used.tv_nsec) / 1e9) * double(::sysconf(_SC_CLK_TCK));
        return out;
    }
    Steady::time_point next_ = {};
    Ticks last_ = {};
    bool spare_ = false;
};

}  // namespace

// All but the atomics belongs to the thread while it runs, and to the caller afterwards.
class EarlyReader::Impl {
  public:
    static Result<std::unique_ptr<Impl>> make(const std::filesystem::path& base, When when) {
        auto impl = std::make_unique<Impl>();
        impl->when_ = when;
        TRY(impl->tree_, Tree::open(base));
        impl->events_ = net::Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
        impl->wake_ = net::Fd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        struct stat info{};
        if (!impl->events_ || !impl->wake_ || ::fstat(impl->tree_->fd(), &info) != 0 || !impl->add_folder("."))
            return fail(Code::unavailable, "base.cannot-read", {{"path", base.string()}}).detail(std::strerror(errno));
        impl->device_ = info.st_dev;
        impl->thread_ = std::thread([raw = impl.get()] { raw->work(); });
        return impl;
    }
    ~Impl() { finish(); }

    void finish() {
        if (!thread_.joinable()) return;
        stopping_ = true;
        const std::uint64_t one = 1;
        (void)!::write(wake_.get(), &one, sizeof one);
        thread_.join();
        listen();  // whoever wrote has closed all by now, and been told of
    }

    std::optional<crypto::Sha256> content(const Entry& entry) const {
        // A file of several names may have been written to by one that is not watched.
        if (entry.device != device_ || entry.links != 1) return std::nullopt;
        const auto found = files_.find(entry.inode);
        if (found == files_.end() || !found->second.hash || found->second.size != entry.size) return std::nullopt;
        return found->second.hash;
    }
    std::size_t read() const { return read_; }

  private:
    void work() {
        // Behind the engine in the queue, too.
        const sched_param none{};
        (void)::sched_setscheduler(0, SCHED_IDLE, &none);
        while (!stopping_) {
            listen();
            if (lost_) return;
            const bool spare = when_ == When::always || processors_.spare();
            auto pause = look_again;
            if (!waiting_.empty() && spare) {
                if (waiting_.begin()->first <= Steady::now()) {
                    read_next();
                    continue;
                }
                pause = std::min(pause,
                                 std::chrono::ceil<std::chrono::milliseconds>(waiting_.begin()->first - Steady::now()));
            }
            std::array<pollfd, 2> wanted{pollfd{events_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
            (void)::poll(wanted.data(), wanted.size(), int(std::max(pause, 1ms).count()));
        }
    }

    void read_next() {
        const auto [due, inode] = *waiting_.begin();
        waiting_.erase(waiting_.begin());
        auto& seen = files_[inode];
        if (seen.due > due) {  // touched since it was put here
            waiting_.emplace(seen.due, inode);
            return;
        }
        ++seen.tries;
        Entry entry;
        entry.path = std::exchange(seen.path, {});
        current_ = inode;
        const auto hashed = hash_file(*tree_, entry, 0, [this](std::uint64_t) {
            listen();
            return current_ != 0 && !stopping_;
        });
        listen();
        const bool untouched = current_ == inode;
        current_ = 0;
        if (lost_ || !untouched || !hashed.whole || entry.inode != inode) return;
        seen.hash = hashed.whole;
        seen.size = entry.size;
        ++read_;
    }

    // What the kernel has told since the last time.
    void listen() {
        alignas(inotify_event) std::array<char, 64 * 1024> buffer;
        for (;;) {
            const auto count = ::read(events_.get(), buffer.data(), buffer.size());
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) return;
            for (const auto* at = buffer.data(); at < buffer.data() + count;) {
                inotify_event event{};
                std::memcpy(&event, at, sizeof event);
                const char* name = event.len > 0 ? at + sizeof event : "";
                see(event, name);
                at += sizeof event + event.len;
            }
        }
    }

    void see(const inotify_event& event, const char* name) {
        if (event.mask & IN_Q_OVERFLOW) return forget_all();
        const auto folder = folders_.find(event.wd);
        if (folder == folders_.end() || *name == '\0') return;
        if (event.mask & IN_IGNORED) {
            folders_.erase(folder);
            return;
        }
        auto path = folder->second == "." ? std::string(name) : folder->second + "/" + name;
        if (event.mask & IN_ISDIR) {
            if (event.mask & (IN_CREATE | IN_MOVED_TO)) (void)add_folder(std::move(path));
        } else if (event.mask & (IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_TO)) {
            touch(std::move(path));
        }
    }

    void touch(std::string path) {
        struct stat info{};
        if (!tree_->stat_below(path, info) || !S_ISREG(info.st_mode)) return;
        if (current_ == info.st_ino) current_ = 0;
        const auto found = files_.find(info.st_ino);
        if (found == files_.end() && files_.size() >= most_known) return;
        auto& seen = found == files_.end() ? files_[info.st_ino] : found->second;
        seen.hash.reset();
        if (seen.tries >= most_tries) return;
        seen.due = Steady::now() + quiet * (1 << seen.tries);
        const bool waits = !seen.path.empty();
        if (!waits && waiting_.size() >= most_waiting) return;
        seen.path = std::move(path);  // it may have been renamed
        if (!waits) waiting_.emplace(seen.due, info.st_ino);
    }

    // Watched first and looked into afterwards: nothing that is put into it meanwhile goes unseen.
    bool add_folder(std::string path) {
        auto opened = tree_->open_below(path, O_RDONLY | O_DIRECTORY | O_NONBLOCK);
        if (!opened) return false;
        const auto link = "/proc/self/fd/" + std::to_string(opened.get()) + "/.";
        const int watch = ::inotify_add_watch(events_.get(), link.c_str(), of_interest);
        if (watch < 0) return false;  // its files are read as usual
        folders_[watch] = path;
        const auto close = [](DIR* stream) { ::closedir(stream); };
        const std::unique_ptr<DIR, decltype(close)> stream(::fdopendir(opened.get()), close);
        if (!stream) return false;
        (void)opened.release();  // the stream closes it now
        while (const auto* item = ::readdir(stream.get())) {
            const std::string_view name = item->d_name;
            if (name == "." || name == "..") continue;
            auto below = path == "." ? std::string(name) : path + "/" + std::string(name);
            if (item->d_type == DT_DIR)
                (void)add_folder(std::move(below));
            else
                touch(std::move(below));
        }
        return true;
    }

    void forget_all() {
        lost_ = true;
        files_.clear();
        waiting_.clear();
    }

    When when_ = When::spare;
    Processors processors_;
    std::optional<Tree> tree_;
    net::Fd events_, wake_;
    std::uint64_t device_ = 0;
    std::atomic<bool> stopping_ = false;
    std::atomic<std::size_t> read_ = 0;
    bool lost_ = false;          // the kernel could not keep up telling: nothing is known
    std::uint64_t current_ = 0;  // the inode that is being read; 0: none, or it was written to
    std::unordered_map<int, std::string> folders_;
    std::unordered_map<std::uint64_t, Seen> files_;             // by inode
    std::multimap<Steady::time_point, std::uint64_t> waiting_;  // inodes, by when they are due
    std::thread thread_;
};

Result<EarlyReader> EarlyReader::start(const std::filesystem::path& base, When when) {
    TRY(auto impl, Impl::make(base, when));
    return EarlyReader(std::move(impl));
}

EarlyReader::EarlyReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EarlyReader::EarlyReader(EarlyReader&&) noexcept = default;
EarlyReader::~EarlyReader() = default;

void EarlyReader::finish() {
    impl_->finish();
}
std::optional<crypto::Sha256> EarlyReader::content(const Entry& entry) const {
    return impl_->content(entry);
}
std::size_t EarlyReader::read() const {
    return impl_->read();
}

}  // namespace tilsyn::backup
