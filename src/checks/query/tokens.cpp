#include "checks/query/tokens.hpp"

#include <cctype>

namespace tilsyn::checks {
namespace {

bool starts_word(char c) {
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool in_word(char c) {
    return starts_word(c) || std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// The end of a text in quotes, where a doubled quote stands for one; npos when it does not end.
std::size_t end_of_quoted(std::string_view sql, std::size_t start) {
    const char quote = sql[start];
    for (std::size_t i = start + 1; i < sql.size(); ++i) {
        if (sql[i] != quote) continue;
        if (i + 1 < sql.size() && sql[i + 1] == quote)
            ++i;
        else
            return i + 1;
    }
    return sql.npos;
}

}  // namespace

std::vector<Token> tokenize_sql(std::string_view sql) {
    using Kind = Token::Kind;
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < sql.size();) {
        const char c = sql[i];
        if (std::isspace(static_cast<unsigned char>(c)) != 0) {
            ++i;
            continue;
        }
        std::size_t end = i + 1;
        Kind kind = Kind::symbol;
        if (sql.substr(i).starts_with("--")) {
            kind = Kind::comment;
            end = std::min(sql.find('\n', i), sql.size());
        } else if (sql.substr(i).starts_with("/*")) {
            const auto close = sql.find("*/", i + 2);
            kind = close == sql.npos ? Kind::broken : Kind::comment;
            end = close == sql.npos ? sql.size() : close + 2;
        } else if (c == '\'' || c == '"') {
            const auto close = end_of_quoted(sql, i);
            kind = close == sql.npos ? Kind::broken : c == '\'' ? Kind::text : Kind::quoted_name;
            end = close == sql.npos ? sql.size() : close;
        } else if (c == '{') {
            const auto close = sql.find('}', i);
            kind = close == sql.npos ? Kind::broken : Kind::placeholder;
            end = close == sql.npos ? sql.size() : close + 1;
        } else if (starts_word(c)) {
            kind = Kind::word;
            while (end < sql.size() && in_word(sql[end])) ++end;
        } else if (std::isdigit(static_cast<unsigned char>(c)) != 0) {
            kind = Kind::number;
            while (end < sql.size() && (std::isdigit(static_cast<unsigned char>(sql[end])) != 0 || sql[end] == '.'))
                ++end;
        }
        tokens.push_back({kind, sql.substr(i, end - i), i});
        i = end;
    }
    return tokens;
}

}  // namespace tilsyn::checks
