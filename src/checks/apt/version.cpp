#include "checks/apt/version.hpp"

namespace tilsyn::checks::apt {
namespace {

bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string_view without_zeros(std::string_view number) {
    const auto first = number.find_first_not_of('0');
    return first == number.npos ? std::string_view() : number.substr(first);
}

// Numbers of any length: a longer one is larger, so no integer can overflow.
std::strong_ordering compare_numbers(std::string_view a, std::string_view b) {
    a = without_zeros(a);
    b = without_zeros(b);
    if (a.size() != b.size()) return a.size() <=> b.size();
    return a.compare(b) <=> 0;
}

// '~' sorts before the end of the text, letters before everything else. A digit ends a part, as the end does.
int weight(std::string_view text, std::size_t at) {
    if (at >= text.size() || digit(text[at])) return 0;
    const char c = text[at];
    if (c == '~') return -1;
    return letter(c) ? c : static_cast<unsigned char>(c) + 256;
}

std::string_view take_digits(std::string_view text, std::size_t& at) {
    const auto from = at;
    while (at < text.size() && digit(text[at])) ++at;
    return text.substr(from, at - from);
}

std::strong_ordering compare_part(std::string_view a, std::string_view b) {
    std::size_t i = 0, j = 0;
    while (i < a.size() || j < b.size()) {
        while ((i < a.size() && !digit(a[i])) || (j < b.size() && !digit(b[j]))) {
            const int left = weight(a, i), right = weight(b, j);
            if (left != right) return left <=> right;
            ++i;  // equal weights other than 0 stand for equal characters, so both move on
            ++j;
        }
        const auto left = take_digits(a, i), right = take_digits(b, j);
        if (const auto order = compare_numbers(left, right); order != 0) return order;
    }
    return std::strong_ordering::equal;
}

struct Parts {
    std::string_view epoch, upstream, revision;
};

Parts parts(std::string_view version) {
    Parts result;
    if (const auto colon = version.find(':'); colon != version.npos) {
        result.epoch = version.substr(0, colon);
        version.remove_prefix(colon + 1);
    }
    const auto dash = version.rfind('-');  // upstream may hold dashes, the revision may not
    result.upstream = version.substr(0, dash);
    if (dash != version.npos) result.revision = version.substr(dash + 1);
    return result;
}

}  // namespace

std::strong_ordering compare_versions(std::string_view a, std::string_view b) {
    const auto left = parts(a), right = parts(b);
    if (const auto order = compare_part(left.epoch, right.epoch); order != 0) return order;
    if (const auto order = compare_part(left.upstream, right.upstream); order != 0) return order;
    return compare_part(left.revision, right.revision);
}

}  // namespace tilsyn::checks::apt
