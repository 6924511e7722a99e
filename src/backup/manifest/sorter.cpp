#include "backup/manifest/sorter.hpp"

#include <algorithm>
#include <optional>
#include <queue>

namespace tilsyn::backup {

Result<void> Sorter::add(Entry&& entry) {
    entries_.push_back(std::move(entry));
    return entries_.size() < held_ ? Result<void>() : put_down();
}

Result<void> Sorter::sort() {
    std::ranges::sort(entries_, [](const Entry& a, const Entry& b) { return compare_paths(a.path, b.path) < 0; });
    const auto twice = std::ranges::adjacent_find(entries_, std::equal_to(), &Entry::path);
    if (twice != entries_.end()) return fail(Code::corrupt, "backup.bad-stream").detail(escape_path(twice->path));
    return {};
}

Result<void> Sorter::put_down() {
    TRY_VOID(sort());
    TRY(auto writer, ManifestWriter::create(folder_, "run-" + std::to_string(runs_.size()), Timestamp{}));
    for (const auto& entry : entries_) TRY_VOID(writer.add(entry));
    entries_.clear();
    TRY(auto finished, writer.finish());
    runs_.push_back(std::move(finished.digest));
    return {};
}

Result<void> Sorter::finish(const std::function<Result<void>(Entry&&)>& sink) {
    if (runs_.empty()) {
        TRY_VOID(sort());
        for (auto& entry : entries_) TRY_VOID(sink(std::move(entry)));
        return {};
    }
    if (!entries_.empty()) TRY_VOID(put_down());
    std::vector<ManifestReader> readers;
    std::vector<Entry> heads;
    const auto later = [&](std::size_t a, std::size_t b) { return compare_paths(heads[a].path, heads[b].path) > 0; };
    std::priority_queue<std::size_t, std::vector<std::size_t>, decltype(later)> next(later);
    for (const auto& digest : runs_) {
        TRY(auto reader, ManifestReader::open(folder_, digest));
        TRY(auto first, reader.next());
        readers.push_back(std::move(reader));
        heads.push_back(std::move(*first));  // none is empty
    }
    for (std::size_t i = 0; i < heads.size(); ++i) next.push(i);
    std::optional<std::string> last;
    while (!next.empty()) {
        const auto at = next.top();
        next.pop();
        if (last == heads[at].path) return fail(Code::corrupt, "backup.bad-stream").detail(escape_path(*last));
        last = heads[at].path;
        TRY_VOID(sink(std::move(heads[at])));
        TRY(auto entry, readers[at].next());
        if (!entry) continue;
        heads[at] = std::move(*entry);
        next.push(at);
    }
    return {};
}

}  // namespace tilsyn::backup
