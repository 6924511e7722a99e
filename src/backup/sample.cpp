#include "backup/sample.hpp"

#include <algorithm>
#include <queue>
#include <utility>

#include "crypto/hash.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::size_t by_lot = 60, newest = 20, largest = 3;
constexpr std::uint64_t largest_bytes = 512u << 20;  // of the largest ones
constexpr std::size_t most_paths = 2000;  // that an engine is told: it holds each entry of a set against each
constexpr std::uint64_t each = 64 << 10;  // bytes that an entry costs besides its content

// Those of a few that come first.
template <class Key, class Order>
class Few {
  public:
    explicit Few(std::size_t most) : most_(most) {}
    void add(Key key, const Entry& entry) {
        items_.emplace(std::move(key), std::pair(entry.path, entry.size));
        if (items_.size() > most_) items_.pop();
    }
    template <class Take>
    void drain(const Take& take) {
        for (; !items_.empty(); items_.pop()) take(items_.top().second.first, items_.top().second.second);
    }

  private:
    using Item = std::pair<Key, std::pair<std::string, std::uint64_t>>;
    std::size_t most_;
    std::priority_queue<Item, std::vector<Item>, Order> items_;
};

// The part whose turn it is: entries one after another, in which folders that are there whole stand for what they hold.
class Part {
  public:
    Part(const SampleRequest& request, Sample& out)
        : request_(request), out_(out), share_(request.total / std::max<std::uint64_t>(request.parts, 1) + 1) {}

    void see(const Entry& entry) {
        if (ended_ || (!request_.after.empty() && compare_paths(entry.path, request_.after) <= 0)) return;
        leave(entry.path);
        if (out_.cost >= share_ || paths_.size() >= most_paths) {
            ended_ = true;
            return;
        }
        if (out_.from.empty()) out_.from = entry.path;
        out_.until = entry.path;
        out_.cost += cost_of(entry);
        if (entry.type == Type::folder) {
            open_.push_back({entry.path, paths_.size(), true});
        } else if (entry.type == Type::file && (entry.size > request_.room || bytes_ > request_.room - entry.size)) {
            ++out_.too_large;
            for (auto& folder : open_) folder.whole = false;
        } else {
            if (entry.type == Type::file) bytes_ += entry.size;
            paths_.push_back(entry.path);
        }
    }
    std::vector<std::string> end() {
        // To the end of the manifest it went: what is open has nothing more in it.
        if (!ended_) leave({});
        return std::move(paths_);
    }
    std::uint64_t bytes() const { return bytes_; }
    bool at_the_end() const { return !ended_; }

  private:
    struct Open {
        std::string path;
        std::size_t first;  // of the paths in it
        bool whole;
    };
    void leave(std::string_view path) {
        while (!open_.empty() && (path.empty() || !is_within(path, open_.back().path))) {
            if (open_.back().whole) {
                paths_.resize(open_.back().first);
                paths_.push_back(std::move(open_.back().path));
            }
            open_.pop_back();
        }
    }

    const SampleRequest& request_;
    Sample& out_;
    std::uint64_t share_, bytes_ = 0;
    std::vector<std::string> paths_;
    std::vector<Open> open_;
    bool ended_ = false;
};

}  // namespace

bool Sample::covers(std::string_view path) const {
    for (;;) {
        if (chosen.contains(path)) return true;
        const auto slash = path.rfind('/');
        if (slash == path.npos) return false;
        path = path.substr(0, slash);
    }
}

std::uint64_t cost_of(const Entry& entry) {
    return each + (entry.type == Type::file ? entry.size : 0);
}

Result<Sample> choose_sample(ManifestReader& manifest, const SampleRequest& request) {
    Sample out;
    Part part(request, out);
    Few<crypto::Sha256, std::less<>> drawn(by_lot);
    Few<std::int64_t, std::greater<>> latest(newest), biggest(largest);
    for (;;) {
        TRY(const auto entry, manifest.next());
        if (!entry) break;
        part.see(*entry);
        // What moved may rightly be otherwise, and what was not read has nothing to be compared with.
        if (entry->type != Type::file || !entry->hash || entry->moved != Moved::no) continue;
        drawn.add(crypto::sha256({request.seed, entry->path}), *entry);
        latest.add(entry->mtime, *entry);
        if (entry->size <= largest_bytes) biggest.add(std::int64_t(entry->size), *entry);
    }
    for (auto& path : part.end()) out.chosen.insert(std::move(path));
    if (part.at_the_end()) out.until.clear();  // the next one begins anew
    out.bytes = part.bytes();
    const auto take = [&](const std::string& path, std::uint64_t size) {
        if (out.covers(path)) return;
        if (size > request.room || out.bytes > request.room - size) {
            ++out.too_large;
            return;
        }
        out.bytes += size;
        out.chosen.insert(path);
    };
    drawn.drain(take);
    latest.drain(take);
    biggest.drain(take);
    out.only.assign(out.chosen.begin(), out.chosen.end());
    return out;
}

}  // namespace tilsyn::backup
