// The SQL views that `query` checks read (docs/policy.md): one for each register, and two of our own. SQLite has them
// beside the tables; PostgreSQL in a schema of their own, the only one that those queries see.
//
// A view yields NULL for a value of another type than declared: one old row must not make every check fail.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "registers/countries.hpp"
#include "registers/store.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

using Definitions = std::map<std::string, std::string>;  // view -> what stands after AS

// "90m" -> 5400, given the SQL of its last letter and of its number.
std::string seconds(std::string_view unit, std::string_view number) {
    std::string sql = fmt::format("CASE {}", unit);
    for (const auto& [letter, length] : duration_units)
        sql += fmt::format(" WHEN '{}' THEN {} * {}", letter, number, length);
    return sql + " END";
}

std::string flag(std::string_view value) {
    return fmt::format("CASE {} WHEN 'true' THEN 1 WHEN 'false' THEN 0 END", value);
}

// A whole number that fits: SQLite's CAST makes something of any text.
std::string sqlite_whole(std::string_view text) {
    return fmt::format("CAST(CAST({0} AS INTEGER) AS TEXT) = {0}", text);
}

std::string sqlite_column(const Field& field) {
    const auto value = fmt::format("json_extract(body, '$.{}')", field.name);
    switch (field.type) {
        case FieldType::boolean:
            return flag(value);
        case FieldType::duration: {
            const auto number = fmt::format("substr({0}, 1, length({0}) - 1)", value);
            return fmt::format(
                "CASE WHEN {} THEN {} END", sqlite_whole(number),
                seconds(fmt::format("substr({}, -1)", value), fmt::format("CAST({} AS INTEGER)", number)));
        }
        case FieldType::integer:
            return fmt::format("CASE WHEN {} THEN CAST({} AS INTEGER) END", sqlite_whole(value), value);
        case FieldType::number:
            return fmt::format(
                "CASE WHEN json_valid({0}) THEN CASE WHEN json_type({0}) IN ('integer', 'real') THEN CAST({0} AS REAL) "
                "END END",
                value);
        default:
            return fmt::format("CAST({} AS TEXT)", value);
    }
}

std::string sqlite_register(const Register& target) {
    std::string sql = "SELECT id";
    for (const auto& field : target.fields) sql += fmt::format(",\n  {} AS \"{}\"", sqlite_column(field), field.name);
    return sql + fmt::format("\nFROM register_row WHERE register = '{}'", target.name);
}

std::string postgres_column(const Field& field) {
    auto value = fmt::format("f.\"{}\"", field.name);
    switch (field.type) {
        case FieldType::boolean:
            return flag(value);
        case FieldType::duration:
            return fmt::format("CASE WHEN {} ~ '^[0-9]{{1,12}}[wdhms]$' THEN {} END", value,
                               seconds(fmt::format("right({}, 1)", value), fmt::format("left({}, -1)::bigint", value)));
        case FieldType::integer:
            return fmt::format(
                "CASE WHEN {0} ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN {0}::numeric BETWEEN -9223372036854775808 AND "
                "9223372036854775807 "
                "THEN {0}::bigint END END",
                value);
        case FieldType::number:
            // Nothing that double precision could refuse.
            return fmt::format(
                "CASE WHEN {0} ~ "
                "'^-?([0-9]{{1,30}}([.][0-9]{{1,30}})?|[0-9]([.][0-9]{{1,30}})?e[-+]?([0-9]{{1,2}}|[12][0-9][0-9]|30[0-"
                "7]))$' "
                "THEN {0}::double precision END",
                value);
        default:
            return value;
    }
}

// json_to_record reads each body once, however many fields there are.
std::string postgres_register(const Register& target) {
    std::string sql = "SELECT r.id";
    std::vector<std::string> record;
    for (const auto& field : target.fields) {
        sql += fmt::format(",\n  {} AS \"{}\"", postgres_column(field), field.name);
        record.push_back(fmt::format("\"{}\" text", field.name));
    }
    sql += "\nFROM public.register_row r";
    if (!record.empty()) sql += "\nCROSS JOIN LATERAL json_to_record(r.body::json) AS f(" + join(record, ", ") + ")";
    return sql + fmt::format("\nWHERE r.register = '{}'", target.name);
}

Definitions definitions(db::Engine engine, const Catalogue& catalogue) {
    const bool sqlite = engine == db::Engine::sqlite;
    Definitions out;
    for (const auto& target : catalogue.all())
        out[target.view()] = sqlite ? sqlite_register(target) : postgres_register(target);
    out["register_changes"] = sqlite ? "SELECT register, id, action, strftime('%Y-%m-%dT%H:%M:%SZ', at / 1000000, "
                                       "'unixepoch') AS changed_at FROM register_change"
                                     : "SELECT register, id, action, to_char(to_timestamp(at / 1000000) AT TIME ZONE "
                                       "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') "
                                       "AS changed_at FROM public.register_change";
    std::string codes;
    for (auto code : eea_countries())
        codes += fmt::format("{}SELECT '{}' AS code", codes.empty() ? "" : " UNION ALL ", code);
    out["eea_countries"] = codes;
    return out;
}

Result<std::set<std::string>> names(db::Connection& connection, std::string_view sql) {
    TRY(const auto rows, connection.query(sql, {}));
    std::set<std::string> out;
    for (const auto& row : rows.rows) out.insert(row.text(0));
    return out;
}

// Rows of a register whose reference fields are declared otherwise than when they were last written.
Result<void> follow_references(db::Connection& connection, const Catalogue& catalogue) {
    TRY(const auto rows, connection.query("SELECT register, reference_fields FROM register_shape"));
    std::map<std::string, std::string> known;
    for (const auto& row : rows.rows) known[row.text(0)] = row.text(1);
    for (const auto& target : catalogue.all()) {
        std::string shape;
        for (const auto& field : target.fields)
            if (is_reference(field.type)) shape += field.name + ">" + field.target + " ";
        const auto found = known.find(target.name);
        if (found != known.end() && found->second == shape) continue;
        TRY_VOID(rebuild_references(connection, target));
        TRY_VOID(
            connection.execute("INSERT INTO register_shape(register, reference_fields) VALUES(?, ?) "
                               "ON CONFLICT(register) DO UPDATE SET reference_fields = excluded.reference_fields",
                               {target.name, shape}));
    }
    return {};
}

}  // namespace

Result<void> create_views(db::Connection& connection, const Catalogue& catalogue) {
    const bool sqlite = connection.engine() == db::Engine::sqlite;
    const std::string schema = sqlite ? "" : "facts.";
    if (!sqlite) {
        // Nodes that start together take turns: two of them making one schema would collide.
        TRY_VOID(connection.query("SELECT pg_advisory_xact_lock(7210452)"));
        TRY_VOID(connection.script("CREATE SCHEMA IF NOT EXISTS facts"));
    }
    TRY(const auto there, names(connection, sqlite ? "SELECT name FROM sqlite_master WHERE type = 'view'"
                                                   : "SELECT viewname::text FROM pg_views WHERE schemaname = 'facts'"));
    TRY(const auto tables,
        names(connection, sqlite ? "SELECT name FROM sqlite_master WHERE type = 'table'"
                                 : "SELECT tablename::text FROM pg_tables WHERE schemaname = 'facts'"));
    TRY(const auto made, connection.query("SELECT name, definition FROM register_view ORDER BY name"));
    auto wanted = definitions(connection.engine(), catalogue);
    for (const auto& row : made.rows) {
        const auto name = row.text(0);
        const auto found = wanted.find(name);
        if (found != wanted.end() && found->second == row.text(1) && there.contains(name)) {
            wanted.erase(found);  // as it should be: a query that runs now is not disturbed
            continue;
        }
        TRY_VOID(connection.script("DROP VIEW IF EXISTS " + schema + "\"" + name + "\""));
        TRY_VOID(connection.execute("DELETE FROM register_view WHERE name = ?", {name}));
    }
    for (const auto& [name, definition] : wanted) {
        const bool ours = std::ranges::any_of(made.rows, [&](const db::Row& row) { return row.text(0) == name; });
        if (tables.contains(name) || (there.contains(name) && !ours))
            return fail(Code::conflict, "registers.view-taken", {{"name", name}});
        TRY_VOID(connection.script("CREATE VIEW " + schema + "\"" + name + "\" AS\n" + definition));
        TRY_VOID(connection.execute("INSERT INTO register_view(name, definition) VALUES(?, ?)", {name, definition}));
    }
    return follow_references(connection, catalogue);
}

}  // namespace tilsyn::registers
