// Host names, mail addresses and URLs: sane rather than complete. What passes here can be looked up and opened.
#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

bool letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_dns_name(std::string_view name) {
    if (name.empty() || name.size() > 253) return false;
    for (auto label : split(name, '.')) {
        if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
        if (!std::ranges::all_of(label, [](char c) { return letter_or_digit(c) || c == '-' || c == '_'; }))
            return false;
    }
    // Four numbers with dots are a mistyped address, not a name: a top-level domain is never all digits.
    const auto last = split(name, '.').back();
    return !std::ranges::all_of(last, [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<std::string> normal_address(int family, const std::string& text) {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (inet_pton(family, text.c_str(), bytes.data()) != 1) return std::nullopt;
    if (inet_ntop(family, bytes.data(), out.data(), out.size()) == nullptr) return std::nullopt;
    return std::string(out.data());
}

bool printable(std::string_view text) {
    return valid_utf8(text) &&
           std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F; });
}

}  // namespace

std::optional<std::string> normal_host(std::string_view text) {
    std::string name = lower_ascii(text);
    if (name.find('\0') != name.npos) return std::nullopt;
    if (name.size() > 2 && name.front() == '[' && name.back() == ']')
        return normal_address(AF_INET6, name.substr(1, name.size() - 2));
    if (auto address = normal_address(AF_INET, name)) return address;
    if (auto address = normal_address(AF_INET6, name)) return address;
    if (name.size() > 1 && name.ends_with('.')) name.pop_back();
    if (!is_dns_name(name)) return std::nullopt;
    return name;
}

std::optional<std::string> normal_email(std::string_view text) {
    const auto at = text.rfind('@');
    if (at == text.npos || at == 0 || at > 64 || text.size() > 254) return std::nullopt;
    const auto local = text.substr(0, at);
    if (!printable(local) || local.front() == '.' || local.back() == '.' || local.find("..") != local.npos)
        return std::nullopt;
    if (local.find_first_of("@,;:<>()[]\\\"|") != local.npos) return std::nullopt;
    const auto domain = lower_ascii(text.substr(at + 1));
    if (!is_dns_name(domain) || domain.find('.') == domain.npos) return std::nullopt;
    return std::string(local) + "@" + domain;
}

std::optional<std::string> normal_url(std::string_view text) {
    const auto colon = text.find("://");
    if (colon == text.npos || colon == 0 || text.size() > 2048 || !printable(text)) return std::nullopt;
    const auto scheme = lower_ascii(text.substr(0, colon));
    if (!(scheme.front() >= 'a' && scheme.front() <= 'z')) return std::nullopt;
    if (!std::ranges::all_of(scheme, [](char c) { return letter_or_digit(c) || c == '+' || c == '-' || c == '.'; }))
        return std::nullopt;
    // What a browser would run instead of opening.
    if (scheme == "javascript" || scheme == "vbscript" || scheme == "data") return std::nullopt;
    const auto rest = text.substr(colon + 3);
    const auto end = std::min(rest.find_first_of("/?#"), rest.size());
    auto authority = rest.substr(0, end);
    if (authority.find('@') != authority.npos) {
        // A user name is fine (sftp), a password has no place in a register.
        const auto user = authority.substr(0, authority.rfind('@'));
        if (user.empty() || user.find_first_of(":@") != user.npos) return std::nullopt;
        authority.remove_prefix(user.size() + 1);
    }
    const auto bracket = authority.rfind(']');
    const auto port_colon = authority.find(':', bracket == authority.npos ? 0 : bracket);
    const auto host = authority.substr(0, port_colon);
    if (port_colon != authority.npos) {
        const auto port = authority.substr(port_colon + 1);
        if (port.empty() || port.size() > 5 || !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; }))
            return std::nullopt;
        if (std::stoi(std::string(port)) > 65535) return std::nullopt;
    }
    if (!normal_host(host)) return std::nullopt;
    return scheme + "://" + std::string(rest.substr(0, static_cast<std::size_t>(authority.data() - rest.data()))) +
           lower_ascii(host) +
           std::string(rest.substr(static_cast<std::size_t>(host.data() - rest.data()) + host.size()));
}

}  // namespace tilsyn::registers
