#include "registers/store.hpp"

#include "base/text.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

constexpr db::Migration schema[] = {{"0100-registers", R"(
CREATE TABLE register_row(
  register TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL, version {int} NOT NULL,
  created_at {int} NOT NULL, updated_at {int} NOT NULL, updated_by TEXT NOT NULL,
  PRIMARY KEY(register, id)){strict};
CREATE TABLE register_change(
  sequence {int} PRIMARY KEY, register TEXT NOT NULL, id TEXT NOT NULL, action TEXT NOT NULL, at {int} NOT NULL,
  actor TEXT NOT NULL, before TEXT, after TEXT, log_index {int} NOT NULL){strict};
CREATE INDEX register_change_of_row ON register_change(register, id, sequence);
CREATE TABLE register_reference(
  from_register TEXT NOT NULL, from_id TEXT NOT NULL, field TEXT NOT NULL, to_id TEXT NOT NULL, to_register TEXT NOT NULL,
  PRIMARY KEY(from_register, from_id, field, to_id)){norowid};
CREATE INDEX register_reference_to ON register_reference(to_register, to_id);
CREATE TABLE register_view(name TEXT PRIMARY KEY, definition TEXT NOT NULL){strict};
CREATE TABLE register_shape(register TEXT PRIMARY KEY, reference_fields TEXT NOT NULL){strict};
)"}};

using Values = std::vector<db::Value>;

std::string action_of(const Planned& change, const Attribution& attribution) {
    if (!attribution.action.empty()) return attribution.action;
    return change.what == Planned::What::add ? "add" : "set";
}

db::Value body_or_null(bool there, const std::string& body) {
    return there ? db::Value(body) : db::Value(db::Null{});
}

// The references that a row holds, as rows of register_reference.
void references_of(const Register& target, const std::string& id, const Fields& row, std::vector<Values>& out) {
    for (const auto& field : target.fields) {
        if (!is_reference(field.type)) continue;
        const auto found = row.find(field.name);
        if (found == row.end()) continue;
        for (auto& to : elements(found->second))
            out.push_back({target.name, id, field.name, field.target, std::move(to)});
    }
}

constexpr std::string_view insert_reference =
    "INSERT INTO register_reference(from_register, from_id, field, to_register, to_id) VALUES(?, ?, ?, ?, ?) "
    "ON CONFLICT(from_register, from_id, field, to_id) DO NOTHING";

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

Result<std::optional<StoredRow>> find_row(db::Connection& connection, std::string_view register_name,
                                          std::string_view id) {
    TRY(const auto row,
        connection.one("SELECT body, version, updated_at, updated_by FROM register_row WHERE register = ? AND id = ?",
                       {std::string(register_name), std::string(id)}));
    if (!row) return std::optional<StoredRow>();
    return StoredRow{row->text(0), row->integer(1), row->integer(2), row->text(3)};
}

Result<std::map<std::string, StoredRow, std::less<>>> all_rows(db::Connection& connection,
                                                               std::string_view register_name) {
    std::map<std::string, StoredRow, std::less<>> out;
    const db::Value parameters[] = {std::string(register_name)};
    TRY_VOID(connection.each("SELECT id, body, version, updated_at, updated_by FROM register_row WHERE register = ?",
                             parameters, [&](const db::Row& row) -> Result<bool> {
                                 out.emplace(row.text(0),
                                             StoredRow{row.text(1), row.integer(2), row.integer(3), row.text(4)});
                                 return true;
                             }));
    return out;
}

RegisterRow to_row(const Register& target, std::string_view id, const StoredRow& stored) {
    return {std::string(id), decode(target, stored.body), stored.version, from_micros(stored.updated_at),
            stored.updated_by};
}

Result<std::string> row_with(db::Connection& connection, const Register& target, const Field& field,
                             std::string_view value, std::string_view id) {
    const std::string extracted = connection.engine() == db::Engine::sqlite
                                      ? "json_extract(body, '$." + field.name + "')"
                                      : "body::json ->> '" + field.name + "'";
    TRY(const auto row,
        connection.one("SELECT id FROM register_row WHERE register = ? AND id <> ? AND " + extracted + " = ? LIMIT 1",
                       {target.name, std::string(id), std::string(value)}));
    return row ? row->text(0) : std::string();
}

Result<bool> References::exists(const std::string& register_name, const std::string& id) {
    if (register_name == target_->name && also_.contains(id)) return true;
    if (const auto found = loaded_.find(register_name); found != loaded_.end()) return found->second.contains(id);
    TRY(const auto row,
        connection_->one("SELECT 1 FROM register_row WHERE register = ? AND id = ?", {register_name, id}));
    return row.has_value();
}

Result<void> References::load_all() {
    for (const auto& field : target_->fields) {
        if (!is_reference(field.type) || loaded_.contains(field.target)) continue;
        auto& ids = loaded_[field.target];
        const db::Value parameters[] = {field.target};
        TRY_VOID(connection_->each("SELECT id FROM register_row WHERE register = ?", parameters,
                                   [&](const db::Row& row) -> Result<bool> {
                                       ids.insert(row.text(0));
                                       return true;
                                   }));
    }
    return {};
}

Result<void> References::check(const Fields& row, std::vector<Error>& faults) {
    for (const auto& field : target_->fields) {
        if (!is_reference(field.type)) continue;
        const auto found = row.find(field.name);
        if (found == row.end()) continue;
        for (const auto& id : elements(found->second)) {
            TRY(const bool there, exists(field.target, id));
            if (!there)
                faults.push_back(fail(Code::invalid, "registers.dangling",
                                      {{"field", field.name}, {"register", field.target}, {"id", id}})
                                     .error);
        }
    }
    return {};
}

Result<void> check_not_referred_to(db::Connection& connection, const Register& target, std::string_view id) {
    constexpr std::size_t named = 5;
    TRY(const auto rows,
        connection.query(
            "SELECT DISTINCT from_register, from_id FROM register_reference WHERE to_register = ? AND to_id = ? "
            "AND NOT (from_register = ? AND from_id = ?) ORDER BY from_register, from_id",
            {target.name, std::string(id), target.name, std::string(id)}));
    if (rows.rows.empty()) return {};
    std::vector<std::string> names;
    for (const auto& row : rows.rows)
        if (names.size() < named) names.push_back(row.text(0) + "/" + row.text(1));
    if (rows.rows.size() > named) names.emplace_back("…");
    return fail(Code::conflict, "registers.referred-to",
                {{"register", target.name},
                 {"id", std::string(id)},
                 {"count", std::to_string(rows.rows.size())},
                 {"rows", join(names, ", ")}});
}

Result<void> write_changes(log::WriteContext& context, const Register& target, std::span<const Planned> changes,
                           const Attribution& attribution) {
    auto& db = context.db();
    const auto now = to_micros(context.now());
    const bool import = attribution.action == "import";
    TRY(const auto last, db.one("SELECT coalesce(max(sequence), 0) FROM register_change"));
    auto sequence = last->integer(0);

    std::vector<Values> rows, removed, old_references, references, history;
    std::vector<std::size_t> without_entry;  // of `history`: they share the entry that sums up
    std::int64_t added = 0, changed = 0;
    for (const auto& change : changes) {
        const bool add = change.what == Planned::What::add;
        const bool remove = change.what == Planned::What::remove;
        const auto version = add ? 1 : remove ? change.before.version : change.before.version + 1;
        const auto body = remove ? std::string() : encode(target, change.after, change.before.body);
        (add ? added : changed) += 1;
        if (remove)
            removed.push_back({target.name, change.id});
        else
            rows.push_back({target.name, change.id, body, version, now, now, attribution.actor});
        if (!add) old_references.push_back({target.name, change.id});
        if (!remove) references_of(target, change.id, change.after, references);

        const auto action = action_of(change, attribution);
        std::int64_t index = -1;
        if (!import || history.size() < max_entries_of_import) {
            // Bodies are JSON already: put side by side, not written as texts inside a text.
            const std::string both =
                R"({"before":)" + (add ? "null" : change.before.body) + R"(,"after":)" + (remove ? "null" : body) + "}";
            index = context.append(log::Entry("register.change")
                                       .text("register", target.name)
                                       .text("action", action)
                                       .integer("version", version)
                                       .private_text("row", change.id)
                                       .private_text("change", both)
                                       .private_text("by", attribution.actor));
        } else {
            without_entry.push_back(history.size());
        }
        history.push_back({++sequence, target.name, change.id, action, now, attribution.actor,
                           body_or_null(!add, change.before.body), body_or_null(!remove, body), index});
    }
    if (import) {
        const auto index = context.append(log::Entry("register.change")
                                              .text("register", target.name)
                                              .text("action", "import")
                                              .integer("added", added)
                                              .integer("changed", changed)
                                              .integer("without_entry", std::int64_t(without_entry.size()))
                                              .text("file_sha256", attribution.file_sha256)
                                              .private_text("by", attribution.actor));
        for (auto position : without_entry) history[position].back() = index;
    }
    TRY_VOID(db.execute_each("DELETE FROM register_reference WHERE from_register = ? AND from_id = ?", old_references));
    TRY_VOID(db.execute_each("DELETE FROM register_row WHERE register = ? AND id = ?", removed));
    TRY_VOID(
        db.execute_each("INSERT INTO register_row(register, id, body, version, created_at, updated_at, updated_by) "
                        "VALUES(?, ?, ?, ?, ?, ?, ?) "
                        "ON CONFLICT(register, id) DO UPDATE SET body = excluded.body, version = excluded.version, "
                        "updated_at = excluded.updated_at, updated_by = excluded.updated_by",
                        rows));
    TRY_VOID(db.execute_each(insert_reference, references));
    return db.execute_each(
        "INSERT INTO register_change(sequence, register, id, action, at, actor, before, after, log_index) "
        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
        history);
}

Result<void> rebuild_references(db::Connection& connection, const Register& target) {
    TRY(const auto rows, all_rows(connection, target.name));
    std::vector<Values> references;
    for (const auto& [id, stored] : rows) references_of(target, id, decode(target, stored.body), references);
    TRY_VOID(connection.execute("DELETE FROM register_reference WHERE from_register = ?", {target.name}));
    return connection.execute_each(insert_reference, references);
}

}  // namespace tilsyn::registers
