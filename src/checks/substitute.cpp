#include "checks/substitute.hpp"

namespace tilsyn::checks {

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

}  // namespace tilsyn::checks
