#include "log/pack/flat.hpp"

#include <algorithm>
#include <charconv>
#include <memory>

#include <fmt/format.h>

#include "base/text.hpp"

namespace tilsyn::log::pack {
namespace {

class Parser {
  public:
    explicit Parser(std::string_view in) : in_(in) {}

    bool object(std::vector<std::pair<std::string, Flat::Value>>& fields) {
        if (!eat('{')) return false;
        if (eat('}')) return at_end();
        do {
            std::string name;
            Flat::Value value;
            if (fields.size() == Flat::most_fields || !string(name) || !eat(':') || !any(value)) return false;
            if (std::ranges::any_of(fields, [&](const auto& f) { return f.first == name; })) return false;
            fields.emplace_back(std::move(name), std::move(value));
        } while (eat(','));
        return eat('}') && at_end();
    }

  private:
    bool at_end() const { return in_.empty(); }
    bool eat(char c) {
        if (in_.empty() || in_.front() != c) return false;
        in_.remove_prefix(1);
        return true;
    }
    bool eat(std::string_view word) {
        if (!in_.starts_with(word)) return false;
        in_.remove_prefix(word.size());
        return true;
    }
    bool any(Flat::Value& value) {
        if (in_.starts_with('"')) {
            std::string text;
            if (!string(text)) return false;
            value = std::move(text);
            return true;
        }
        if (eat("null")) return value = nullptr, true;
        if (eat("true")) return value = true, true;
        if (eat("false")) return value = false, true;
        std::int64_t number = 0;
        const auto [end, error] = std::from_chars(std::to_address(in_.begin()), std::to_address(in_.end()), number);
        if (error != std::errc()) return false;
        const auto digits = in_.substr(0, std::size_t(end - std::to_address(in_.begin())));
        // One way to write a number: what a text says is what its hash is of.
        if (digits == "-0" || (digits.size() > 1 && digits.starts_with('0')) || digits.starts_with("-0")) return false;
        in_.remove_prefix(digits.size());
        value = number;
        return true;
    }
    bool hex4(unsigned& code) {
        if (in_.size() < 4) return false;
        const auto* const begin = std::to_address(in_.begin());
        const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
        if (error != std::errc() || end != begin + 4) return false;
        in_.remove_prefix(4);
        return true;
    }
    bool escape(std::string& out) {
        if (in_.empty()) return false;
        const char c = in_.front();
        in_.remove_prefix(1);
        switch (c) {
            case '"':
            case '\\':
            case '/':
                out += c;
                return true;
            case 'b':
                out += '\b';
                return true;
            case 'f':
                out += '\f';
                return true;
            case 'n':
                out += '\n';
                return true;
            case 'r':
                out += '\r';
                return true;
            case 't':
                out += '\t';
                return true;
            case 'u':
                break;
            default:
                return false;
        }
        unsigned code = 0;
        if (!hex4(code)) return false;
        if (code >= 0xDC00 && code < 0xE000) return false;
        if (code >= 0xD800 && code < 0xDC00) {
            unsigned low = 0;
            if (!eat("\\u") || !hex4(low) || low < 0xDC00 || low > 0xDFFF) return false;
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(out, code);
        return true;
    }
    static void append_utf8(std::string& out, unsigned code) {
        if (code < 0x80) {
            out += char(code);
        } else if (code < 0x800) {
            out += char(0xC0 | code >> 6);
            out += char(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            out += char(0xE0 | code >> 12);
            out += char(0x80 | (code >> 6 & 0x3F));
            out += char(0x80 | (code & 0x3F));
        } else {
            out += char(0xF0 | code >> 18);
            out += char(0x80 | (code >> 12 & 0x3F));
            out += char(0x80 | (code >> 6 & 0x3F));
            out += char(0x80 | (code & 0x3F));
        }
    }
    bool string(std::string& out) {
        if (!eat('"')) return false;
        for (;;) {
            const auto stop = std::ranges::find_if(
                in_, [](char c) { return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20; });
            out.append(in_.begin(), stop);
            in_.remove_prefix(std::size_t(stop - in_.begin()));
            if (eat('"')) return true;
            if (!eat('\\') || !escape(out)) return false;
        }
    }

    std::string_view in_;
};

void append_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\')
            (out += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20)
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", int(c));
        else
            out += c;
    }
    out += '"';
}

}  // namespace

Result<Flat> Flat::parse(std::string_view line) {
    Flat flat;
    if (!valid_utf8(line) || !Parser(line).object(flat.fields_)) return fail(Code::invalid, "log.pack-line");
    return flat;
}

const Flat::Value* Flat::find(std::string_view name) const {
    for (const auto& [field, value] : fields_)
        if (field == name) return &value;
    return nullptr;
}
std::string_view Flat::text(std::string_view name) const {
    const auto* text = std::get_if<std::string>(find(name));
    return text == nullptr ? std::string_view() : std::string_view(*text);
}
std::optional<std::int64_t> Flat::integer(std::string_view name) const {
    const auto* number = std::get_if<std::int64_t>(find(name));
    return number == nullptr ? std::nullopt : std::optional(*number);
}
bool Flat::flag(std::string_view name) const {
    const auto* value = std::get_if<bool>(find(name));
    return value != nullptr && *value;
}

void FlatWriter::begin(std::string_view name) {
    if (out_.size() > 1) out_ += ',';
    append_text(out_, name);
    out_ += ':';
}
FlatWriter& FlatWriter::text(std::string_view name, std::string_view value) {
    begin(name);
    append_text(out_, value);
    return *this;
}
FlatWriter& FlatWriter::integer(std::string_view name, std::int64_t value) {
    begin(name);
    out_ += std::to_string(value);
    return *this;
}
FlatWriter& FlatWriter::flag(std::string_view name, bool value) {
    begin(name);
    out_ += value ? "true" : "false";
    return *this;
}

}  // namespace tilsyn::log::pack
