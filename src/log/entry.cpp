#include "log/entry.hpp"

#include <fmt/format.h>

#include <array>

#include "base/random.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::log {
namespace {

void append_json_text(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        switch (c) {
            case '"':
                out += "\\\"";
                break;
            case '\\':
                out += "\\\\";
                break;
            case '\n':
                out += "\\n";
                break;
            case '\r':
                out += "\\r";
                break;
            case '\t':
                out += "\\t";
                break;
            default:
                if (static_cast<unsigned char>(c) < 0x20)
                    fmt::format_to(std::back_inserter(out), "\\u{:04x}", int(c));
                else
                    out += c;
        }
    }
    out += '"';
}

void append_name(std::string& out, std::string_view field) {
    out += ",\"";
    out += field;
    out += "\":";
}

}  // namespace

Entry& Entry::text(std::string_view field, std::string_view value) {
    append_name(fields_, field);
    append_json_text(fields_, value);
    return *this;
}

Entry& Entry::integer(std::string_view field, std::int64_t value) {
    append_name(fields_, field);
    fields_ += std::to_string(value);
    return *this;
}

Entry& Entry::time(std::string_view field, Timestamp value) {
    return text(field, format_utc(value));
}

Entry& Entry::private_text(std::string_view field, std::string_view value) {
    std::array<std::uint8_t, 32> salt{};
    random_bytes(salt);
    private_.push_back({std::string(field), std::string(crypto::as_text(salt)), std::string(value)});
    append_name(fields_, field);
    append_json_text(fields_, crypto::base64(commitment(private_.back().salt, field, value)));
    return *this;
}

Hash commitment(std::string_view salt, std::string_view field, std::string_view value) {
    return crypto::sha256({std::string_view("kl-commit/v1\0", 13), salt, field, std::string_view("\0", 1), value});
}

std::string Entry::bytes(Timestamp logged_at, std::int64_t cseq, std::int64_t prev) const {
    std::array<std::uint8_t, 16> nonce{};
    random_bytes(nonce);
    std::string out =
        fmt::format(R"({{"v":1,"n":"{}","t":"{}","k":"{}")", crypto::base64(nonce), format_utc(logged_at), kind_);
    if (!control_.empty()) {
        append_name(out, "c");
        append_json_text(out, control_);
        fmt::format_to(std::back_inserter(out), ",\"cseq\":{},\"prev\":{}", cseq, prev);
    }
    out += fields_;
    out += '}';
    return out;
}

}  // namespace tilsyn::log
