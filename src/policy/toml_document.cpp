#include "base/toml.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include "policy/toml_document.hpp"

#include <fmt/format.h>
#include <algorithm>

#include "base/text.hpp"

namespace tilsyn::policy {
namespace {

std::vector<std::size_t> line_starts(std::string_view source) {
    std::vector<std::size_t> starts{0};
    for (std::size_t i = 0; i < source.size(); ++i)
        if (source[i] == '\n') starts.push_back(i + 1);
    return starts;
}

// The library counts characters; messages and editors that jump to a place count bytes here.
std::size_t offset_of(std::string_view source, const std::vector<std::size_t>& lines, toml::source_position at) {
    if (at.line == 0) return 0;
    if (at.line > lines.size()) return source.size();
    auto offset = lines[at.line - 1];
    for (auto left = at.column; left > 1 && offset < source.size() && source[offset] != '\n'; --left) {
        ++offset;
        while (offset < source.size() && (source[offset] & 0xC0) == 0x80) ++offset;
    }
    return offset;
}

// The library's words are right but terse; these are the mistakes people make, and what to do about them.
std::optional<Message> help_with(std::string_view description) {
    static constexpr std::pair<std::string_view, std::string_view> known[] = {
        {"cannot redefine", "policy.toml-twice"},
        {"parsing string: unescaped control", "policy.toml-quotes"},
        {"parsing string: encountered end-of-file", "policy.toml-quotes"},
        {"expected value, saw", "policy.toml-value"},
        {"parsing floating-point", "policy.toml-text-in-quotes"},
        {"parsing boolean", "policy.toml-text-in-quotes"},
        {"could not determine value type", "policy.toml-text-in-quotes"},
        {"parsing table header", "policy.toml-header"},
        {"expected '='", "policy.toml-equals"},
        {"unexpected text", "policy.toml-header"},
    };
    for (const auto& [words, key] : known)
        if (description.find(words) != description.npos) return msg(key);
    return std::nullopt;
}

class Converter {
  public:
    Converter(std::string_view source, const std::vector<std::size_t>& lines) : source_(source), lines_(&lines) {}
    std::optional<std::size_t> nul_at;  // a text that holds a NUL: no database keeps it

    TomlNode node(const toml::node& from) {
        TomlNode out;
        out.begin = offset_of(source_, *lines_, from.source().begin);
        out.end = std::max(out.begin, offset_of(source_, *lines_, from.source().end));
        if (const auto* text = from.as_string()) {
            out.type = TomlNode::Type::text;
            out.text = text->get();
            if (out.text.find('\0') != std::string::npos) nul_at = out.begin;
        } else if (const auto* integer = from.as_integer()) {
            out.type = TomlNode::Type::integer;
            out.integer = integer->get();
        } else if (const auto* real = from.as_floating_point()) {
            out.type = TomlNode::Type::real;
            out.real = real->get();
        } else if (const auto* flag = from.as_boolean()) {
            out.type = TomlNode::Type::boolean;
            out.boolean = flag->get();
        } else if (const auto* date = from.as_date()) {
            out.type = TomlNode::Type::date;
            out.date = Date(std::chrono::year(date->get().year), std::chrono::month(date->get().month),
                            std::chrono::day(date->get().day));
        } else if (const auto* array = from.as_array()) {
            out.type = TomlNode::Type::array;
            for (const auto& item : *array) out.items.push_back(node(item));
        } else if (const auto* table = from.as_table()) {
            entries(*table, out);
        } else {
            out.type = TomlNode::Type::other_time;
        }
        return out;
    }

  private:
    void entries(const toml::table& from, TomlNode& out) {
        for (const auto& [key, value] : from) {
            out.entries.push_back(
                {std::string(key.str()), offset_of(source_, *lines_, key.source().begin), node(value)});
            if (key.str().find('\0') != std::string_view::npos) nul_at = out.entries.back().key_begin;
        }
        std::ranges::sort(out.entries, {}, &TomlEntry::key_begin);
    }

    std::string_view source_;
    const std::vector<std::size_t>* lines_;
};

}  // namespace

const TomlEntry* TomlNode::entry(std::string_view key) const {
    const auto found = std::ranges::find(entries, key, &TomlEntry::key);
    return found == entries.end() ? nullptr : &*found;
}

const TomlNode* TomlNode::find(std::string_view key) const {
    const auto* found = entry(key);
    return found == nullptr ? nullptr : &found->value;
}

Result<TomlDocument> TomlDocument::parse(std::string source, std::string file) {
    TomlDocument document;
    document.file_ = std::move(file);
    document.source_ = std::move(source);
    document.lines_ = line_starts(document.source_);
    if (const auto bad = first_invalid_utf8(document.source_))
        return fail(Code::invalid, "policy.not-utf8",
                    {{"byte", fmt::format("0x{:02X}", std::uint8_t(document.source_[*bad]))}})
            .hint("policy.save-as-utf8")
            .at(document.position(*bad));
    const auto parsed = parse_toml(document.source_, document.file_);
    if (!parsed) {
        const auto description = parsed.error().description();
        auto error = fail(Code::invalid, "policy.not-toml").detail(std::string(description)).error;
        error.where = document.position(offset_of(document.source_, document.lines_, parsed.error().source().begin));
        error.hint = help_with(description);
        return std::unexpected(std::move(error));
    }
    Converter converter(document.source_, document.lines_);
    document.root_ = converter.node(parsed.table());
    if (converter.nul_at) return fail(Code::invalid, "policy.nul-in-text").at(document.position(*converter.nul_at));
    return document;
}

Position TomlDocument::position(std::size_t offset) const {
    const auto after = std::ranges::upper_bound(lines_, offset);
    const auto line = std::size_t(after - lines_.begin());
    return {file_, int(line), int(offset - lines_[line - 1]) + 1};
}

Position TomlDocument::inside(const TomlNode& text, std::size_t content_offset) const {
    const std::string_view s = source_;
    auto i = text.begin;
    if (i >= s.size() || (s[i] != '"' && s[i] != '\'')) return position(i);
    const bool basic = s[i] == '"';
    const bool many = s.substr(i).starts_with(basic ? "\"\"\"" : "'''");
    i += many ? 3 : 1;
    if (many && s.substr(i).starts_with("\r\n"))
        i += 2;
    else if (many && s.substr(i).starts_with('\n'))
        i += 1;
    for (std::size_t done = 0; i < s.size();) {
        std::size_t raw = 1, content = 1;
        if (basic && s[i] == '\\' && i + 1 < s.size()) {
            const char c = s[i + 1];
            raw = 2;
            if (c == 'u' || c == 'U') {
                const std::size_t digits = c == 'u' ? 4 : 8;
                unsigned point = 0;
                for (std::size_t d = 0; d < digits && i + 2 + d < s.size(); ++d) {
                    const char h = s[i + 2 + d];
                    point = point * 16 + unsigned(h <= '9' ? h - '0' : (h | 32) - 'a' + 10);
                }
                raw += digits;
                content = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
            } else if (c == '\n' || c == '\r' || c == ' ' || c == '\t') {  // the line goes on: white space is dropped
                content = 0;
                while (i + raw < s.size() && std::string_view(" \t\r\n").find(s[i + raw]) != std::string_view::npos)
                    ++raw;
            }
        }
        if (content > 0 && done + content > content_offset) break;
        done += content;
        i += raw;
    }
    return position(std::min(i, s.size()));
}

std::string TomlDocument::snippet(const TomlNode& node) const {
    auto text = std::string_view(source_).substr(node.begin, std::max<std::size_t>(node.end - node.begin, 1));
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    auto out = shorten(trim(line), 40);
    if (line.size() < text.size() && !out.ends_with("…")) out += " …";
    return out;
}

}  // namespace tilsyn::policy
