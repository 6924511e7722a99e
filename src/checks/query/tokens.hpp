// SQL cut into tokens: enough for lint.cpp, which never needs to understand more.
#pragma once
#include <string_view>
#include <vector>

namespace tilsyn::checks {

struct Token {
    enum class Kind { word, quoted_name, number, text, placeholder, symbol, comment, broken };
    Kind kind = Kind::symbol;
    std::string_view text;  // as written; a placeholder with its braces
    std::size_t offset = 0;
};
// Every byte but white space is in some token. A text, name, comment or placeholder that does not end is
// `broken`.
std::vector<Token> tokenize_sql(std::string_view sql);

}  // namespace tilsyn::checks
