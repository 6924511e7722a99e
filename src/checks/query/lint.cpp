#include "checks/query/lint.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/text.hpp"
#include "checks/query/moments.hpp"
#include "checks/query/tokens.hpp"

namespace tilsyn::checks {
namespace {

using Kind = Token::Kind;
using namespace std::string_view_literals;

constexpr std::size_t most_faults = 20;

// The same meaning on SQLite 3.40 and PostgreSQL 15, and no effect but the answer. min and max of several
// values are SQLite's alone; round to a number of places means different types.
struct Function {
    std::string_view name;
    int least, most;  // arguments
};
constexpr int any_number = 100;
constexpr std::array functions{
    Function{"abs", 1, 1},    Function{"avg", 1, 1},    Function{"cast", 1, 1},    Function{"coalesce", 2, any_number},
    Function{"count", 1, 1},  Function{"length", 1, 1}, Function{"lower", 1, 1},   Function{"max", 1, 1},
    Function{"min", 1, 1},    Function{"nullif", 2, 2}, Function{"replace", 3, 3}, Function{"round", 1, 1},
    Function{"substr", 2, 3}, Function{"sum", 1, 1},    Function{"trim", 1, 1},    Function{"upper", 1, 1},
};
// Words that may stand before a parenthesis without being a function.
constexpr std::array before_parenthesis{"all"sv,      "and"sv,       "as"sv,     "between"sv, "by"sv,    "case"sv,
                                        "distinct"sv, "else"sv,      "except"sv, "exists"sv,  "from"sv,  "having"sv,
                                        "in"sv,       "intersect"sv, "join"sv,   "like"sv,    "limit"sv, "not"sv,
                                        "offset"sv,   "on"sv,        "or"sv,     "select"sv,  "then"sv,  "union"sv,
                                        "using"sv,    "values"sv,    "when"sv,   "where"sv};
// Words that may stand before a text. Any other makes a literal of one engine: date '...', x'...', e'...'.
constexpr std::array before_text{"all"sv,  "and"sv,    "between"sv, "by"sv,   "case"sv, "distinct"sv,
                                 "else"sv, "escape"sv, "having"sv,  "like"sv, "not"sv,  "on"sv,
                                 "or"sv,   "select"sv, "then"sv,    "when"sv, "where"sv};
constexpr std::array forbidden{"alter"sv,
                               "analyze"sv,
                               "any"sv,
                               "attach"sv,
                               "begin"sv,
                               "call"sv,
                               "collate"sv,
                               "commit"sv,
                               "copy"sv,
                               "create"sv,
                               "current_catalog"sv,
                               "current_role"sv,
                               "current_schema"sv,
                               "current_user"sv,
                               "delete"sv,
                               "detach"sv,
                               "do"sv,
                               "drop"sv,
                               "execute"sv,
                               "explain"sv,
                               "fetch"sv,
                               "for"sv,
                               "glob"sv,
                               "grant"sv,
                               "ilike"sv,
                               "indexed"sv,
                               "insert"sv,
                               "into"sv,
                               "lateral"sv,
                               "listen"sv,
                               "lock"sv,
                               "match"sv,
                               "natural"sv,
                               "notify"sv,
                               "pragma"sv,
                               "prepare"sv,
                               "recursive"sv,
                               "regexp"sv,
                               "reindex"sv,
                               "returning"sv,
                               "revoke"sv,
                               "rollback"sv,
                               "savepoint"sv,
                               "session_user"sv,
                               "set"sv,
                               "similar"sv,
                               "some"sv,
                               "tablesample"sv,
                               "truncate"sv,
                               "update"sv,
                               "user"sv,
                               "vacuum"sv};
constexpr std::array clocks{"current_date"sv, "current_time"sv, "current_timestamp"sv, "localtime"sv,
                            "localtimestamp"sv};
constexpr std::array after_from{"where"sv,  "group"sv,     "order"sv, "having"sv, "union"sv,
                                "except"sv, "intersect"sv, "limit"sv, "offset"sv, "select"sv};
constexpr std::array cast_types{"text"sv, "integer"sv, "bigint"sv, "real"sv};

bool one_of(std::string_view word, const auto& list) {
    return std::ranges::find(list, word) != list.end();
}

const Function* function(std::string_view name) {
    const auto found = std::ranges::find(functions, name, &Function::name);
    return found == functions.end() ? nullptr : &*found;
}

std::string count_text(const Function& f) {
    if (f.most == any_number) return std::to_string(f.least) + "+";
    return f.least == f.most ? std::to_string(f.least) : std::to_string(f.least) + "-" + std::to_string(f.most);
}

// What stands between one pair of parentheses; the statement itself is the outermost.
struct Scope {
    const Function* call = nullptr;  // the arguments of this function
    std::size_t opened_at = 0;       // token
    int commas = 0;
    bool from = false;        // in a list of tables: a comma leads to another one
    bool table_next = false;  // a table is named next
    bool with = false;        // in the list of WITH
    bool cte_next = false;    // WITH names a query next
};

class Linter {
  public:
    explicit Linter(std::string_view sql) : sql_(sql) {
        for (const auto& token : tokenize_sql(sql))
            if (token.kind != Kind::comment) tokens_.push_back(token);
    }

    std::vector<SqlFault> run() {
        if (tokens_.empty()) {
            add({}, "checks.sql-empty");
            return std::move(faults_);
        }
        const auto first = word(0);
        if (first != "select" && first != "with")
            add(tokens_[0], "checks.sql-not-select", {{"found", shorten(tokens_[0].text, 20)}});
        scopes_.emplace_back();
        for (std::size_t i = 0; i < tokens_.size() && faults_.size() < most_faults; ++i) check(i);
        if (scopes_.size() > 1 && faults_.size() < most_faults)
            add(tokens_[scopes_.back().opened_at], "checks.sql-parenthesis");
        return std::move(faults_);
    }

  private:
    std::string word(std::size_t i) const {
        return i < tokens_.size() && tokens_[i].kind == Kind::word ? lower_ascii(tokens_[i].text) : std::string();
    }
    std::string before(std::size_t i) const { return i == 0 ? std::string() : word(i - 1); }
    bool is(std::size_t i, std::string_view symbol) const {
        return i < tokens_.size() && tokens_[i].kind == Kind::symbol && tokens_[i].text == symbol;
    }
    // Is token i + 1 this symbol, with nothing between?
    bool touches(std::size_t i, std::string_view symbol) const {
        return is(i + 1, symbol) && tokens_[i + 1].offset == tokens_[i].offset + tokens_[i].text.size();
    }

    void check(std::size_t i) {
        const auto& token = tokens_[i];
        switch (token.kind) {
            case Kind::broken:
                return add(token, "checks.sql-unterminated", {{"found", shorten(token.text, 20)}});
            case Kind::placeholder:
                if (!known_moment(token.text))
                    add(token, "checks.sql-placeholder", {{"found", shorten(token.text, 40)}});
                return;
            case Kind::symbol:
                return check_symbol(i);
            // SQLite takes a name in quotes that it does not know for a text, and says nothing.
            case Kind::quoted_name:
                return add(token, "checks.sql-quoted", {{"found", shorten(token.text, 40)}});
            case Kind::text:
                if (i > 0 && tokens_[i - 1].kind == Kind::word && !one_of(before(i), before_text) &&
                    !one_of(before(i), forbidden))
                    add(tokens_[i - 1], "checks.sql-typed-text", {{"found", std::string(tokens_[i - 1].text)}});
                return;
            case Kind::number:
                if (i + 1 < tokens_.size() && tokens_[i + 1].kind == Kind::word &&
                    tokens_[i + 1].offset == token.offset + token.text.size())
                    add(token, "checks.sql-number",
                        {{"found", std::string(token.text) + std::string(tokens_[i + 1].text)}});
                return;
            case Kind::word:
                return check_word(i);
            case Kind::comment:
                return;
        }
    }

    void check_symbol(std::size_t i) {
        const auto& token = tokens_[i];
        const auto symbol = token.text;
        auto& scope = scopes_.back();
        if (symbol == "(") return open(i);
        if (symbol == ")") return close(i);
        if (symbol == ",") {
            ++scope.commas;
            if (scope.from) scope.table_next = true;
            if (scope.with) scope.cte_next = true;
            return;
        }
        if (symbol == ";") return add(token, "checks.sql-one-statement");
        std::string found(symbol);
        bool good = one_of(symbol, std::array{"."sv, "+"sv, "-"sv, "*"sv, "/"sv, "%"sv, "="sv, "<"sv, ">"sv});
        if (symbol == "|") good = touches(i, "|") || (i > 0 && touches(i - 1, "|") && is(i - 1, "|"));
        if (symbol == "!") good = touches(i, "=");
        const auto joined = [&](std::string_view next) {
            if (!touches(i, next)) return;
            found = std::string(symbol) + std::string(next);
            good = false;
        };
        if (symbol == "=") joined("=");
        if (symbol == "<") joined("<");
        if (symbol == ">") joined(">");
        if (symbol == "-") joined(">");
        if (!good) add(token, "checks.sql-symbol", {{"found", found}});
    }

    void open(std::size_t i) {
        Scope inner{.call = function(before(i)), .opened_at = i};
        if (scopes_.back().table_next) {  // (a JOIN b), or (SELECT ...) AS x
            scopes_.back().table_next = false;
            inner.from = inner.table_next = word(i + 1) != "select" && word(i + 1) != "with" && word(i + 1) != "values";
        }
        scopes_.push_back(inner);
    }

    void close(std::size_t i) {
        if (scopes_.size() == 1) return add(tokens_[i], "checks.sql-parenthesis");
        const auto inner = scopes_.back();
        scopes_.pop_back();
        if (inner.call == nullptr) return;
        const int given = inner.opened_at + 1 == i ? 0 : inner.commas + 1;
        if (given < inner.call->least || given > inner.call->most)
            add(tokens_[inner.opened_at - 1], "checks.sql-arity",
                {{"function", std::string(inner.call->name)},
                 {"expected", count_text(*inner.call)},
                 {"found", std::to_string(given)}});
    }

    void check_word(std::size_t i) {
        const auto& token = tokens_[i];
        const auto name = word(i);
        auto& scope = scopes_.back();
        if (name.starts_with("pg_") || name.starts_with("sqlite_") || name == "information_schema")
            return add(token, "checks.sql-internal", {{"found", std::string(token.text)}});
        if (i > 0 && is(i - 1, ".")) {  // alias.column
            if (is(i + 1, ".") || is(i + 1, "(")) add(token, "checks.sql-schema", {{"found", std::string(token.text)}});
            return;
        }
        if (std::exchange(scope.cte_next, false) && name != "recursive") return;
        if (one_of(name, forbidden)) return add(token, "checks.sql-word", {{"found", std::string(token.text)}});
        if (one_of(name, clocks)) return add(token, "checks.sql-clock", {{"found", std::string(token.text)}});
        if (name == "true" || name == "false")
            return add(token, "checks.sql-boolean",
                       {{"found", std::string(token.text)}, {"flag", name == "true" ? "1" : "0"}});
        if (name == "is" && word(i + 1) != "null" && !(word(i + 1) == "not" && word(i + 2) == "null"))
            return add(token, "checks.sql-is");
        if (name == "distinct" && word(i + 1) == "on") return add(token, "checks.sql-word", {{"found", "DISTINCT ON"}});
        if (name == "all" && !one_of(before(i), std::array{"union"sv, "except"sv, "intersect"sv, "select"sv}))
            return add(token, "checks.sql-word", {{"found", std::string(token.text)}});
        if (scope.call != nullptr && name == "from")  // trim(BOTH FROM x)
            return add(token, "checks.sql-word", {{"found", std::string(token.text)}});
        if (scope.call != nullptr && scope.call->name == "cast" && name == "as") check_cast(i);
        follow(scope, name);
        if (scope.table_next && name != "from" && name != "join") {
            scope.table_next = false;
            if (is(i + 1, ".")) return add(token, "checks.sql-schema", {{"found", std::string(token.text)}});
        }
        if (is(i + 1, "(") && function(name) == nullptr && !one_of(name, before_parenthesis))
            unknown_function(token, name);
    }

    // Where in the statement this word leads.
    static void follow(Scope& scope, std::string_view name) {
        if (name == "with") {
            scope.with = scope.cte_next = true;
        } else if (name == "from" || name == "join") {
            scope.from = scope.table_next = true;
        } else if (one_of(name, after_from)) {
            scope.from = scope.table_next = scope.with = scope.cte_next = false;
        }
    }

    void check_cast(std::size_t i) {
        if (one_of(word(i + 1), cast_types) && is(i + 2, ")")) return;
        const auto& found = i + 1 < tokens_.size() ? tokens_[i + 1] : tokens_[i];
        add(found, "checks.sql-cast", {{"found", shorten(found.text, 20)}});
    }

    void unknown_function(const Token& token, const std::string& name) {
        std::vector<std::string> known;
        for (const auto& f : functions) known.emplace_back(f.name);
        const std::string found(token.text);
        if (const auto near = nearest(name, known))
            add(token, "checks.sql-function-near", {{"found", found}, {"near", *near}});
        else
            add(token, "checks.sql-function", {{"found", found}, {"known", join(known, ", ")}});
    }

    void add(const Token& token, std::string_view key, Params params = {}) {
        SqlFault fault{msg(key, params), 0, 1};
        const auto ahead = sql_.substr(0, token.offset);
        fault.line = int(std::ranges::count(ahead, '\n'));
        const auto newline = ahead.rfind('\n');
        fault.column = int(ahead.size() - (newline == ahead.npos ? 0 : newline + 1)) + 1;
        faults_.push_back(std::move(fault));
    }

    std::string_view sql_;
    std::vector<Token> tokens_;
    std::vector<Scope> scopes_;
    std::vector<SqlFault> faults_;
};

}  // namespace

std::vector<SqlFault> lint_sql(std::string_view sql) {
    return Linter(sql).run();
}

}  // namespace tilsyn::checks
