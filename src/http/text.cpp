#include "http/text.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "base/text.hpp"

namespace tilsyn::http {
namespace {

int hex(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

enum class Plus { itself, space };

Result<std::string> decode(std::string_view text, Plus plus) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            if (i + 2 >= text.size() || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0)
                return fail(Code::invalid, "http.bad-escape");
            c = static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
            i += 2;
        } else if (c == '+' && plus == Plus::space) {
            c = ' ';
        }
        const auto byte = static_cast<unsigned char>(c);
        // In a path no control character has a meaning; in a parameter, line breaks and tabs do.
        if (byte == 127 || (byte < 32 && (plus == Plus::itself || (c != '\n' && c != '\r' && c != '\t'))))
            return fail(Code::invalid, "http.bad-character");
        out += c;
    }
    if (!valid_utf8(out)) return fail(Code::invalid, "http.not-utf8");
    return out;
}

Result<std::string> decode_path(std::string_view raw) {
    std::string path;
    for (const auto segment : split(raw.substr(1), '/')) {
        TRY(const auto text, decode(segment, Plus::itself));
        if (text == "." || text == "..") return fail(Code::invalid, "http.dots-in-path");
        if (text.find('/') != text.npos) return fail(Code::invalid, "http.slash-in-segment");
        path += '/';
        path += text;
    }
    return path;
}

Result<std::map<std::string, std::string>> decode_query(std::string_view raw) {
    std::map<std::string, std::string> query;
    for (const auto pair : split(raw, '&')) {
        if (pair.empty()) continue;
        const auto equals = pair.find('=');
        TRY(auto name, decode(pair.substr(0, equals), Plus::space));
        TRY(auto value, decode(equals == pair.npos ? std::string_view() : pair.substr(equals + 1), Plus::space));
        if (!query.emplace(name, std::move(value)).second)
            return fail(Code::invalid, "http.repeated-parameter", {{"name", name}});
    }
    return query;
}

// "0.8" -> 800; -1 when it is not a weight.
int weight(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return -1;
    int thousandths = (text[0] - '0') * 1000;
    if (text.size() > 1 && text[1] != '.') return -1;
    int unit = 100;
    for (const char c : text.size() > 2 ? text.substr(2) : std::string_view()) {
        if (c < '0' || c > '9') return -1;
        thousandths += (c - '0') * unit;
        unit /= 10;
    }
    return thousandths <= 1000 ? thousandths : -1;
}

// The name without the port; empty when it is not one.
std::string host_only(std::string_view host) {
    std::string_view name = host;
    std::string_view port;
    if (host.starts_with('[')) {
        const auto close = host.find(']');
        if (close == host.npos) return {};
        name = host.substr(0, close + 1);
        port = host.substr(close + 1);
    } else if (const auto colon = host.find(':'); colon != host.npos) {
        name = host.substr(0, colon);
        port = host.substr(colon);
    }
    if (!port.empty() && (port[0] != ':' || port.size() > 6 ||
                          !std::ranges::all_of(port.substr(1), [](char c) { return c >= '0' && c <= '9'; })))
        return {};
    if (name.ends_with('.')) name.remove_suffix(1);
    return lower_ascii(name);
}

bool is_address(const std::string& name) {
    unsigned char binary[sizeof(in6_addr)];
    if (name.starts_with('[')) return ::inet_pton(AF_INET6, name.substr(1, name.size() - 2).c_str(), binary) == 1;
    return ::inet_pton(AF_INET, name.c_str(), binary) == 1;
}

}  // namespace

Result<Target> parse_target(std::string_view raw) {
    Target target;
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (lower_ascii(raw.substr(0, scheme.size())) != scheme) continue;
        raw.remove_prefix(scheme.size());
        const auto slash = std::min(raw.find_first_of("/?"), raw.size());
        target.authority = std::string(raw.substr(0, slash));
        if (target.authority.empty()) return fail(Code::invalid, "http.bad-target");
        raw.remove_prefix(slash);
        break;
    }
    const auto question = raw.find('?');
    auto path = raw.substr(0, question);
    if (path.empty() && !target.authority.empty()) path = "/";
    if (!path.starts_with('/') || raw.find('#') != raw.npos) return fail(Code::invalid, "http.bad-target");
    TRY(target.path, decode_path(path));
    if (question != raw.npos) {
        TRY(target.query, decode_query(raw.substr(question + 1)));
    }
    return target;
}

Lang choose_language(std::string_view accept_language) {
    Lang best = Lang::en;
    int best_weight = 0;
    for (const auto item : split(accept_language, ',')) {
        const auto semicolon = item.find(';');
        const auto lang = parse_lang(lower_ascii(trim(item.substr(0, semicolon))));
        int q = 1000;
        if (semicolon != item.npos) {
            const auto parameter = trim(item.substr(semicolon + 1));
            q = lower_ascii(parameter.substr(0, 2)) == "q=" ? weight(parameter.substr(2)) : -1;
        }
        if (!lang || q <= best_weight) continue;
        best = *lang;
        best_weight = q;
    }
    return best;
}

HostRule::HostRule(bool on_loopback, const std::vector<std::string>& names)
    : on_loopback_(on_loopback), any_(!on_loopback && names.empty()) {
    for (const auto& name : names) names_.push_back(lower_ascii(name));
}

bool HostRule::accepts(std::string_view host) const {
    const auto name = host_only(host);
    if (name.empty()) return false;
    if (any_ || name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
    if (std::ranges::find(names_, name) != names_.end()) return true;
    // An address cannot be made to point elsewhere, so it cannot be used for rebinding.
    return !on_loopback_ && is_address(name);
}

}  // namespace tilsyn::http
