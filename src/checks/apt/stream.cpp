#include "checks/apt/stream.hpp"

#include <fcntl.h>
#include <lz4frame.h>
#include <lzma.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace tilsyn::checks::apt {
namespace {

constexpr std::size_t chunk_size = 128 << 10;
constexpr std::uint64_t xz_memory = 128ull << 20;
constexpr int zstd_window_log = 27;
constexpr std::array<std::string_view, 5> endings{"", ".lz4", ".gz", ".xz", ".zst"};

Fail damaged(const std::string& name) {
    return fail(Code::corrupt, "checks.updates-damaged-file", {{"path", name}});
}

class FileBytes final : public ByteSource {
  public:
    FileBytes(int fd, std::string name) : fd_(fd), name_(std::move(name)) {}
    ~FileBytes() override { ::close(fd_); }
    FileBytes(const FileBytes&) = delete;
    FileBytes& operator=(const FileBytes&) = delete;
    Result<std::size_t> read(std::span<char> into) override {
        for (;;) {
            const auto got = ::read(fd_, into.data(), into.size());
            if (got >= 0) return std::size_t(got);
            if (errno != EINTR)
                return fail(Code::io, "base.cannot-read", {{"path", name_}}).detail(std::strerror(errno));
        }
    }

  private:
    int fd_;
    std::string name_;
};

class MemoryBytes final : public ByteSource {
  public:
    explicit MemoryBytes(std::string_view content) : left_(content) {}
    Result<std::size_t> read(std::span<char> into) override {
        const auto size = std::min(into.size(), left_.size());
        std::memcpy(into.data(), left_.data(), size);
        left_.remove_prefix(size);
        return size;
    }

  private:
    std::string_view left_;
};

// One decompressor's step: takes from `in` and fills `out`, moving both on. False: the data is damaged.
class Decoder {
  public:
    virtual ~Decoder() = default;
    virtual bool step(std::span<const char>& in, std::span<char>& out) = 0;
    virtual bool between_frames() const = 0;  // the input may end here
};

class Lz4 final : public Decoder {
  public:
    Lz4() { LZ4F_createDecompressionContext(&context_, LZ4F_VERSION); }
    ~Lz4() override { LZ4F_freeDecompressionContext(context_); }
    Lz4(const Lz4&) = delete;
    Lz4& operator=(const Lz4&) = delete;
    bool step(std::span<const char>& in, std::span<char>& out) override {
        std::size_t taken = in.size(), made = out.size();
        const auto hint = LZ4F_decompress(context_, out.data(), &made, in.data(), &taken, nullptr);
        if (LZ4F_isError(hint)) return false;
        if (taken > 0 || made > 0) done_ = hint == 0;
        in = in.subspan(taken);
        out = out.subspan(made);
        return true;
    }
    bool between_frames() const override { return done_; }

  private:
    LZ4F_dctx* context_ = nullptr;
    bool done_ = false;
};

class Gzip final : public Decoder {
  public:
    Gzip() { ready_ = inflateInit2(&stream_, 15 + 16) == Z_OK; }
    ~Gzip() override { inflateEnd(&stream_); }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;
    bool step(std::span<const char>& in, std::span<char>& out) override {
        if (!ready_) return false;
        if (done_) {
            if (in.empty()) return true;
            if (inflateReset(&stream_) != Z_OK) return false;  // one member behind another
            done_ = false;
        }
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
        stream_.avail_in = uInt(in.size());
        stream_.next_out = reinterpret_cast<Bytef*>(out.data());
        stream_.avail_out = uInt(out.size());
        const int code = inflate(&stream_, Z_NO_FLUSH);
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) return false;
        done_ = code == Z_STREAM_END;
        in = in.last(stream_.avail_in);
        out = out.last(stream_.avail_out);
        return true;
    }
    bool between_frames() const override { return done_; }

  private:
    z_stream stream_{};
    bool ready_ = false;
    bool done_ = false;
};

class Xz final : public Decoder {
  public:
    Xz() { ready_ = lzma_stream_decoder(&stream_, xz_memory, 0) == LZMA_OK; }
    ~Xz() override { lzma_end(&stream_); }
    Xz(const Xz&) = delete;
    Xz& operator=(const Xz&) = delete;
    bool step(std::span<const char>& in, std::span<char>& out) override {
        if (!ready_) return false;
        if (done_) return in.empty();  // nothing belongs behind the stream
        stream_.next_in = reinterpret_cast<const std::uint8_t*>(in.data());
        stream_.avail_in = in.size();
        stream_.next_out = reinterpret_cast<std::uint8_t*>(out.data());
        stream_.avail_out = out.size();
        const auto code = lzma_code(&stream_, LZMA_RUN);
        if (code != LZMA_OK && code != LZMA_STREAM_END && code != LZMA_BUF_ERROR) return false;
        done_ = code == LZMA_STREAM_END;
        in = in.last(stream_.avail_in);
        out = out.last(stream_.avail_out);
        return true;
    }
    bool between_frames() const override { return done_; }

  private:
    lzma_stream stream_ = LZMA_STREAM_INIT;
    bool ready_ = false;
    bool done_ = false;
};

class Zstandard final : public Decoder {
  public:
    Zstandard() : stream_(ZSTD_createDStream()) {
        ZSTD_DCtx_setParameter(stream_, ZSTD_d_windowLogMax, zstd_window_log);
    }
    ~Zstandard() override { ZSTD_freeDStream(stream_); }
    Zstandard(const Zstandard&) = delete;
    Zstandard& operator=(const Zstandard&) = delete;
    bool step(std::span<const char>& in, std::span<char>& out) override {
        ZSTD_inBuffer input{in.data(), in.size(), 0};
        ZSTD_outBuffer output{out.data(), out.size(), 0};
        const auto hint = ZSTD_decompressStream(stream_, &output, &input);
        if (ZSTD_isError(hint)) return false;
        if (input.pos > 0 || output.pos > 0) done_ = hint == 0;
        in = in.subspan(input.pos);
        out = out.subspan(output.pos);
        return true;
    }
    bool between_frames() const override { return done_; }

  private:
    ZSTD_DStream* stream_;
    bool done_ = false;
};

std::unique_ptr<Decoder> decoder_for(std::string_view ending) {
    if (ending == ".lz4") return std::make_unique<Lz4>();
    if (ending == ".gz") return std::make_unique<Gzip>();
    if (ending == ".xz") return std::make_unique<Xz>();
    if (ending == ".zst") return std::make_unique<Zstandard>();
    return nullptr;
}

class Decompressed final : public ByteSource {
  public:
    Decompressed(std::unique_ptr<ByteSource> from, std::unique_ptr<Decoder> decoder, std::string name)
        : from_(std::move(from)), decoder_(std::move(decoder)), name_(std::move(name)), buffer_(new char[chunk_size]) {}

    Result<std::size_t> read(std::span<char> into) override {
        auto out = into;
        for (;;) {
            if (in_.empty() && !ended_) {
                TRY(const auto got, from_->read({buffer_.get(), chunk_size}));
                in_ = {buffer_.get(), got};
                ended_ = got == 0;
            }
            const auto before = in_.size();
            if (!decoder_->step(in_, out)) return damaged(name_);
            if (out.size() < into.size()) return into.size() - out.size();
            if (in_.size() != before) continue;
            if (!ended_) {
                if (!in_.empty()) return damaged(name_);  // neither took nor made anything
                continue;
            }
            if (!decoder_->between_frames()) return damaged(name_);
            return std::size_t{0};
        }
    }

  private:
    std::unique_ptr<ByteSource> from_;
    std::unique_ptr<Decoder> decoder_;
    std::string name_;
    std::unique_ptr<char[]> buffer_;
    std::span<const char> in_;
    bool ended_ = false;
};

class Limited final : public ByteSource {
  public:
    Limited(std::unique_ptr<ByteSource> from, std::uint64_t limit, std::string name)
        : from_(std::move(from)), limit_(limit), left_(limit), name_(std::move(name)) {}
    Result<std::size_t> read(std::span<char> into) override {
        TRY(const auto got, from_->read(into));
        if (got > left_)
            return fail(Code::too_large, "base.file-too-large", {{"path", name_}, {"limit", std::to_string(limit_)}});
        left_ -= got;
        return got;
    }

  private:
    std::unique_ptr<ByteSource> from_;
    std::uint64_t limit_;
    std::uint64_t left_;
    std::string name_;
};

std::unique_ptr<ByteSource> decoded(std::unique_ptr<ByteSource> from, std::string_view ending, const std::string& name,
                                    std::uint64_t max_bytes) {
    if (auto decoder = decoder_for(ending))
        from = std::make_unique<Decompressed>(std::move(from), std::move(decoder), name);
    return std::make_unique<Limited>(std::move(from), max_bytes, name);
}

}  // namespace

std::span<const std::string_view> compressed_endings() {
    return endings;
}

Result<std::unique_ptr<ByteSource>> open_stream(const std::filesystem::path& path, std::uint64_t max_bytes) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe put there must not hang the check
    if (fd < 0) {
        const auto code = errno == ENOENT ? Code::not_found : errno == EACCES ? Code::forbidden : Code::io;
        return fail(code, "base.cannot-read", {{"path", path.string()}}).detail(std::strerror(errno));
    }
    auto file = std::make_unique<FileBytes>(fd, path.string());
    struct stat info{};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode))
        return fail(Code::io, "base.cannot-read", {{"path", path.string()}}).detail("not a file");
    return decoded(std::move(file), path.extension().string(), path.string(), max_bytes);
}

std::unique_ptr<ByteSource> memory_stream(std::string_view content, std::string_view ending, std::uint64_t max_bytes) {
    return decoded(std::make_unique<MemoryBytes>(content), ending, "memory", max_bytes);
}

}  // namespace tilsyn::checks::apt
