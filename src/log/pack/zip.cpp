#include "log/pack/zip.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/random.hpp"

namespace tilsyn::log::pack {
namespace {

constexpr std::uint32_t local_mark = 0x04034b50, central_mark = 0x02014b50, end_mark = 0x06054b50;
constexpr std::uint16_t version = 20, utf8 = 0x0800, stored = 0, deflated = 8, no_time = 0, first_day = 0x0021;
constexpr std::size_t local_size = 30, central_size = 46, end_size = 22;

class Out {
  public:
    Out& u16(std::uint16_t v) {
        bytes_ += char(v);
        bytes_ += char(v >> 8);
        return *this;
    }
    Out& u32(std::uint64_t v) { return u16(std::uint16_t(v)).u16(std::uint16_t(v >> 16)); }
    Out& text(std::string_view v) {
        bytes_ += v;
        return *this;
    }
    const std::string& bytes() const { return bytes_; }

  private:
    std::string bytes_;
};

std::string local_header(const Member& m) {
    return Out()
        .u32(local_mark)
        .u16(version)
        .u16(utf8)
        .u16(m.method)
        .u16(no_time)
        .u16(first_day)
        .u32(m.crc)
        .u32(m.packed)
        .u32(m.size)
        .u16(std::uint16_t(m.name.size()))
        .u16(0)
        .text(m.name)
        .bytes();
}

std::string central_header(const Member& m) {
    return Out()
        .u32(central_mark)
        .u16(version)
        .u16(version)
        .u16(utf8)
        .u16(m.method)
        .u16(no_time)
        .u16(first_day)
        .u32(m.crc)
        .u32(m.packed)
        .u32(m.size)
        .u16(std::uint16_t(m.name.size()))
        .u16(0)
        .u16(0)
        .u16(0)
        .u16(0)
        .u32(0)
        .u32(m.offset)
        .text(m.name)
        .bytes();
}

std::string end_record(std::size_t members, std::uint64_t central_bytes, std::uint64_t central_offset) {
    return Out()
        .u32(end_mark)
        .u16(0)
        .u16(0)
        .u16(std::uint16_t(members))
        .u16(std::uint16_t(members))
        .u32(central_bytes)
        .u32(central_offset)
        .u16(0)
        .bytes();
}

std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
    return std::uint16_t(static_cast<unsigned char>(bytes[at]) | static_cast<unsigned char>(bytes[at + 1]) << 8);
}
std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
    return std::uint32_t(u16_at(bytes, at)) | std::uint32_t(u16_at(bytes, at + 2)) << 16;
}

std::uint32_t crc_of(std::string_view content) {
    return std::uint32_t(::crc32_z(0, reinterpret_cast<const Bytef*>(content.data()), content.size()));
}

std::string deflate_all(std::string_view content) {
    z_stream stream{};
    if (::deflateInit2(&stream, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return {};
    std::string out(::deflateBound(&stream, content.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
    stream.avail_in = uInt(content.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = uInt(out.size());
    const bool whole = ::deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out.resize(stream.total_out);
    ::deflateEnd(&stream);
    return whole ? out : std::string();
}

// Exactly `size` bytes, or nothing: what unpacks to more is cut off there, whatever it would become.
bool inflate_all(std::string_view packed, std::uint64_t size, std::string& out) {
    out.resize(size);
    z_stream stream{};
    if (::inflateInit2(&stream, -MAX_WBITS) != Z_OK) return false;
    char none = 0;
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
    stream.avail_in = uInt(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(size == 0 ? &none : out.data());
    stream.avail_out = uInt(size);
    const int ended = ::inflate(&stream, Z_FINISH);
    const bool whole = ended == Z_STREAM_END && stream.total_out == size && stream.avail_in == 0;
    ::inflateEnd(&stream);
    return whole;
}

Fail malformed(std::string_view what) {
    return fail(Code::corrupt, "log.pack-container").hint("log.pack-container-hint").detail(std::string(what));
}

Fail cannot_write(const std::filesystem::path& path) {
    return fail(Code::io, "base.cannot-write", {{"path", path.string()}}).detail(std::strerror(errno));
}

}  // namespace

bool valid_member_name(std::string_view name) {
    if (name.empty() || name.size() > most_name_bytes) return false;
    char previous = '/';
    for (const char c : name) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!letter && c != '.' && c != '_' && c != '-' && c != '/') return false;
        if (previous == '/' && (c == '/' || c == '.')) return false;
        previous = c;
    }
    return previous != '/';
}

struct ZipWriter::State {
    std::filesystem::path path, temporary;
    int fd = -1;
    std::uint64_t written = 0;
    std::vector<Member> members;

    ~State() {
        if (fd < 0) return;
        ::close(fd);
        std::error_code ignored;
        std::filesystem::remove(temporary, ignored);
    }
    Result<void> put(std::string_view bytes) {
        if (written + bytes.size() > most_file_bytes) return fail(Code::too_large, "log.pack-too-large");
        while (!bytes.empty()) {
            const auto put = ::write(fd, bytes.data(), bytes.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) return cannot_write(path);
            written += std::uint64_t(put);
            bytes.remove_prefix(std::size_t(put));
        }
        return {};
    }
};

ZipWriter::ZipWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
ZipWriter::ZipWriter(ZipWriter&&) noexcept = default;
ZipWriter::~ZipWriter() = default;

Result<ZipWriter> ZipWriter::create(const std::filesystem::path& path) {
    auto state = std::make_unique<State>();
    state->path = path;
    state->temporary = path;
    state->temporary += "." + random_id() + ".tmp";
    state->fd = ::open(state->temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (state->fd < 0) return cannot_write(path);
    return ZipWriter(std::move(state));
}

Result<crypto::Sha256> ZipWriter::add(std::string_view name, std::string_view content, bool as_is) {
    if (!valid_member_name(name)) return fail(Code::internal, "log.pack-name", {{"name", std::string(name)}});
    if (content.size() > most_member_bytes || state_->members.size() == most_members)
        return fail(Code::too_large, "log.pack-too-large");
    Member member{std::string(name), content.size(), 0, state_->written, crc_of(content), stored};
    const auto packed = as_is ? std::string() : deflate_all(content);
    const bool smaller = !packed.empty() && packed.size() < content.size();
    if (smaller) member.method = deflated;
    const std::string_view body = smaller ? std::string_view(packed) : content;
    member.packed = body.size();
    TRY_VOID(state_->put(local_header(member)));
    TRY_VOID(state_->put(body));
    state_->members.push_back(std::move(member));
    return crypto::sha256(body);
}

Result<void> ZipWriter::finish() {
    const auto central_offset = state_->written;
    for (const auto& member : state_->members) TRY_VOID(state_->put(central_header(member)));
    TRY_VOID(state_->put(end_record(state_->members.size(), state_->written - central_offset, central_offset)));
    if (::fsync(state_->fd) != 0 || ::rename(state_->temporary.c_str(), state_->path.c_str()) != 0)
        return cannot_write(state_->path);
    ::close(std::exchange(state_->fd, -1));
    return {};
}

Result<ZipReader> ZipReader::open(const std::filesystem::path& path) {
    ZipReader reader;
    reader.file_ = std::make_unique<std::ifstream>(path, std::ios::binary);
    auto& file = *reader.file_;
    if (!file) return fail(Code::not_found, "base.cannot-read", {{"path", path.string()}});
    file.seekg(0, std::ios::end);
    const auto size = std::uint64_t(std::max<std::streamoff>(file.tellg(), 0));
    if (!file || size < end_size || size > most_file_bytes + end_size) return malformed("its size");
    const auto read = [&](std::uint64_t offset, std::uint64_t count, std::string& into) {
        into.resize(count);
        file.seekg(std::streamoff(offset));
        return bool(file.read(into.data(), std::streamsize(count)));
    };
    std::string end, central;
    if (!read(size - end_size, end_size, end)) return malformed("its end");
    const std::size_t count = u16_at(end, 10);
    const std::uint64_t central_bytes = u32_at(end, 12), central_offset = u32_at(end, 16);
    if (central_offset + central_bytes + end_size != size || end != end_record(count, central_bytes, central_offset))
        return malformed("its end");
    if (!read(central_offset, central_bytes, central)) return malformed("its directory");
    std::set<std::string, std::less<>> names;
    std::uint64_t next = 0;  // where the next member has to begin
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        if (central.size() - at < central_size) return malformed("its directory");
        const auto entry = std::string_view(central).substr(at);
        Member m;
        const std::size_t name_bytes = u16_at(entry, 28);
        if (entry.size() - central_size < name_bytes) return malformed("its directory");
        m.name = entry.substr(central_size, name_bytes);
        m.method = u16_at(entry, 10);
        m.crc = u32_at(entry, 16);
        m.packed = u32_at(entry, 20);
        m.size = u32_at(entry, 24);
        m.offset = u32_at(entry, 42);
        at += central_size + name_bytes;
        if (!valid_member_name(m.name)) return malformed("the name of a member");
        if (!names.insert(m.name).second) return malformed("a name stands twice");
        if (m.method != stored && m.method != deflated) return malformed("how a member is packed");
        if (m.size > most_member_bytes || (m.method == stored && m.size != m.packed))
            return malformed("a member's size");
        if (entry.substr(0, central_size + name_bytes) != central_header(m)) return malformed("its directory");
        const auto header = local_header(m);
        std::string found;
        if (m.offset != next || !read(m.offset, header.size(), found) || found != header)
            return malformed("the head of a member");
        next = m.offset + header.size() + m.packed;
        if (next > central_offset) return malformed("a member's size");
        reader.members_.push_back(std::move(m));
    }
    if (at != central.size() || next != central_offset) return malformed("something that belongs to no member");
    return reader;
}

const Member* ZipReader::find(std::string_view name) const {
    const auto found = std::ranges::find(members_, name, &Member::name);
    return found == members_.end() ? nullptr : &*found;
}

Result<std::string> ZipReader::packed(const Member& member) {
    std::string bytes(member.packed, '\0');
    file_->clear();
    file_->seekg(std::streamoff(member.offset + local_size + member.name.size()));
    if (!file_->read(bytes.data(), std::streamsize(bytes.size()))) return malformed("it ends too soon");
    return bytes;
}

Result<std::string> ZipReader::read(const Member& member) {
    TRY(auto packed, this->packed(member));
    std::string content;
    if (member.method == stored)
        content = std::move(packed);
    else if (!inflate_all(packed, member.size, content))
        return malformed("a member cannot be unpacked");
    if (crc_of(content) != member.crc) return malformed("a member's sum");
    return content;
}

}  // namespace tilsyn::log::pack
