#include "checks/substitute.hpp"

namespace tilsyn::checks {
namespace {

bool field_name(std::string_view name) {
    return !name.empty() && name.front() >= 'a' && name.front() <= 'z' &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == name.npos;
}

}  // namespace

Result<std::string> substitute(std::string_view text, const Subject& subject) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto open = text.find('{', i);
        const auto close = open == text.npos ? text.npos : text.find('}', open);
        if (close == text.npos) return out + std::string(text.substr(i));
        out += text.substr(i, open - i);
        const auto name = text.substr(open + 1, close - open - 1);
        const auto field = subject.fields.find(name);
        if (field == subject.fields.end() || field->second.empty())
            return fail(Code::invalid, "checks.field-not-set", {{"subject", subject.id}, {"field", std::string(name)}});
        out += field->second;
        i = close + 1;
    }
    return out;
}

std::optional<Message> fault_in_braces(std::string_view text) {
    for (auto open = text.find('{'); open != text.npos; open = text.find('{', open + 1)) {
        const auto close = text.find('}', open);
        const auto found = text.substr(open, close == text.npos ? text.npos : close - open + 1);
        if (close == text.npos || !field_name(found.substr(1, found.size() - 2)))
            return msg("checks.bad-field", {{"found", std::string(found)}});
    }
    return std::nullopt;
}

}  // namespace tilsyn::checks
