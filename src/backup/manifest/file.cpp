#include "backup/manifest/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/text.hpp"
#include "crypto/hash_stream.hpp"
#include "net/fd.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::string_view first_line = "#mtree v2.0";
constexpr std::string_view second_line = "# tilsyn-manifest 1 started=";
constexpr std::string_view last_line = "# tilsyn-end ";
constexpr std::size_t frame_bytes = 512 * 1024;   // of text: some two thousand entries
constexpr std::size_t longest_line = 256 * 1024;  // two paths of 64 KiB, and the rest
constexpr int window_log = 23;                    // a frame asks for no more memory than that: 8 MiB
constexpr int level = 1;                          // the time matters more than the room

Fail cannot(std::string_view key, const std::filesystem::path& path, int error) {
    return fail(error == ENOENT ? Code::not_found : Code::io, key, {{"path", path.string()}})
        .detail(std::strerror(error));
}

Fail not_a_manifest(const std::filesystem::path& path, std::string_view why) {
    return fail(Code::corrupt, "backup.manifest-damaged", {{"path", path.string()}}).detail(std::string(why));
}

std::string end_line(const ManifestCounts& counts) {
    return fmt::format("{}entries={} files={} bytes={}", last_line, counts.entries, counts.files, counts.bytes);
}

bool digest_like(std::string_view text) {
    return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

}  // namespace

void ManifestCounts::add(const Entry& entry) {
    ++entries;
    if (entry.type == Type::file) {
        ++files;
        bytes += entry.size;
    }
    if (!entry.trouble.empty()) ++troubles;
    if (entry.moved != Moved::no) ++moved;
    if (entry.moved == Moved::torn) ++torn;
}

std::filesystem::path manifest_path(const std::filesystem::path& folder, std::string_view digest) {
    return folder / digest.substr(0, 2) / (std::string(digest) + ".mtree.zst");
}

std::filesystem::path partial_manifest_path(const std::filesystem::path& folder, std::string_view name) {
    return folder / ("partial-" + std::string(name) + ".mtree.zst");
}

// --- writing ------------------------------------------------------------------------------------------------------

struct ManifestWriter::State {
    std::filesystem::path folder, path;
    net::Fd file;
    std::string text, compressed;
    std::string last;  // path
    ManifestCounts counts;
    crypto::Sha256Stream hash;
    std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};

    Result<void> put(std::string_view line) {
        text += line;
        text += '\n';
        return text.size() >= frame_bytes ? flush() : Result<void>();
    }
    Result<void> flush() {
        if (text.empty()) return {};
        hash.update(text);
        compressed.resize(ZSTD_compressBound(text.size()));
        const auto size =
            ZSTD_compressCCtx(context.get(), compressed.data(), compressed.size(), text.data(), text.size(), level);
        if (ZSTD_isError(size) != 0) return fail(Code::internal, "backup.cannot-compress");
        for (std::size_t done = 0; done < size;) {
            const auto put = ::write(file.get(), compressed.data() + done, size - done);
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return cannot("base.cannot-write", path, errno);
            done += std::size_t(put);
        }
        text.clear();
        return {};
    }
};

ManifestWriter::ManifestWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ManifestWriter::ManifestWriter(ManifestWriter&&) noexcept = default;
ManifestWriter::~ManifestWriter() {
    if (state_) (void)state_->flush();
}

Result<ManifestWriter> ManifestWriter::create(const std::filesystem::path& folder, std::string_view name,
                                              Timestamp started) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return cannot("base.cannot-write", folder, error.value());
    auto state = std::make_unique<State>();
    state->folder = folder;
    state->path = partial_manifest_path(folder, name);
    // A new file, so that one that is being read as the previous attempt stays whole for its reader.
    std::filesystem::remove(state->path, error);
    state->file = net::Fd(::open(state->path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!state->file) return cannot("base.cannot-write", state->path, errno);
    TRY_VOID(state->put(first_line));
    TRY_VOID(state->put(std::string(second_line) + format_utc_seconds(started)));
    return ManifestWriter(std::move(state));
}

Result<void> ManifestWriter::add(const Entry& entry) {
    if (state_->counts.entries > 0 && compare_paths(state_->last, entry.path) >= 0)
        return fail(Code::invalid, "backup.manifest-order", {{"path", escape_path(entry.path)}});
    state_->last = entry.path;
    state_->counts.add(entry);
    return state_->put(to_lines(entry));
}

const ManifestCounts& ManifestWriter::counts() const {
    return state_->counts;
}

Result<ManifestWriter::Finished> ManifestWriter::finish() {
    TRY_VOID(state_->put(end_line(state_->counts)));
    TRY_VOID(state_->flush());
    const auto digest = crypto::hex(state_->hash.finish());
    const auto target = manifest_path(state_->folder, digest);
    std::error_code error;
    std::filesystem::create_directory(target.parent_path(), error);
    if (error) return cannot("base.cannot-write", target.parent_path(), error.value());
    if (::fsync(state_->file.get()) != 0 || ::rename(state_->path.c_str(), target.c_str()) != 0)
        return cannot("base.cannot-write", target, errno);
    for (const auto& changed : {target.parent_path(), state_->folder}) {
        const net::Fd folder(::open(changed.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!folder || ::fsync(folder.get()) != 0) return cannot("base.cannot-write", changed, errno);
    }
    return Finished{digest, state_->counts};
}

// --- reading ------------------------------------------------------------------------------------------------------

struct ManifestReader::State {
    std::filesystem::path path;
    std::string digest;  // empty: of one that was not finished
    net::Fd file;
    std::array<char, 64 * 1024> block{};
    ZSTD_inBuffer input{block.data(), 0, 0};
    std::string text;    // decompressed
    std::size_t at = 0;  // what was read of it
    std::string own;     // the line before an entry
    std::string last;    // path
    bool begun = false, ended = false, drained = false;
    Timestamp started{};
    ManifestCounts counts;
    crypto::Sha256Stream hash;
    std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};

    // More text; false: there is no more.
    Result<bool> fill() {
        text.erase(0, at);
        at = 0;
        while (!drained) {
            if (input.pos == input.size) {
                const auto count = ::read(file.get(), block.data(), block.size());
                if (count < 0 && errno == EINTR) continue;
                if (count < 0) return cannot("base.cannot-read", path, errno);
                input.size = std::size_t(count);
                input.pos = 0;
                if (count == 0) {
                    drained = true;
                    break;
                }
            }
            const auto before = text.size();
            text.resize(before + 128 * 1024);
            ZSTD_outBuffer output{text.data() + before, text.size() - before, 0};
            const auto result = ZSTD_decompressStream(context.get(), &output, &input);
            text.resize(before + output.pos);
            if (ZSTD_isError(result) != 0) return not_a_manifest(path, ZSTD_getErrorName(result));
            if (output.pos > 0) return true;
        }
        return false;
    }
    Result<std::optional<std::string_view>> line() {
        for (;;) {
            const auto end = text.find('\n', at);
            if (end != text.npos) {
                const auto found = std::string_view(text).substr(at, end - at);
                hash.update(std::string_view(text).substr(at, end - at + 1));
                at = end + 1;
                return found;
            }
            if (text.size() - at > longest_line) return not_a_manifest(path, "a line is too long");
            TRY(const bool more, fill());
            if (!more) return std::nullopt;
        }
    }
    Result<std::optional<Entry>> next() {
        for (;;) {
            TRY(const auto found, line());
            if (!found) break;
            if (!begun) {
                if (*found != first_line) return not_a_manifest(path, "it does not begin as a manifest");
                begun = true;
                continue;
            }
            if (found->starts_with(last_line)) {
                if (*found != end_line(counts)) return not_a_manifest(path, "it does not hold what it counts");
                ended = true;
                continue;
            }
            if (found->starts_with(second_line)) {
                TRY(started, parse_utc(found->substr(second_line.size())));
            }
            if (found->starts_with(own_prefix)) own = *found;
            if (found->empty() || found->front() == '#') continue;
            if (ended) return not_a_manifest(path, "it goes on after its end");
            TRY(auto entry, parse_entry(own, *found));
            own.clear();
            if (counts.entries > 0 && compare_paths(last, entry.path) >= 0) return not_a_manifest(path, "not in order");
            last = entry.path;
            counts.add(entry);
            return entry;
        }
        if (!ended || at != text.size()) return not_a_manifest(path, "it is cut off");
        if (crypto::hex(hash.finish()) != digest) return not_a_manifest(path, "its digest is another");
        return std::nullopt;
    }
};

ManifestReader::ManifestReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
ManifestReader::ManifestReader(ManifestReader&&) noexcept = default;
ManifestReader& ManifestReader::operator=(ManifestReader&&) noexcept = default;
ManifestReader::~ManifestReader() = default;

Result<ManifestReader> ManifestReader::open_partial(const std::filesystem::path& file) {
    auto state = std::make_unique<State>();
    state->path = file;
    state->file = net::Fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!state->file) return cannot("base.cannot-read", file, errno);
    ZSTD_DCtx_setParameter(state->context.get(), ZSTD_d_windowLogMax, window_log);
    return ManifestReader(std::move(state));
}

Result<ManifestReader> ManifestReader::open(const std::filesystem::path& folder, std::string_view digest) {
    if (!digest_like(digest)) return not_a_manifest(folder, "no digest: " + std::string(digest));
    TRY(auto reader, open_partial(manifest_path(folder, digest)));
    reader.state_->digest = digest;
    return reader;
}

Result<std::optional<Entry>> ManifestReader::next() {
    auto entry = state_->next();
    // Of a manifest that was not finished, what can be read is what there is.
    if (!entry && entry.error().code == Code::corrupt && state_->digest.empty()) return std::nullopt;
    return entry;
}

const ManifestCounts& ManifestReader::counts() const {
    return state_->counts;
}

Timestamp ManifestReader::started() const {
    return state_->started;
}

}  // namespace tilsyn::backup
