#include "backup/manifest/tar.hpp"

#include <sys/sysmacros.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/text.hpp"
#include "crypto/hash_stream.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::size_t block = 512, buffer_size = 1 << 18;
constexpr std::uint64_t longest_text = 1 << 20;  // bytes of a name, or of the extended header of one entry
constexpr std::uint64_t told_each = 64 << 20;    // bytes between two words on how far we are

// Where the fields of a header are.
struct Field {
    std::size_t at, size;
};
constexpr Field name_field{0, 100}, mode_field{100, 8}, uid_field{108, 8}, gid_field{116, 8}, size_field{124, 12},
    mtime_field{136, 12}, checksum_field{148, 8}, target_field{157, 100}, magic_field{257, 6}, major_field{329, 8},
    minor_field{337, 8}, prefix_field{345, 155};
constexpr std::size_t type_at = 156;

Fail corrupt(std::string detail) {
    return fail(Code::corrupt, "backup.bad-stream").detail(std::move(detail));
}

class Header {
  public:
    std::array<char, block> bytes{};

    std::string_view text(Field field) const {
        const auto all = std::string_view(bytes.data(), bytes.size()).substr(field.at, field.size);
        return all.substr(0, std::min(all.find('\0'), all.size()));
    }
    // Octal, or where the first bit is set, base 256 with a sign.
    std::optional<std::int64_t> number(Field field) const {
        const auto* at = bytes.data() + field.at;
        if ((static_cast<unsigned char>(*at) & 0x80) != 0) {
            const auto first = static_cast<unsigned char>(*at);
            std::int64_t value = (first & 0x3f) - ((first & 0x40) != 0 ? 0x40 : 0);
            for (std::size_t i = 1; i < field.size; ++i) {
                if (value > INT64_MAX >> 8 || value < INT64_MIN >> 8) return std::nullopt;
                value = value * 256 + static_cast<unsigned char>(at[i]);
            }
            return value;
        }
        const auto digits = trim(text(field));
        if (digits.empty()) return 0;
        std::int64_t value = 0;
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
        if (read.ec != std::errc() || read.ptr != digits.data() + digits.size() || value < 0) return std::nullopt;
        return value;
    }
    bool blank() const {
        return std::ranges::all_of(bytes, [](char c) { return c == '\0'; });
    }
    bool sound() const {
        std::int64_t sum = 0;
        for (std::size_t i = 0; i < block; ++i)
            sum += i >= checksum_field.at && i < checksum_field.at + checksum_field.size
                       ? ' '
                       : static_cast<unsigned char>(bytes[i]);
        return number(checksum_field) == sum;
    }
};

// What extended headers say of the entry that follows.
struct Said {
    std::optional<std::string> path, target;
    std::optional<std::int64_t> mtime, uid, gid;
    std::optional<std::uint64_t> size;
};

// "1700000000.25", "-1.5": seconds since 1970 as nanoseconds.
std::optional<std::int64_t> moment(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto dot = std::min(text.find('.'), text.size());
    std::int64_t seconds = 0;
    const auto read = std::from_chars(text.data(), text.data() + dot, seconds);
    if (read.ec != std::errc() || read.ptr != text.data() + dot || seconds < 0 || seconds > 9'000'000'000) return {};
    std::int64_t fraction = 0, scale = 100'000'000;
    for (const char c : text.substr(std::min(dot + 1, text.size()))) {
        if (c < '0' || c > '9') return {};
        fraction += (c - '0') * scale;
        scale /= 10;
    }
    const auto value = seconds * 1'000'000'000 + fraction;
    return negative ? -value : value;
}

template <class Number>
bool whole(std::string_view text, std::optional<Number>& out) {
    Number value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
    out = value;
    return true;
}

// "LENGTH KEY=VALUE\n", where the length is that of all of it.
Result<void> read_records(std::string_view text, Said& said) {
    while (!text.empty()) {
        std::size_t length = 0;
        const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
        const auto digits = std::size_t(read.ptr - text.data());
        if (read.ec != std::errc() || digits + 2 > length || length > text.size() || text[digits] != ' ' ||
            text[length - 1] != '\n')
            return corrupt("extended header");
        const auto record = text.substr(digits + 1, length - digits - 2);
        text.remove_prefix(length);
        const auto is = record.find('=');
        if (is == record.npos) return corrupt("extended header");
        const auto key = record.substr(0, is), value = record.substr(is + 1);
        bool good = true;
        if (key == "path")
            said.path = value;
        else if (key == "linkpath")
            said.target = value;
        else if (key == "size")
            good = whole(value, said.size);
        else if (key == "uid")
            good = whole(value, said.uid);
        else if (key == "gid")
            good = whole(value, said.gid);
        else if (key == "mtime")
            good = (said.mtime = moment(value)).has_value();
        else if (key.starts_with("GNU.sparse."))
            good = false;
        if (!good) return corrupt("extended header: " + std::string(key));
    }
    return {};
}

// As in a manifest: no slash at either end, no "./" before it. nullopt: it would lead elsewhere.
std::optional<std::string> proper_path(std::string_view path) {
    while (path.starts_with("./") || path.starts_with('/')) path.remove_prefix(path.starts_with('/') ? 1 : 2);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path == ".") path = {};
    if (path.find('\0') != path.npos) return {};
    if (path.empty()) return std::string();
    for (const auto part : split(path, '/'))
        if (part.empty() || part == "." || part == "..") return {};
    return std::string(path);
}

class Stream {
  public:
    explicit Stream(const ReadSome& read) : read_(read), buffer_(buffer_size) {}

    // Each piece of the next so many bytes. Code::corrupt: there are not so many.
    template <class Take>
    Result<void> next(std::uint64_t count, const Take& take) {
        while (count > 0) {
            if (at_ == end_) {
                TRY(end_, read_(buffer_.data(), buffer_.size()));
                at_ = 0;
                if (end_ == 0) return corrupt("it ends too soon");
            }
            const auto part = std::size_t(std::min<std::uint64_t>(count, end_ - at_));
            take(std::string_view(buffer_.data() + at_, part));
            at_ += part;
            count -= part;
        }
        return {};
    }
    Result<void> pass(std::uint64_t count) {
        return next(count, [](std::string_view) {});
    }
    Result<std::string> text(std::uint64_t count) {
        if (count > longest_text) return corrupt("a name that is too long");
        std::string out;
        TRY_VOID(next(count, [&](std::string_view part) { out += part; }));
        TRY_VOID(pass(padding(count)));
        return out;
    }
    Result<Header> header() {
        Header out;
        std::size_t filled = 0;
        TRY_VOID(next(block, [&](std::string_view part) {
            std::memcpy(out.bytes.data() + filled, part.data(), part.size());
            filled += part.size();
        }));
        return out;
    }
    // What is behind the end is nobody's; it is read, so that whoever writes it comes to his end.
    Result<void> rest() {
        do {
            TRY(end_, read_(buffer_.data(), buffer_.size()));
        } while (end_ > 0);
        return {};
    }
    static std::uint64_t padding(std::uint64_t count) { return (block - count % block) % block; }

  private:
    const ReadSome& read_;
    std::vector<char> buffer_;
    std::size_t at_ = 0, end_ = 0;
};

class Reader {
  public:
    Reader(const TarRequest& request, const std::function<Result<void>(Entry&&)>& sink)
        : request_(request), sink_(sink), stream_(request.read) {}

    Result<ManifestCounts> run() {
        for (;;) {
            TRY(const auto header, stream_.header());
            if (header.blank()) break;
            if (!header.sound()) return corrupt("a header that is none");
            TRY_VOID(member(header));
        }
        TRY_VOID(stream_.rest());
        return counts_;
    }

  private:
    struct Seen {
        std::optional<crypto::Sha256> hash, beginning;
        std::uint64_t size = 0, inode = 0;
    };

    Result<void> member(const Header& header) {
        const char kind = header.bytes[type_at];
        const auto stated = header.number(size_field);
        if (!stated || *stated < 0) return corrupt("size");
        if (kind == 'x' || kind == 'g') {
            TRY(const auto text, stream_.text(std::uint64_t(*stated)));
            return read_records(text, kind == 'x' ? said_ : for_all_);
        }
        if (kind == 'L' || kind == 'K') {
            TRY(auto text, stream_.text(std::uint64_t(*stated)));
            text.resize(std::min(text.find('\0'), text.size()));
            (kind == 'L' ? said_.path : said_.target) = std::move(text);
            return {};
        }
        auto said = std::exchange(said_, {});
        if (!said.mtime) said.mtime = for_all_.mtime;
        TRY(auto entry, described(header, kind, said));
        const auto content = said.size.value_or(std::uint64_t(*stated));
        if (content > INT64_MAX) return corrupt("size");
        const bool ours =
            std::ranges::any_of(request_.roots, [&](const auto& root) { return is_within(entry.path, root); });
        entry.inode = ++number_;
        if (entry.type == Type::file && kind != '1') {
            TRY_VOID(read_content(entry, content, ours));
        } else {
            TRY_VOID(stream_.pass(content + Stream::padding(content)));
            if (kind == '1' && !same_as_before(entry)) entry.trouble = "another name of " + escape_path(entry.target);
            if (kind == '1') entry.target.clear();
            if (entry.type == Type::link) entry.size = entry.target.size();
        }
        if (!ours) return {};
        entry.allocated = entry.size;
        counts_.add(entry);
        return sink_(std::move(entry));
    }

    static Result<Entry> described(const Header& header, char kind, const Said& said) {
        Entry entry;
        auto path = said.path.value_or("");
        if (!said.path) {
            path = header.text(name_field);
            const auto before = header.text(prefix_field);  // GNU, whose magic is another, has other things there
            if (header.text(magic_field) == "ustar" && !before.empty()) path = std::string(before) + "/" + path;
        }
        auto proper = proper_path(path);
        if (!proper) return corrupt("the name " + escape_path(path));
        entry.path = std::move(*proper);
        entry.target = said.target.value_or(std::string(header.text(target_field)));
        switch (kind) {
            case '0':
            case '\0':
            case '7':
                entry.type = path.ends_with('/') ? Type::folder : Type::file;
                break;
            case '1':
                break;  // one more name of a file
            case '2':
                entry.type = Type::link;
                break;
            case '3':
                entry.type = Type::character;
                break;
            case '4':
                entry.type = Type::block;
                break;
            case '5':
                entry.type = Type::folder;
                break;
            case '6':
                entry.type = Type::fifo;
                break;
            default:
                return corrupt(std::string("an entry of the kind ") + escape_path(std::string(1, kind)));
        }
        if (entry.type != Type::link && kind != '1') entry.target.clear();
        const auto bits = header.number(mode_field), seconds = header.number(mtime_field),
                   owner = header.number(uid_field), group = header.number(gid_field),
                   large = header.number(major_field), small = header.number(minor_field);
        if (!bits || !seconds || !owner || !group || !large || !small || *seconds > 9'000'000'000 ||
            *seconds < -9'000'000'000)
            return corrupt("a number of " + escape_path(path));
        entry.mode = std::uint32_t(*bits) & 07777;
        entry.uid = std::uint32_t(said.uid.value_or(*owner));
        entry.gid = std::uint32_t(said.gid.value_or(*group));
        entry.mtime = said.mtime.value_or(*seconds * 1'000'000'000);
        if (entry.type == Type::character || entry.type == Type::block)
            entry.node = makedev(unsigned(*large), unsigned(*small));
        return entry;
    }

    Result<void> read_content(Entry& entry, std::uint64_t content, bool ours) {
        if (content > request_.most - std::min(request_.most, bytes_))
            return fail(Code::corrupt, "backup.stream-grew").detail(escape_path(entry.path));
        if (!ours) return stream_.pass(content + Stream::padding(content));
        crypto::Sha256Stream hash, first;
        const auto wanted = request_.beginnings.find(entry.path);
        std::uint64_t left = wanted == request_.beginnings.end() ? 0 : wanted->second;
        const bool beginning = wanted != request_.beginnings.end() && content >= left;
        TRY_VOID(stream_.next(content, [&](std::string_view part) {
            hash.update(part);
            if (beginning && left > 0) {
                const auto few = part.substr(0, std::min<std::uint64_t>(left, part.size()));
                first.update(few);
                left -= few.size();
            }
            bytes_ += part.size();
            if (request_.progress && bytes_ / told_each != (bytes_ - part.size()) / told_each)
                request_.progress({counts_.entries, bytes_});
        }));
        TRY_VOID(stream_.pass(Stream::padding(content)));
        entry.size = content;
        entry.hash = hash.finish();
        if (beginning) entry.hash_after = first.finish();
        if (request_.linked.contains(entry.path))
            seen_[entry.path] = {entry.hash, entry.hash_after, entry.size, entry.inode};
        return {};
    }

    bool same_as_before(Entry& entry) const {
        const auto target = proper_path(entry.target);
        const auto found = target ? seen_.find(*target) : seen_.end();
        if (found == seen_.end()) return false;
        entry.hash = found->second.hash;
        entry.hash_after = found->second.beginning;
        entry.size = found->second.size;
        entry.inode = found->second.inode;
        entry.links = 2;  // at least
        return true;
    }

    const TarRequest& request_;
    const std::function<Result<void>(Entry&&)>& sink_;
    Stream stream_;
    Said said_, for_all_;
    std::map<std::string, Seen, std::less<>> seen_;
    ManifestCounts counts_;
    std::uint64_t number_ = 0, bytes_ = 0;
};

}  // namespace

Result<ManifestCounts> read_tar(const TarRequest& request, const std::function<Result<void>(Entry&&)>& sink) {
    return Reader(request, sink).run();
}

}  // namespace tilsyn::backup
