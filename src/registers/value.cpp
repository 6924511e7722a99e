#include "registers/value.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/text.hpp"
#include "base/time.hpp"
#include "registers/countries.hpp"

namespace tilsyn::registers {
namespace {

using Normal = Result<std::string>;

Fail bad(const Field& field, std::string_view key, std::string_view text) {
    return fail(Code::invalid, key, {{"field", field.name}, {"text", shorten(text, 60)}});
}

bool control_character(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7F;
}

Normal one_line(const Field& field, std::string_view text) {
    if (text.size() > max_text_bytes)
        return fail(Code::invalid, "registers.text-too-long",
                    {{"field", field.name}, {"limit", std::to_string(max_text_bytes)}});
    if (text.find_first_of("\r\n") != text.npos)
        return bad(field, "registers.text-has-lines", text.substr(0, text.find_first_of("\r\n")));
    if (std::ranges::any_of(text, control_character))
        return fail(Code::invalid, "registers.text-control", {{"field", field.name}});
    return std::string(text);
}

Normal several_lines(const Field& field, std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pair = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
        if (pair) continue;
        out += text[i] == '\r' ? '\n' : text[i];
    }
    if (out.size() > max_long_text_bytes)
        return fail(Code::invalid, "registers.text-too-long",
                    {{"field", field.name}, {"limit", std::to_string(max_long_text_bytes)}});
    if (std::ranges::any_of(out, [](char c) { return control_character(c) && c != '\n' && c != '\t'; }))
        return fail(Code::invalid, "registers.text-control", {{"field", field.name}});
    return out;
}

std::string plain_number(double value) {
    return fmt::format("{}", value);
}

// nullopt when inside the limits of the field.
std::optional<Fail> outside(const Field& field, double value, std::string_view text) {
    if (field.min && value < *field.min)
        return fail(Code::invalid, "registers.number-too-small",
                    {{"field", field.name}, {"text", std::string(text)}, {"min", plain_number(*field.min)}});
    if (field.max && value > *field.max)
        return fail(Code::invalid, "registers.number-too-large",
                    {{"field", field.name}, {"text", std::string(text)}, {"max", plain_number(*field.max)}});
    return std::nullopt;
}

Normal integer(const Field& field, std::string_view text) {
    auto digits = text;
    if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.remove_prefix(1);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size()) return bad(field, "registers.bad-integer", text);
    if (auto fault = outside(field, double(value), text)) return std::move(*fault);
    return std::to_string(value);
}

// A comma may be a decimal comma or an English thousands separator. Where it could be either ("1,234") we ask, rather
// than be wrong by a factor of a thousand.
Normal number(const Field& field, std::string_view text) {
    std::string digits(text);
    const auto comma = digits.find(',');
    if (comma != digits.npos) {
        const bool only = digits.find_first_of(",.", comma + 1) == digits.npos && digits.find('.') == digits.npos;
        const bool ambiguous = digits.size() - comma - 1 == 3;
        if (!only) return bad(field, "registers.bad-number", text);
        if (ambiguous) return bad(field, "registers.number-comma", text);
        digits[comma] = '.';
    }
    if (digits.starts_with('+') && digits.size() > 1 && digits[1] != '-') digits.erase(0, 1);
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value))
        return bad(field, "registers.bad-number", text);
    if (value == 0) value = 0;  // no "-0"
    if (auto fault = outside(field, value, text)) return std::move(*fault);
    return plain_number(value);
}

Normal boolean(const Field& field, std::string_view text) {
    const auto word = lower_ascii(text);
    for (auto yes : {"true", "yes", "ja", "sand", "1", "x"})
        if (word == yes) return std::string("true");
    for (auto no : {"false", "no", "nej", "falsk", "0"})
        if (word == no) return std::string("false");
    return bad(field, "registers.bad-boolean", text);
}

// 2026-11-23, and what a spreadsheet makes of it in most of Europe: 23-11-2026 and 23.11.2026. With '/' the day and the
// month could be either way round, so that is refused.
Normal date(const Field& field, std::string_view text) {
    std::string iso(text);
    if (text.size() == 10 && (text[2] == '-' || text[2] == '.') && text[5] == text[2])
        iso = fmt::format("{}-{}-{}", text.substr(6, 4), text.substr(3, 2), text.substr(0, 2));
    const auto parsed = parse_date(iso);
    if (!parsed || int(parsed->year()) < 1) return bad(field, "registers.bad-date", text);
    return format_date(*parsed);
}

Normal moment(const Field& field, std::string_view text) {
    const auto parsed = parse_utc(text);
    static const Timestamp first = Timestamp(std::chrono::sys_days(std::chrono::year(1) / 1 / 1));
    static const Timestamp last = Timestamp(std::chrono::sys_days(std::chrono::year(9999) / 12 / 31));
    if (!parsed || *parsed < first || *parsed >= last) return bad(field, "registers.bad-moment", text);
    return format_utc_seconds(std::chrono::floor<std::chrono::seconds>(*parsed));
}

Normal duration(const Field& field, std::string_view text) {
    const auto parsed = parse_duration(text);
    if (!parsed || *parsed % std::chrono::seconds(1) != Duration{0}) return bad(field, "registers.bad-duration", text);
    // One number and one unit, "90m" rather than "1h30m": SQL can read that.
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*parsed).count();
    for (const auto& [unit, length] : duration_units)
        if (seconds % length == 0 && seconds != 0) return fmt::format("{}{}", seconds / length, unit);
    return std::string("0s");
}

Normal choice(const Field& field, std::string_view text) {
    std::vector<std::string> values;
    for (const auto& option : field.choices) {
        if (option.value == text) return option.value;
        values.push_back(option.value);
    }
    const auto folded = fold_case(text);
    for (const auto& option : field.choices)
        if (fold_case(option.value) == folded || fold_case(option.label.da) == folded ||
            fold_case(option.label.en) == folded)
            return option.value;
    auto fault = fail(Code::invalid, "registers.bad-choice",
                      {{"field", field.name}, {"text", shorten(text, 60)}, {"choices", join(values, ", ")}});
    if (auto near = nearest(text, values)) return std::move(fault).hint("registers.did-you-mean", {{"name", *near}});
    return fault;
}

Normal identifier(const Field& field, std::string_view text) {
    if (!valid_id(text)) return bad(field, "registers.bad-reference", text);
    return std::string(text);
}

Normal country(const Field& field, std::string_view text) {
    std::string code(text);
    for (char& c : code)
        if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
    if (!is_country(code)) return bad(field, "registers.bad-country", text);
    return code;
}

Normal or_bad(std::optional<std::string> value, const Field& field, std::string_view key, std::string_view text) {
    if (!value) return bad(field, key, text);
    return std::move(*value);
}

Normal element(const Field& field, std::string_view text) {
    switch (field.type) {
        case FieldType::choices:
            return choice(field, text);
        case FieldType::references:
        case FieldType::roles:
            return identifier(field, text);
        default:
            return one_line(field, text);
    }
}

Normal several(const Field& field, std::string_view text) {
    std::vector<std::string> values;
    for (auto part : split(text, '|')) {
        if (trim(part).empty()) continue;
        TRY(auto value, element(field, trim(part)));
        // The others are sets: naming somebody twice means no more than once.
        if (field.type == FieldType::list || std::ranges::find(values, value) == values.end())
            values.push_back(std::move(value));
    }
    auto joined = join(values, "|");
    if (joined.size() > max_long_text_bytes)
        return fail(Code::invalid, "registers.text-too-long",
                    {{"field", field.name}, {"limit", std::to_string(max_long_text_bytes)}});
    return joined;
}

}  // namespace

bool is_several(FieldType type) {
    return type == FieldType::choices || type == FieldType::references || type == FieldType::roles ||
           type == FieldType::list;
}

bool is_reference(FieldType type) {
    return type == FieldType::reference || type == FieldType::references;
}

bool reads_as_number(FieldType type) {
    return type == FieldType::integer || type == FieldType::number || type == FieldType::boolean ||
           type == FieldType::duration;
}

Result<std::string> normalise(const Field& field, std::string_view raw) {
    if (!valid_utf8(raw)) return fail(Code::invalid, "registers.text-not-utf8", {{"field", field.name}});
    const auto text = trim(raw);
    if (text.empty()) return std::string();
    switch (field.type) {
        case FieldType::text:
            return one_line(field, text);
        case FieldType::long_text:
            return several_lines(field, text);
        case FieldType::integer:
            return integer(field, text);
        case FieldType::number:
            return number(field, text);
        case FieldType::boolean:
            return boolean(field, text);
        case FieldType::date:
            return date(field, text);
        case FieldType::moment:
            return moment(field, text);
        case FieldType::duration:
            return duration(field, text);
        case FieldType::choice:
            return choice(field, text);
        case FieldType::country:
            return country(field, text);
        case FieldType::email:
            return or_bad(normal_email(text), field, "registers.bad-email", text);
        case FieldType::url:
            return or_bad(normal_url(text), field, "registers.bad-url", text);
        case FieldType::host:
            return or_bad(normal_host(text), field, "registers.bad-host", text);
        case FieldType::reference:
            return identifier(field, text);
        case FieldType::choices:
        case FieldType::references:
        case FieldType::roles:
        case FieldType::list:
            return several(field, text);
    }
    return std::string(text);
}

std::vector<std::string> elements(std::string_view value) {
    std::vector<std::string> out;
    if (value.empty()) return out;
    for (auto part : split(value, '|')) out.emplace_back(part);
    return out;
}

std::string fold_case(std::string_view text) {
    std::string out(text);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto first = static_cast<unsigned char>(out[i]);
        if (first >= 'A' && first <= 'Z') out[i] = char(first + 32);
        if (first < 0xC3 || first > 0xD0 || i + 1 >= out.size()) continue;
        // Two bytes: U+00C0..U+042F, where capitals stand a fixed distance, or one, before their small letter.
        const unsigned point = ((first & 0x1Fu) << 6) | (static_cast<unsigned char>(out[i + 1]) & 0x3Fu);
        unsigned small = point;
        if (point >= 0xC0 && point <= 0xDE && point != 0xD7) small = point + 32;
        if (point >= 0x100 && point <= 0x137 && point % 2 == 0 && point != 0x130) small = point + 1;
        if (point >= 0x139 && point <= 0x148 && point % 2 == 1) small = point + 1;
        if (point >= 0x179 && point <= 0x17E && point % 2 == 1) small = point + 1;
        if (point >= 0x14A && point <= 0x177 && point % 2 == 0) small = point + 1;
        if (point >= 0x391 && point <= 0x3A9 && point != 0x3A2) small = point + 32;
        if (point >= 0x410 && point <= 0x42F) small = point + 32;
        out[i] = char(0xC0 | (small >> 6));
        out[++i] = char(0x80 | (small & 0x3F));
    }
    return out;
}

}  // namespace tilsyn::registers
