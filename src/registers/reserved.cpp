#include "registers/reserved.hpp"

#include <algorithm>
#include <array>

namespace tilsyn::registers {
namespace {

// SQLite's "SQLite Keywords" that cannot stand bare, and the reserved words of PostgreSQL 15, appendix C; alphabetical.
constexpr auto sql_words = std::to_array<std::string_view>({
    "add", "all", "alter", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization",
    "autoincrement", "between", "binary", "both", "case", "cast", "check", "collate", "collation", "column", "commit",
    "concurrently", "constraint", "create", "cross", "ctid", "current_catalog", "current_date", "current_role",
    "current_schema", "current_time", "current_timestamp", "current_user", "default", "deferrable", "delete", "desc",
    "distinct", "do", "drop", "else", "end", "escape", "except", "exists", "false", "fetch", "for", "foreign", "freeze",
    "from", "full", "glob", "grant", "group", "having", "if", "ilike", "in", "index", "indexed", "initially", "inner",
    "insert", "intersect", "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime",
    "localtimestamp", "match", "natural", "not", "nothing", "notnull", "null", "offset", "on", "only", "or", "order",
    "outer", "overlaps", "placing", "primary", "raise", "references", "regexp", "returning", "right", "rowid", "select",
    "session_user", "set", "similar", "some", "symmetric", "table", "tablesample", "then", "to", "trailing",
    "transaction", "true", "union", "unique", "update", "user", "using", "values", "variadic", "verbose", "when",
    "where", "window", "with",
});
static_assert(std::ranges::is_sorted(sql_words));

constexpr auto taken_views = std::to_array<std::string_view>({
    "control_promises", "controls", "eea_countries", "exceptions", "findings", "observations", "policy_versions",
    "promises", "register_changes", "runs",
});
static_assert(std::ranges::is_sorted(taken_views));

}  // namespace

bool is_sql_word(std::string_view name) { return std::ranges::binary_search(sql_words, name); }

bool is_taken_view(std::string_view name) {
    return std::ranges::binary_search(taken_views, name) || name.starts_with("sqlite_") || name.starts_with("pg_");
}

}  // namespace tilsyn::registers
