// SQL of a policy: never a crash; every fault lies inside the text; and what has no fault binds, with as many
// values as marks, and no mark of the user's own.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "checks/query/lint.hpp"
#include "checks/query/moments.hpp"
#include "checks/query/tokens.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn;
    const std::string_view sql(reinterpret_cast<const char*>(data), size);
    static const policy::Calendar calendar(Zone::utc(), "DK");
    const auto lines = std::ranges::count(sql, '\n');
    const auto faults = checks::lint_sql(sql);
    for (const auto& fault : faults)
        if (fault.line < 0 || fault.line > lines || fault.column < 1 || std::size_t(fault.column) > size + 1)
            std::abort();
    if (!faults.empty()) return 0;
    const auto bound = checks::bind_moments(sql, from_micros(1'795'000'000'000'000), calendar);
    if (!bound) std::abort();
    const auto tokens = checks::tokenize_sql(bound->sql);
    const auto marks = std::ranges::count_if(
        tokens, [](const auto& token) { return token.kind == checks::Token::Kind::symbol && token.text == "?"; });
    if (std::size_t(marks) != bound->values.size()) std::abort();
    for (const auto& token : tokens)
        if (token.kind == checks::Token::Kind::comment || token.kind == checks::Token::Kind::placeholder ||
            token.text == ";")
            std::abort();
    return 0;
}
