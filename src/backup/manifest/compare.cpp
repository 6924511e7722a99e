#include "backup/manifest/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace tilsyn::backup {
namespace {

constexpr std::array<std::string_view, difference_kinds> words{"missing", "unreadable", "content",    "size",  "type",
                                                               "torn",    "extra",      "target",     "mode",  "owner",
                                                               "time",    "names",      "attributes", "sparse"};
constexpr std::size_t kept = 100;

// Goes through the entries of a manifest beside those of a walk.
class Beside {
  public:
    explicit Beside(ManifestReader& reader) : reader_(reader) {}
    // The entries before `path`, each to `alone`; then the one of that path, if there is one.
    template <class Alone>
    Result<std::optional<Entry>> up_to(std::string_view path, const Alone& alone) {
        for (;;) {
            TRY_VOID(fill());
            if (!entry_) return std::nullopt;
            const auto order = compare_paths(entry_->path, path);
            if (order > 0) return std::nullopt;
            auto entry = std::exchange(entry_, std::nullopt);
            if (order == 0) return entry;
            TRY_VOID(alone(std::move(*entry)));
        }
    }
    template <class Alone>
    Result<void> rest(const Alone& alone) {
        for (;;) {
            TRY_VOID(fill());
            if (!entry_) return {};
            auto entry = std::exchange(entry_, std::nullopt);
            TRY_VOID(alone(std::move(*entry)));
        }
    }

  private:
    Result<void> fill() {
        if (entry_ || ended_) return {};
        TRY(entry_, reader_.next());
        ended_ = !entry_;
        return {};
    }
    ManifestReader& reader_;
    std::optional<Entry> entry_;
    bool ended_ = false;
};

// Files under several names: is what was one still one? Each inode on the one side must be one on the other.
class Names {
  public:
    void see(const Entry& was, const Entry& is, Comparison& out) {
        if (was.type != Type::file || (was.links < 2 && is.links < 2)) return;
        const std::pair left{was.device, was.inode}, right{is.device, is.inode};
        const auto [forward, new_left] = to_.try_emplace(left, right);
        const auto [backward, new_right] = from_.try_emplace(right, left);
        if (forward->second != right || backward->second != left) out.add(Difference::names, was.path);
    }

  private:
    using Inode = std::pair<std::uint64_t, std::uint64_t>;
    std::map<Inode, Inode> to_, from_;
};

// Some drop what is below a step, others round it.
bool within(std::int64_t a, std::int64_t b, std::int64_t step) {
    return std::max(a, b) - std::min(a, b) < step;
}

class Judge {
  public:
    Judge(const CompareRequest& request, const Tree* tree) : request_(request), tree_(tree) {}

    Comparison out;

    Result<void> not_restored(const Entry& was) {
        if (!counts(was)) return {};
        if (was.type == Type::socket) return {};  // it holds nothing, and whoever listens makes it anew: none keeps it
        const bool special = was.type == Type::fifo || was.type == Type::character || was.type == Type::block;
        if (special && !request_.tolerance.special) return {};
        if (was.type == Type::folder && !request_.tolerance.empty_folders) return {};  // of another, its files tell
        if (was.moved == Moved::gone || unknown_then(was))
            ++out.moved;
        else if (was.trouble.empty())  // what could not be read was said when the backup was made
            out.add(Difference::missing, was.path);
        return {};
    }

    void only_restored(const Entry& is) {
        leave_folders(is.path);
        // What came and went while the backup ran leaves its trace on the folder it was in alone.
        const auto slash = is.path.rfind('/');
        const auto folder = slash == is.path.npos ? std::string_view() : std::string_view(is.path).substr(0, slash);
        if (!unsettled_.empty() && std::ranges::any_of(unsettled_, [&](const auto& path) { return folder == path; }))
            came_and_went(is);
        else
            out.add(Difference::extra, is.path);
    }

    void pair(const Entry& was, const Entry& is) {
        leave_folders(was.path);
        if (was.type == Type::folder && was.moved != Moved::no) unsettled_.push_back(was.path);
        if (!counts(was)) return;
        if (!is.trouble.empty()) return out.add(Difference::unreadable, was.path, is.trouble);
        if (was.type != is.type) {
            if (was.moved == Moved::no)
                return out.add(Difference::type, was.path,
                               fmt::format("{} → {}", to_string(was.type), to_string(is.type)));
            ++out.moved;
            return;
        }
        if (was.moved != Moved::no) ++out.moved;
        if (unknown_then(was)) return;
        if (was.type == Type::file && !content(was, is)) return;
        if (was.type == Type::link && was.target != is.target && was.moved == Moved::no)
            out.add(Difference::target, was.path, escape_path(was.target) + " → " + escape_path(is.target));
        if ((was.type == Type::character || was.type == Type::block) && was.node != is.node)
            out.add(Difference::type, was.path);
        if (was.moved == Moved::no) about(was, is);
        if (request_.tolerance.names) names_.see(was, is, out);
    }

  private:
    // What it held when the engine read it, if it was there at all, nobody has seen.
    static bool unknown_then(const Entry& was) { return was.moved == Moved::appeared || was.moved == Moved::later; }

    void came_and_went(const Entry& is) {
        ++out.moved;
        if (is.type == Type::folder) unsettled_.push_back(is.path);  // and all that was in it
    }

    bool counts(const Entry& was) {
        if (request_.chosen && !request_.chosen(was)) {
            ++out.skipped;
            return false;
        }
        ++out.entries;
        if (was.type == Type::file) {
            ++out.files;
            out.bytes += was.size;
        }
        return true;
    }

    // The folders that changed, of those that one is still in.
    void leave_folders(std::string_view path) {
        while (!unsettled_.empty() && !is_within(path, unsettled_.back())) unsettled_.pop_back();
    }

    // False: a difference was said, and nothing more need be.
    bool content(const Entry& was, const Entry& is) {
        if (!was.hash) return true;  // it could not be read then: nothing to compare with
        if (is.hash == was.hash && is.size == was.size) return true;
        if (was.hash_after && is.hash == was.hash_after) return true;
        if (was.moved == Moved::grown && is.size >= was.size) {
            if (is.hash_after == was.hash) return true;
            auto again = is;
            if (tree_ != nullptr && hash_file(*tree_, again, was.size).first == was.hash) return true;
        }
        if (was.moved == Moved::torn)
            out.add(Difference::torn, was.path);
        else if (is.size != was.size)
            out.add(Difference::size, was.path, fmt::format("{} → {}", was.size, is.size));
        else
            out.add(Difference::content, was.path);
        return false;
    }

    void about(const Entry& was, const Entry& is) {
        const auto& tolerance = request_.tolerance;
        if (was.type != Type::link) {  // a link has no mode of its own, and few can restore its times
            if (tolerance.modes && was.mode != is.mode)
                out.add(Difference::mode, was.path, fmt::format("{:04o} → {:04o}", was.mode, is.mode));
            const auto wanted = std::clamp(was.mtime, tolerance.earliest_time, tolerance.latest_time);
            const bool timed = was.type != Type::folder || tolerance.folder_times;
            if (timed && !within(wanted, is.mtime, tolerance.time_step) && wanted == was.mtime)
                out.add(Difference::time, was.path);
        }
        if (tolerance.owners && (was.uid != is.uid || was.gid != is.gid))
            out.add(Difference::owner, was.path, fmt::format("{}:{} → {}:{}", was.uid, was.gid, is.uid, is.gid));
        if (tolerance.attributes && was.attributes != is.attributes) out.add(Difference::attributes, was.path);
        // Half of it at least: file systems round, and pack small files.
        if (was.type == Type::file && was.size - was.allocated > 1 << 20 &&
            is.size - is.allocated < (was.size - was.allocated) / 2)
            out.add(Difference::sparse, was.path);
    }

    const CompareRequest& request_;
    const Tree* tree_;  // none: there is nothing to be read again
    std::vector<std::string> unsettled_;
    Names names_;
};

bool same_at_a_look(const Entry& a, const Entry& b) {
    return a.type == b.type && a.mode == b.mode && a.uid == b.uid && a.gid == b.gid && a.size == b.size &&
           a.mtime == b.mtime && a.ctime == b.ctime && a.inode == b.inode && a.links == b.links &&
           a.target == b.target && a.node == b.node;
}

// What has become of an entry that a second look finds otherwise.
Entry moved(Entry was, Entry is, const Tree& tree) {
    if (was.type != is.type || (was.inode != is.inode && was.type != Type::folder)) {
        was.moved = Moved::replaced;
        if (is.type == Type::file) was.hash_after = hash_file(tree, is).whole;
        return was;
    }
    was.moved = Moved::touched;
    if (was.type != Type::file) return was;
    // Only its ctime moved: a name more or less, or an owner; the content is what it was, unless somebody sets times.
    const auto hashed = hash_file(tree, is, was.size);
    if (hashed.whole == was.hash) return was;
    was.hash_after = hashed.whole;
    was.moved = is.size > was.size && hashed.first && hashed.first == was.hash ? Moved::grown : Moved::torn;
    return was;
}

}  // namespace

std::string_view to_string(Difference difference) {
    return words[std::size_t(difference)];
}

bool loses_data(Difference difference) {
    return difference <= Difference::torn;
}

void Comparison::add(Difference difference, const std::string& path, std::string said) {
    if (counts[std::size_t(difference)]++ < kept) found.push_back({difference, path, std::move(said)});
}

std::uint64_t Comparison::faults() const {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) - count(Difference::sparse);
}

std::uint64_t Comparison::lost() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < difference_kinds; ++i) sum += loses_data(Difference(i)) ? counts[i] : 0;
    return sum;
}

namespace {

Result<Comparison> compare_with(const CompareRequest& request, const Tree* tree, const Feed& feed) {
    Judge judge(request, tree);
    Beside beside(*request.manifest);
    const auto alone = [&](const Entry& was) { return judge.not_restored(was); };
    TRY_VOID(feed([&](Entry&& is) -> Result<void> {
        TRY(const auto was, beside.up_to(is.path, alone));
        if (was)
            judge.pair(*was, is);
        else
            judge.only_restored(is);
        return {};
    }));
    TRY_VOID(beside.rest(alone));
    return std::move(judge.out);
}

}  // namespace

Result<Comparison> compare_restored(const CompareRequest& request) {
    TRY(const auto tree, Tree::open(request.restored.roots.base));
    // A root that was not restored at all: everything in the manifest below it is missing, which is what is said.
    auto restored = request.restored;
    std::erase_if(restored.roots.paths, [&](const std::string& root) {
        struct stat info{};
        return !tree.stat_below(root, info);
    });
    return compare_with(request, &tree, [&](const auto& sink) -> Result<void> {
        TRY_VOID(walk(restored, sink));
        return {};
    });
}

Result<Comparison> compare_entries(const CompareRequest& request, const Feed& feed) {
    return compare_with(request, nullptr, feed);
}

Result<WalkTotals> look_again(ManifestReader& before, const WalkRequest& source,
                              const std::function<Result<void>(Entry&&)>& sink) {
    TRY(const auto tree, Tree::open(source.roots.base));
    Beside beside(before);
    const auto gone = [&](Entry&& was) {
        was.moved = Moved::gone;
        return sink(std::move(was));
    };
    auto request = source;
    request.read = false;
    TRY(auto totals, walk(request, [&](Entry&& is) -> Result<void> {
            TRY(auto was, beside.up_to(is.path, gone));
            if (!was) {
                if (is.type == Type::file && is.trouble.empty()) hash_file(tree, is);
                is.moved = Moved::appeared;
                return sink(std::move(is));
            }
            if (same_at_a_look(*was, is)) return sink(std::move(*was));
            return sink(moved(std::move(*was), std::move(is), tree));
        }));
    TRY_VOID(beside.rest(gone));
    return totals;
}

}  // namespace tilsyn::backup
