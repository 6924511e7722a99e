#include "backup/manifest/walk.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using Steady = std::chrono::steady_clock;

constexpr std::size_t window = 16 * 1024;  // entries under way
constexpr std::size_t deepest = 1000;      // folders in folders, each an open descriptor
constexpr auto report_every = std::chrono::milliseconds(200);
// A file written to in the very moment after it was read may bear the time that it bore before: what had just changed
// when the earlier walk began, or changed during it, is read again.
constexpr auto too_recent = std::chrono::seconds(2);

struct Item {
    Entry entry;
    std::optional<crypto::Sha256> expected;  // read again, though it should not have changed
    std::atomic<bool> done = false;
};

// The threads that read files. Small files are handed to them by the dozen: waking a thread costs more than reading
// one.
class Readers {
  public:
    Readers(const Tree& tree, const WalkRequest& request) : tree_(tree), request_(request) {
        for (unsigned i = 0; i < std::max(1U, request.threads); ++i) threads_.emplace_back([this] { work(); });
    }
    ~Readers() {
        {
            const std::scoped_lock lock(mutex_);
            ending_ = true;
        }
        work_.notify_all();
        for (auto& thread : threads_) thread.join();
    }
    Readers(const Readers&) = delete;
    Readers& operator=(const Readers&) = delete;

    void give(Item* item) {
        batch_.push_back(item);
        batch_bytes_ += item->entry.size;
        if (batch_.size() >= batch_items || batch_bytes_ >= batch_size) flush();
    }
    // Waits for it, but not so long that nobody could be told how far it is.
    bool wait_for(const Item& item) {
        if (item.done) return true;
        flush();
        std::unique_lock lock(mutex_);
        return ready_.wait_for(lock, report_every, [&] { return item.done.load(); });
    }

  private:
    static constexpr std::size_t batch_items = 64;
    static constexpr std::uint64_t batch_size = 1 << 20;

    void flush() {
        if (batch_.empty()) return;
        {
            const std::scoped_lock lock(mutex_);
            queue_.push_back(std::move(batch_));
        }
        work_.notify_one();
        batch_ = {};
        batch_bytes_ = 0;
    }

    void work() {
        for (;;) {
            std::vector<Item*> batch;
            {
                std::unique_lock lock(mutex_);
                work_.wait(lock, [&] { return ending_ || !queue_.empty(); });
                if (ending_) return;
                batch = std::move(queue_.front());
                queue_.pop_front();
            }
            for (auto* item : batch) {
                if (const auto content = request_.content ? request_.content(item->entry) : std::nullopt)
                    look_only(tree_, item->entry, *content);
                else
                    hash_file(tree_, item->entry, 0,
                              [&](std::uint64_t) { return !ending_ && !(request_.stopping && request_.stopping()); });
                item->done = true;
            }
            {
                const std::scoped_lock lock(mutex_);  // between the look and the wait of wait_for()
            }
            ready_.notify_one();
        }
    }

    const Tree& tree_;
    const WalkRequest& request_;
    std::vector<Item*> batch_;  // of the calling thread: not handed on yet
    std::uint64_t batch_bytes_ = 0;
    std::mutex mutex_;
    std::condition_variable work_, ready_;
    std::deque<std::vector<Item*>> queue_;
    std::atomic<bool> ending_ = false;
    std::vector<std::thread> threads_;
};

// What an earlier manifest knows, asked for in its own order.
class Known {
  public:
    explicit Known(ManifestReader* reader) : reader_(reader) {}
    const Entry* find(std::string_view path) {
        while (reader_ != nullptr && (!entry_ || compare_paths(entry_->path, path) < 0)) {
            auto next = reader_->next();
            if (!next || !*next) {
                reader_ = nullptr;  // a damaged one knows nothing: all is read
                entry_.reset();
            } else {
                entry_ = std::move(**next);
            }
        }
        return entry_ && entry_->path == path ? &*entry_ : nullptr;
    }
    // Had it been as it is for a while, when it was read?
    bool settled(const Entry& entry) const {
        const auto changed = Timestamp(std::chrono::ceil<Duration>(std::chrono::nanoseconds(entry.ctime)));
        return reader_ != nullptr && changed < reader_->started() - too_recent;
    }

  private:
    ManifestReader* reader_;
    std::optional<Entry> entry_;
};

struct Directory {
    explicit Directory(net::Fd fd) : stream(fd ? ::fdopendir(fd.get()) : nullptr) {
        if (stream != nullptr) fd_ = fd.release();  // the stream closes it now
    }
    ~Directory() {
        if (stream != nullptr) ::closedir(stream);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    int fd() const { return fd_; }

    DIR* stream;

  private:
    int fd_ = -1;
};

class Walk {
  public:
    Walk(const WalkRequest& request, const Tree& tree, const std::function<Result<void>(Entry&&)>& sink)
        : request_(request), tree_(tree), sink_(sink), known_(request.known) {
        if (request.read) readers_.emplace(tree, request);
    }

    Result<WalkTotals> run() {
        for (const auto& root : request_.roots.paths) {
            struct stat info{};
            if (!tree_.stat_below(root, info)) {
                const auto path = (request_.roots.base / root).string();
                return fail(errno == ENOENT || errno == ENOTDIR ? Code::not_found : Code::io, "backup.no-source",
                            {{"path", path}})
                    .detail(std::strerror(errno));
            }
            TRY_VOID(visit(root, info, nullptr));
        }
        while (!window_.empty()) TRY_VOID(hand_on(true));
        report(true);
        return std::move(totals_);
    }

  private:
    struct Above {  // the folders that one is in
        const Above* above;
        std::uint64_t device, inode;
        std::size_t depth;
    };

    Result<void> visit(const std::string& path, const struct stat& info, const Above* above) {
        if (request_.stopping && request_.stopping()) return fail(Code::cancelled, "backup.stopped");
        if (request_.exclusions.covers(path)) {
            ++totals_.excluded;
            return {};
        }
        auto entry = look(info);
        entry.path = path;
        if (entry.type == Type::link) {
            entry.target = tree_.read_link(path, entry.size);
            if (entry.target.empty()) entry.trouble = std::strerror(errno);
        }
        if (entry.type != Type::folder) return add(std::move(entry));
        return visit_folder(std::move(entry), above);
    }

    Result<void> visit_folder(Entry entry, const Above* above) {
        const Above here{above, entry.device, entry.inode, above == nullptr ? 1 : above->depth + 1};
        const auto path = entry.path;
        std::vector<std::string> names;
        const auto opened = open_folder(entry, here, names);
        TRY_VOID(add(std::move(entry)));
        const int folder = opened ? opened->fd() : -1;
        if (folder < 0) return {};
        for (const auto& name : names) {
            struct stat info{};
            if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
                if (errno == ENOENT) continue;  // gone since we read its name
                Entry unseen;
                unseen.path = path + "/" + name;
                unseen.trouble = std::strerror(errno);
                TRY_VOID(add(std::move(unseen)));
                continue;
            }
            TRY_VOID(visit(path + "/" + name, info, &here));
        }
        return {};
    }

    // Reads the names in it, in order; the trouble there is goes into the entry.
    std::unique_ptr<Directory> open_folder(Entry& entry, const Above& here, std::vector<std::string>& names) {
        for (const auto* folder = here.above; folder != nullptr; folder = folder->above)
            if (folder->device == here.device && folder->inode == here.inode) {
                entry.trouble = "it holds itself (a mount in a loop)";
                return nullptr;
            }
        if (here.depth > deepest) {
            entry.trouble = "more than 1000 folders deep";
            return nullptr;
        }
        auto directory = std::make_unique<Directory>(tree_.open_below(entry.path, O_RDONLY | O_DIRECTORY | O_NONBLOCK));
        if (directory->stream == nullptr) {
            entry.trouble = std::strerror(errno);
            return nullptr;
        }
        entry.attributes = hash_attributes(directory->fd());
        for (;;) {
            errno = 0;
            const auto* item = ::readdir(directory->stream);
            if (item == nullptr) break;
            const std::string_view name = item->d_name;
            if (name != "." && name != "..") names.emplace_back(name);
        }
        if (errno != 0) entry.trouble = std::strerror(errno);
        std::ranges::sort(names);
        return directory;
    }

    // Into the window: to be read first, or to be handed on as it is.
    Result<void> add(Entry&& entry) {
        while (window_.size() >= window) TRY_VOID(hand_on(true));
        auto item = std::make_unique<Item>();
        item->entry = std::move(entry);
        const bool nothing_to_read =
            !readers_ || item->entry.type != Type::file || !item->entry.trouble.empty() || use_known(*item);
        item->done = nothing_to_read;
        auto* raw = item.get();
        window_.push_back(std::move(item));
        if (!nothing_to_read) readers_->give(raw);
        while (!window_.empty()) {
            TRY(const bool handed, try_hand_on());
            if (!handed) break;
        }
        report(false);
        return {};
    }

    // True: an earlier manifest knows its hash, and it need not be read.
    bool use_known(Item& item) {
        auto& entry = item.entry;
        const auto* earlier = known_.find(entry.path);
        if (earlier == nullptr || !earlier->hash || earlier->moved != Moved::no || !earlier->trouble.empty() ||
            earlier->type != entry.type || earlier->size != entry.size || earlier->mtime != entry.mtime ||
            earlier->ctime != entry.ctime || earlier->inode != entry.inode)
            return false;
        if (!known_.settled(*earlier)) return false;
        if (chosen(entry.path)) {
            item.expected = earlier->hash;
            return false;
        }
        entry.hash = earlier->hash;
        entry.attributes = earlier->attributes;  // setting one moves the ctime
        ++totals_.reused;
        return true;
    }

    bool chosen(std::string_view path) const {
        const auto hash = crypto::sha256({std::string_view(reinterpret_cast<const char*>(&request_.seed), 8), path});
        const auto value = double((hash[0] << 16) | (hash[1] << 8) | hash[2]) / double(1 << 24);
        return value < request_.read_again;
    }

    Result<bool> try_hand_on() {
        if (!window_.front()->done) return false;
        TRY_VOID(hand_on(false));
        return true;
    }

    Result<void> hand_on(bool wait) {
        auto& item = *window_.front();
        while (wait && readers_ && !readers_->wait_for(item)) {
            report(false);
            if (request_.stopping && request_.stopping()) return fail(Code::cancelled, "backup.stopped");
        }
        auto& entry = item.entry;
        if (item.expected && entry.hash && *entry.hash != *item.expected) totals_.rotted.push_back(entry.path);
        totals_.counts.add(entry);
        TRY_VOID(sink_(std::move(entry)));
        window_.pop_front();
        return {};
    }

    void report(bool now) {
        if (!request_.progress || (!now && Steady::now() < next_report_)) return;
        next_report_ = Steady::now() + report_every;
        request_.progress({totals_.counts.entries, totals_.counts.bytes});
    }

    const WalkRequest& request_;
    const Tree& tree_;
    const std::function<Result<void>(Entry&&)>& sink_;
    Known known_;
    WalkTotals totals_;
    std::deque<std::unique_ptr<Item>> window_;
    std::optional<Readers> readers_;  // after the window: its threads end before the items do
    Steady::time_point next_report_{};
};

}  // namespace

bool Exclusions::covers(std::string_view path) const {
    for (const auto& excluded : paths)
        if (is_within(path, excluded)) return true;
    if (names.empty()) return false;
    const auto slash = path.rfind('/');
    const std::string name(slash == path.npos ? path : path.substr(slash + 1));
    return std::ranges::any_of(
        names, [&](const std::string& pattern) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; });
}

Result<WalkTotals> walk(const WalkRequest& request, const std::function<Result<void>(Entry&&)>& sink) {
    TRY(const auto tree, Tree::open(request.roots.base));
    return Walk(request, tree, sink).run();
}

}  // namespace tilsyn::backup
