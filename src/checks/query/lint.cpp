#include "checks/query/lint.hpp"

#include <algorithm>
#include <charconv>
#include <set>

#include "base/text.hpp"
#include "checks/query/tokens.hpp"

namespace tilsyn::checks {
namespace {

using Kind = Token::Kind;

// The same meaning on SQLite 3.40 and PostgreSQL 15, and no effect but the answer.
constexpr std::string_view functions[] = {"count", "sum", "min", "max", "avg", "coalesce", "nullif", "lower", "upper", "trim", "length", "substr", "replace", "abs", "round", "cast"};
// Words that may stand before a parenthesis without being a function.
constexpr std::string_view before_parenthesis[] = {"in", "exists", "values", "and", "or", "not", "when", "then", "else", "case", "as", "on", "select", "from", "where", "by",
                                                   "having", "union", "all", "distinct", "join", "between", "like", "limit", "is", "except", "intersect", "using"};
constexpr std::string_view forbidden[] = {"insert", "update", "delete", "drop", "create", "alter", "attach", "detach", "pragma", "vacuum", "reindex", "copy", "grant", "revoke", "set", "do",
                                          "call", "execute", "prepare", "into", "lock", "returning", "truncate", "begin", "commit", "rollback", "savepoint", "listen", "notify", "for",
                                          "glob", "regexp", "match", "ilike", "similar", "natural", "lateral", "tablesample", "recursive"};

template <class List>
bool one_of(std::string_view word, const List& list) {
    return std::ranges::find(list, word) != std::end(list);
}

struct Offset {
    enum class Base { today, now } base = Base::today;
    int count = 0;  // with its sign
    enum class Unit { none, minute, hour, day, working_day, week, month, year } unit = Unit::none;
};

std::optional<Offset::Unit> unit_of(std::string_view name) {
    using Unit = Offset::Unit;
    const std::pair<std::string_view, Unit> names[] = {{"minute", Unit::minute}, {"hour", Unit::hour}, {"day", Unit::day}, {"working day", Unit::working_day},
                                                       {"week", Unit::week}, {"month", Unit::month}, {"year", Unit::year}};
    for (const auto& [word, unit] : names)
        if (name == word || name == std::string(word) + "s") return unit;
    return std::nullopt;
}

// "{today - 30 days}"
std::optional<Offset> parse_offset(std::string_view placeholder) {
    auto text = trim(placeholder.substr(1, placeholder.size() - 2));
    Offset offset;
    if (text.starts_with("today")) text.remove_prefix(5);
    else if (text.starts_with("now")) {
        offset.base = Offset::Base::now;
        text.remove_prefix(3);
    } else {
        return std::nullopt;
    }
    text = trim(text);
    if (text.empty()) return offset;
    const char sign = text.front();
    if (sign != '+' && sign != '-') return std::nullopt;
    text = trim(text.substr(1));
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), offset.count);
    if (error != std::errc{} || offset.count < 0 || offset.count > 100'000) return std::nullopt;
    const auto unit = unit_of(trim(text.substr(std::size_t(end - text.data()))));
    if (!unit) return std::nullopt;
    offset.unit = *unit;
    if (sign == '-') offset.count = -offset.count;
    const bool clock_unit = *unit == Offset::Unit::minute || *unit == Offset::Unit::hour;
    if (offset.base == Offset::Base::today && clock_unit) return std::nullopt;
    return offset;
}

Date add_months(Date date, int months) {
    auto moved = std::chrono::year_month(date.year(), date.month()) + std::chrono::months(months);
    const auto last = std::chrono::year_month_day(std::chrono::year_month_day_last(moved.year(), std::chrono::month_day_last(moved.month()))).day();
    return {moved.year(), moved.month(), std::min(date.day(), last)};  // 31 January plus a month is the last of February
}

Date move_date(Date date, const Offset& offset, const policy::Calendar& calendar) {
    using Unit = Offset::Unit;
    switch (offset.unit) {
        case Unit::day: return Date(std::chrono::sys_days(date) + std::chrono::days(offset.count));
        case Unit::week: return Date(std::chrono::sys_days(date) + std::chrono::days(7 * offset.count));
        case Unit::month: return add_months(date, offset.count);
        case Unit::year: return add_months(date, 12 * offset.count);
        case Unit::working_day: {
            auto day = std::chrono::sys_days(date);
            const auto step = std::chrono::days(offset.count < 0 ? -1 : 1);
            for (int left = std::abs(offset.count); left > 0;) {
                day += step;
                if (calendar.working_day(Date(day))) --left;
            }
            return Date(day);
        }
        default: return date;
    }
}

std::string value_of(const Offset& offset, Timestamp now, const policy::Calendar& calendar) {
    using Unit = Offset::Unit;
    if (offset.unit == Unit::minute) return format_utc_seconds(now + std::chrono::minutes(offset.count));
    if (offset.unit == Unit::hour) return format_utc_seconds(now + std::chrono::hours(offset.count));
    auto local = calendar.zone().local(now);
    local.date = move_date(local.date, offset, calendar);
    return offset.base == Offset::Base::today ? format_date(local.date) : format_utc_seconds(calendar.zone().utc_of(local));
}

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
        if (first != "select" && first != "with") add(tokens_[0], "checks.sql-not-select", {{"found", std::string(tokens_[0].text)}});
        collect_ctes();
        int depth = 0;
        for (std::size_t i = 0; i < tokens_.size(); ++i) {
            const auto& token = tokens_[i];
            if (token.text == "(") ++depth;
            if (token.text == ")" && --depth < 0) add(token, "checks.sql-parenthesis");
            check(i);
        }
        if (depth > 0) add(tokens_.back(), "checks.sql-parenthesis");
        return std::move(faults_);
    }

  private:
    std::string word(std::size_t i) const { return i < tokens_.size() && tokens_[i].kind == Kind::word ? lower_ascii(tokens_[i].text) : std::string(); }
    std::string_view text(std::size_t i) const { return i < tokens_.size() ? tokens_[i].text : std::string_view(); }

    // Names that WITH introduces: "name as (" and "name(a, b) as (".
    void collect_ctes() {
        for (std::size_t i = 0; i + 1 < tokens_.size(); ++i) {
            const auto before = i == 0 ? std::string() : word(i - 1);
            if (tokens_[i].kind == Kind::word && (before == "with" || (i > 0 && text(i - 1) == ",")) && (word(i + 1) == "as" || text(i + 1) == "(")) ctes_.insert(word(i));
        }
    }

    void check(std::size_t i) {
        const auto& token = tokens_[i];
        switch (token.kind) {
            case Kind::broken: return add(token, "checks.sql-unterminated", {{"found", shorten(token.text, 20)}});
            case Kind::placeholder:
                if (!parse_offset(token.text)) add(token, "checks.sql-placeholder", {{"found", std::string(token.text)}});
                return;
            case Kind::symbol:
                if (token.text == ";") add(token, "checks.sql-one-statement");
                else if (token.text == "?" || token.text == "$" || token.text == ":" || token.text == "@" || token.text == "`" || token.text == "[" || token.text == "#" || token.text == "\\")
                    add(token, "checks.sql-symbol", {{"found", std::string(token.text)}});
                return;
            case Kind::quoted_name: return check_name(token, lower_ascii(token.text.substr(1, token.text.size() - 2)));
            case Kind::word: return check_word(i);
            default: return;
        }
    }

    void check_name(const Token& token, const std::string& name) {
        if (name.starts_with("pg_") || name.starts_with("sqlite_") || name == "information_schema" || name == "log_private" || name == "api_key")
            add(token, "checks.sql-internal", {{"found", std::string(token.text)}});
    }

    void check_word(std::size_t i) {
        const auto& token = tokens_[i];
        const auto name = word(i);
        check_name(token, name);
        const bool after_dot = i > 0 && text(i - 1) == ".";
        const bool renamed = i > 0 && word(i - 1) == "as";
        if (!after_dot && !renamed && one_of(name, forbidden)) return add(token, "checks.sql-word", {{"found", std::string(token.text)}});
        const auto before = i == 0 ? std::string() : word(i - 1);
        if (text(i + 1) == "." && (before == "from" || before == "join")) return add(token, "checks.sql-schema", {{"found", std::string(token.text)}});
        if (text(i + 1) == "." && text(i + 3) == ".") return add(token, "checks.sql-schema", {{"found", std::string(token.text)}});
        if (text(i + 1) != "(" || renamed || one_of(name, functions) || one_of(name, before_parenthesis) || ctes_.contains(name)) return;
        std::vector<std::string> known(std::begin(functions), std::end(functions));
        const auto near = nearest(name, known);
        add(token, "checks.sql-function", {{"found", std::string(token.text)}, {"near", near.value_or("coalesce")}});
    }

    void add(const Token& token, std::string_view key, Params params = {}) {
        SqlFault fault{msg(key, params), 0, 1};
        const auto before = sql_.substr(0, token.offset);
        fault.line = int(std::ranges::count(before, '\n'));
        const auto newline = before.rfind('\n');
        fault.column = int(before.size() - (newline == before.npos ? 0 : newline + 1)) + 1;
        faults_.push_back(std::move(fault));
    }

    std::string_view sql_;
    std::vector<Token> tokens_;
    std::set<std::string> ctes_;
    std::vector<SqlFault> faults_;
};

}  // namespace

std::vector<SqlFault> lint_sql(std::string_view sql) { return Linter(sql).run(); }

Result<BoundSql> bind_moments(std::string_view sql, Timestamp now, const policy::Calendar& calendar) {
    BoundSql bound;
    std::size_t copied = 0;  // everything up to here is in bound.sql
    for (const auto& token : tokenize_sql(sql)) {
        if (token.kind != Kind::comment && token.kind != Kind::placeholder) continue;
        bound.sql += sql.substr(copied, token.offset - copied);
        copied = token.offset + token.text.size();
        if (token.kind == Kind::comment) {
            bound.sql += ' ';
            continue;
        }
        const auto offset = parse_offset(token.text);
        if (!offset) return fail(Code::invalid, "checks.sql-placeholder", {{"found", std::string(token.text)}});
        // PostgreSQL cannot tell the type of a lone parameter in every place; a cast says it is text.
        bound.sql += "CAST(? AS text)";
        bound.values.emplace_back(value_of(*offset, now, calendar));
    }
    bound.sql += sql.substr(copied);
    return bound;
}

}  // namespace tilsyn::checks
