#include "backup/manifest/entry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace tilsyn::backup {
namespace {

constexpr std::array<std::string_view, 7> type_words{"file", "dir", "link", "fifo", "socket", "char", "block"};
constexpr std::array<std::string_view, 8> moved_words{"no",   "grown", "replaced", "touched",
                                                      "torn", "gone",  "appeared", "later"};
constexpr std::int64_t second = 1'000'000'000;
constexpr std::size_t longest_text = 64 * 1024;

Fail not_an_entry(std::string_view part) {
    return fail(Code::corrupt, "backup.manifest-line", {{"part", std::string(part.substr(0, 80))}});
}

bool plain(unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '\\' && c != '#' && c != '*' && c != '?' && c != '[' && c != '=';
}

// The octal text of three digits that follows a backslash; nothing else is written or read.
std::optional<char> octal(std::string_view digits) {
    int value = 0;
    for (const char c : digits) {
        if (c < '0' || c > '7') return std::nullopt;
        value = value * 8 + (c - '0');
    }
    if (digits.size() != 3 || value > 255) return std::nullopt;
    return char(value);
}

std::string time_text(std::int64_t ns) {
    const auto whole = ns >= 0 ? ns / second : (ns - (second - 1)) / second;
    return fmt::format("{}.{:09}", whole, ns - whole * second);
}

template <class Number>
bool read_number(std::string_view text, Number& out, int base = 10) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
    return error == std::errc() && end == text.data() + text.size();
}

bool read_time(std::string_view text, std::int64_t& out) {
    const auto dot = text.find('.');
    std::int64_t whole = 0, part = 0;
    if (dot == text.npos || text.size() - dot != 10 || !read_number(text.substr(0, dot), whole) ||
        !read_number(text.substr(dot + 1), part) || part < 0)
        return false;
    constexpr auto limit = std::numeric_limits<std::int64_t>::max() / second - 1;
    if (whole > limit || whole < -limit) return false;
    out = whole * second + part;
    return true;
}

bool read_hash(std::string_view text, std::optional<crypto::Sha256>& out) {
    const auto bytes = crypto::parse_hex(text);
    if (!bytes || bytes->size() != 32) return false;
    std::ranges::copy(*bytes, out.emplace().begin());
    return true;
}

template <std::size_t n, class Word>
bool read_word(const std::array<std::string_view, n>& words, std::string_view text, Word& out) {
    const auto found = std::ranges::find(words, text);
    if (found == words.end()) return false;
    out = Word(found - words.begin());
    return true;
}

bool read_text(std::string_view text, std::string& out) {
    auto raw = unescape_path(text);
    if (!raw) return false;
    out = std::move(*raw);
    return true;
}

bool read_keyword(std::string_view name, std::string_view value, Entry& entry) {
    if (name == "type") return read_word(type_words, value, entry.type);
    if (name == "mode") return read_number(value, entry.mode, 8) && entry.mode <= 07777;
    if (name == "uid") return read_number(value, entry.uid);
    if (name == "gid") return read_number(value, entry.gid);
    if (name == "size") return read_number(value, entry.size);
    if (name == "time") return read_time(value, entry.mtime);
    if (name == "nlink") return read_number(value, entry.links);
    if (name == "inode") return read_number(value, entry.inode);
    if (name == "device") return read_number(value, entry.node);
    if (name == "sha256digest") return read_hash(value, entry.hash);
    if (name == "link") return read_text(value, entry.target);
    return false;
}

bool read_own_keyword(std::string_view name, std::string_view value, Entry& entry) {
    if (name == "volume") return read_number(value, entry.device);
    if (name == "ctime") return read_time(value, entry.ctime);
    if (name == "allocated") return read_number(value, entry.allocated);
    if (name == "attributes") return read_hash(value, entry.attributes);
    if (name == "trouble") return read_text(value, entry.trouble);
    if (name == "moved") return read_word(moved_words, value, entry.moved);
    if (name == "after") return read_hash(value, entry.hash_after);
    return true;  // of a later version
}

// A path that could leave the base, or is not the one way to write it, is refused.
bool proper(std::string_view path) {
    if (path.empty() || path.find('\0') != path.npos) return false;
    for (std::size_t at = 0; at <= path.size();) {
        const auto end = std::min(path.find('/', at), path.size());
        const auto name = path.substr(at, end - at);
        if (name.empty() || name == "." || name == "..") return false;
        at = end + 1;
    }
    return true;
}

}  // namespace

std::string_view to_string(Type type) {
    return type_words[std::size_t(type)];
}
std::string_view to_string(Moved moved) {
    return moved_words[std::size_t(moved)];
}

std::strong_ordering compare_paths(std::string_view a, std::string_view b) {
    const auto [left, right] = std::ranges::mismatch(a, b);
    if (left == a.end() || right == b.end()) return a.size() <=> b.size();
    const auto rank = [](char c) { return c == '/' ? 0 : int(static_cast<unsigned char>(c)); };
    return rank(*left) <=> rank(*right);
}

bool is_within(std::string_view path, std::string_view folder) {
    return folder.empty() || (path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/'));
}

std::string escape_path(std::string_view raw) {
    std::string out;
    out.reserve(raw.size());
    for (const char c : raw) {
        if (plain(static_cast<unsigned char>(c)))
            out += c;
        else
            fmt::format_to(std::back_inserter(out), "\\{:03o}", static_cast<unsigned char>(c));
    }
    return out;
}

Result<std::string> unescape_path(std::string_view escaped) {
    if (escaped.size() > longest_text) return not_an_entry(escaped);
    std::string out;
    out.reserve(escaped.size());
    for (std::size_t i = 0; i < escaped.size(); ++i) {
        if (escaped[i] != '\\') {
            if (!plain(static_cast<unsigned char>(escaped[i]))) return not_an_entry(escaped);
            out += escaped[i];
            continue;
        }
        const auto byte = octal(escaped.substr(i + 1, 3));
        if (!byte) return not_an_entry(escaped);
        out += *byte;
        i += 3;
    }
    return out;
}

std::string to_lines(const Entry& entry) {
    std::string out(own_prefix.substr(0, own_prefix.size() - 1));
    const auto add = [&](std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(out), " {}={}", name, value);
    };
    add("ctime", time_text(entry.ctime));
    add("volume", std::to_string(entry.device));
    if (entry.type == Type::file && entry.allocated < entry.size) add("allocated", std::to_string(entry.allocated));
    if (entry.attributes) add("attributes", crypto::hex(*entry.attributes));
    if (!entry.trouble.empty()) add("trouble", escape_path(entry.trouble));
    if (entry.moved != Moved::no) add("moved", to_string(entry.moved));
    if (entry.hash_after) add("after", crypto::hex(*entry.hash_after));
    fmt::format_to(std::back_inserter(out),
                   "\n./{} type={} mode={:04o} uid={} gid={} size={} time={} nlink={} inode={}",
                   escape_path(entry.path), to_string(entry.type), entry.mode, entry.uid, entry.gid, entry.size,
                   time_text(entry.mtime), entry.links, entry.inode);
    if (entry.type == Type::character || entry.type == Type::block) add("device", std::to_string(entry.node));
    if (entry.hash) add("sha256digest", crypto::hex(*entry.hash));
    if (!entry.target.empty()) add("link", escape_path(entry.target));
    return out;
}

Result<Entry> parse_entry(std::string_view own, std::string_view line) {
    if (!line.starts_with("./")) return not_an_entry(line);
    Entry entry;
    const auto end = std::min(line.find(' '), line.size());
    TRY(entry.path, unescape_path(line.substr(2, end - 2)));
    if (!proper(entry.path)) return not_an_entry(line);
    bool typed = false;
    const auto each = [](std::string_view words, const auto& take) -> Result<void> {
        while (!words.empty()) {
            const auto stop = std::min(words.find(' '), words.size());
            const auto part = words.substr(0, stop);
            words.remove_prefix(std::min(stop + 1, words.size()));
            const auto is = part.find('=');
            if (is == part.npos || !take(part.substr(0, is), part.substr(is + 1))) return not_an_entry(part);
        }
        return {};
    };
    TRY_VOID(each(line.substr(std::min(end + 1, line.size())), [&](std::string_view name, std::string_view value) {
        typed = typed || name == "type";
        return read_keyword(name, value, entry);
    }));
    if (!typed) return not_an_entry(entry.path);
    entry.allocated = entry.size;
    if (own.empty()) return entry;
    if (!own.starts_with(own_prefix)) return not_an_entry(own);
    TRY_VOID(each(own.substr(own_prefix.size()),
                  [&](std::string_view name, std::string_view value) { return read_own_keyword(name, value, entry); }));
    return entry;
}

}  // namespace tilsyn::backup
