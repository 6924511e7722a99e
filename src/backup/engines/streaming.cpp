#include "backup/engines/streaming.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "backup/manifest/sorter.hpp"
#include "backup/manifest/tar.hpp"
#include "net/fd.hpp"

namespace tilsyn::backup {
namespace {

// What must be known before a file goes by: of which the beginning counts, and which have several names.
Result<void> prepare(const StreamedSet& what, TarRequest& request) {
    TRY(auto manifest, ManifestReader::open(what.manifests, what.manifest));
    for (;;) {
        TRY(const auto entry, manifest.next());
        if (!entry) return {};
        if (entry->type != Type::file) continue;
        if (entry->moved == Moved::grown) request.beginnings.emplace(entry->path, entry->size);
        if (entry->links > 1) request.linked.insert(entry->path);
    }
}

}  // namespace

Result<Comparison> compare_streamed(Engine& engine, const StreamedSet& what, const Watch& watch) {
    TarRequest request{.read = {}, .roots = what.roots, .most = what.most, .progress = what.progress};
    TRY_VOID(prepare(what, request));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail(Code::unavailable, "backup.bad-stream").detail(std::strerror(errno));
    net::Fd from(ends[0]), to(ends[1]);
    Result<void> given;
    std::thread giving([&] {
        given = engine.stream(what.set, to.get(), watch);
        to.close();  // which is how the reader learns that it is over
    });
    bool ended = false;
    request.read = [&](char* buffer, std::size_t size) -> Result<std::size_t> {
        for (;;) {
            const auto count = ::read(from.get(), buffer, size);
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return fail(Code::io, "backup.bad-stream").detail(std::strerror(errno));
            ended = ended || count == 0;
            return std::size_t(count);
        }
    };
    Sorter sorter(what.scratch);
    const auto read = read_tar(request, [&](Entry&& entry) { return sorter.add(std::move(entry)); });
    from.close();  // an engine that is still writing ends by that
    giving.join();
    // One that stopped by itself says why; one that was cut off has nothing to say that we do not know.
    if (!given && (read || ended)) return std::unexpected(given.error());
    TRY_VOID(read);
    TRY(auto manifest, ManifestReader::open(what.manifests, what.manifest));
    return compare_entries({.manifest = &manifest, .restored = {.roots = {}}, .tolerance = what.tolerance},
                           [&](const std::function<Result<void>(Entry&&)>& sink) { return sorter.finish(sink); });
}

}  // namespace tilsyn::backup
