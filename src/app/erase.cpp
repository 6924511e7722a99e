#include "app/erase.hpp"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>
#include <set>

#include "base/text.hpp"

namespace tilsyn::app {
namespace {

using nlohmann::json;

constexpr std::string_view people = "people";
constexpr std::string_view erased = "erased";

bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || static_cast<unsigned char>(c) >= 0x80;
}

// Whole words, whatever their case: "Anna" does not stand in "Annabel".
bool holds_words(std::string_view text, std::string_view words) {
    const auto haystack = lower_ascii(text), needle = lower_ascii(words);
    for (auto at = haystack.find(needle); at != haystack.npos; at = haystack.find(needle, at + 1)) {
        const auto end = at + needle.size();
        if ((at == 0 || !is_word(haystack[at - 1])) && (end == haystack.size() || !is_word(haystack[end]))) return true;
    }
    return false;
}

// What tells who it is: the id where an id can stand, and the words of name, address and the like anywhere.
class Person {
  public:
    explicit Person(std::string_view id) : id_(id) {}
    void known_by(std::string_view words) {
        if (words.size() >= 3 && words != id_) words_.insert(std::string(words));
    }
    // The id as the whole text or a string of JSON, or as a subject.
    bool in(std::string_view text) const {
        if (text == id_ || text.find('"' + id_ + '"') != text.npos || holds_words(text, "people/" + id_)) return true;
        return std::ranges::any_of(words_, [&](const std::string& words) { return holds_words(text, words); });
    }
    // True: something was blanked.
    bool blank(json& value) const {
        bool changed = false;
        if (value.is_string() && in(value.get_ref<const std::string&>())) {
            value = erased;
            return true;
        }
        if (value.is_structured())
            for (auto& part : value) changed |= blank(part);
        return changed;
    }

  private:
    std::string id_;
    std::set<std::string> words_;
};

// The personal fields of all that the row ever was.
Result<Person> describe(db::Connection& db, const registers::Register& declaration, const std::string& id) {
    Person person(id);
    TRY(const auto rows,
        db.query("SELECT before, after FROM register_change WHERE register = ? AND id = ?", {std::string(people), id}));
    for (const auto& row : rows.rows)
        for (const std::size_t column : {0, 1}) {
            const auto body = json::parse(row.text(column), nullptr, false);
            if (!body.is_object()) continue;
            for (const auto& field : declaration.fields) {
                // What names somebody: not a status or a role, which others have too.
                const bool names =
                    field.type == registers::FieldType::text || field.type == registers::FieldType::email;
                if (field.personal == registers::Personal::none || !names) continue;
                const auto found = body.find(field.name);
                if (found != body.end() && found->is_string()) person.known_by(found->get_ref<const std::string&>());
            }
        }
    return person;
}

Result<std::int64_t> erase_values(db::Connection& db, const Person& person) {
    std::vector<std::vector<db::Value>> keys;
    TRY_VOID(db.each("SELECT idx, field, value FROM log_private", {}, [&](const db::Row& row) -> Result<bool> {
        if (person.in(row.text(2))) keys.push_back({row.integer(0), row.text(1)});
        return true;
    }));
    TRY_VOID(db.execute_each("DELETE FROM log_private WHERE idx = ? AND field = ?", keys));
    return std::int64_t(keys.size());
}

Result<std::int64_t> blank_history(db::Connection& db, const Person& person, const std::string& id) {
    std::vector<std::vector<db::Value>> rows;
    TRY_VOID(db.each("SELECT sequence, register, id, actor, before, after FROM register_change", {},
                     [&](const db::Row& row) -> Result<bool> {
                         const bool own = row.text(1) == people && row.text(2) == id;
                         const bool actor = person.in(row.text(3));
                         db::Value parts[2] = {row[4], row[5]};
                         bool changed = own || actor;
                         for (auto& part : parts) {
                             if (own) part = db::Null{};
                             const auto* text = std::get_if<std::string>(&part);
                             if (text == nullptr) continue;
                             auto body = json::parse(*text, nullptr, false);
                             if (!body.is_discarded() && person.blank(body)) {
                                 part = body.dump();
                                 changed = true;
                             }
                         }
                         if (changed)
                             rows.push_back({std::string(own ? erased : std::string_view(row.text(2))),
                                             actor ? std::string(erased) : row.text(3), parts[0], parts[1],
                                             row.integer(0)});
                         return true;
                     }));
    TRY_VOID(db.execute_each("UPDATE register_change SET id = ?, actor = ?, before = ?, after = ? WHERE sequence = ?",
                             rows));
    return std::int64_t(rows.size());
}

// A column of text that may name the person, in a table with a key of its own.
struct Place {
    std::string_view table, key, column;
};
constexpr Place places[] = {
    {"finding", "id", "subject"},      {"exception", "id", "subject"}, {"exception", "id", "reason"},
    {"exception", "id", "granted_by"}, {"api_key", "id", "name"},      {"policy_version", "version", "applied_by"},
};

Result<std::int64_t> blank_places(db::Connection& db, const Person& person) {
    std::int64_t count = 0;
    for (const auto& place : places) {
        const auto table = std::string(place.table), key = std::string(place.key), column = std::string(place.column);
        std::vector<std::vector<db::Value>> rows;
        TRY_VOID(
            db.each("SELECT " + key + ", " + column + " FROM " + table, {}, [&](const db::Row& row) -> Result<bool> {
                const auto text = row.text(1);
                if (person.in(text))
                    rows.push_back(
                        {text.starts_with("people/") ? "people/" + std::string(erased) : std::string(erased), row[0]});
                return true;
            }));
        TRY_VOID(db.execute_each("UPDATE " + table + " SET " + column + " = ? WHERE " + key + " = ?", rows));
        count += std::int64_t(rows.size());
    }
    return count;
}

Result<std::int64_t> drop_subject(db::Connection& db, const std::string& id) {
    std::int64_t count = 0;
    for (const char* table : {"observation", "subject_state", "sign_off"}) {
        TRY(const auto gone, db.execute("DELETE FROM " + std::string(table) + " WHERE subject = ?", {"people/" + id}));
        count += gone;
    }
    TRY(const auto signed_by, db.execute("DELETE FROM sign_off WHERE signed_by = ?", {id}));
    TRY(const auto updated,
        db.execute("UPDATE register_row SET updated_by = ? WHERE updated_by = ?", {std::string(erased), id}));
    return count + signed_by + updated;
}

Result<std::vector<std::string>> still_mentioned(db::Connection& db, const Person& person) {
    std::vector<std::string> left;
    TRY_VOID(db.each("SELECT register, id, body FROM register_row ORDER BY register, id", {},
                     [&](const db::Row& row) -> Result<bool> {
                         if (person.in(row.text(2))) left.push_back(row.text(0) + "/" + row.text(1));
                         return true;
                     }));
    return left;
}

// What was deleted is still in free pages and in the write-ahead log until they are overwritten.
Result<void> overwrite(const db::Location& location) {
    TRY(const auto connection, db::open(location, db::Access::read_write));
    if (connection->engine() == db::Engine::sqlite) return connection->script("PRAGMA wal_checkpoint(TRUNCATE)");
    for (const char* table : {"log_private", "register_change"})
        TRY_VOID(connection->script(std::string("VACUUM ") + table));
    return {};
}

}  // namespace

Result<Erased> erase_person(App& app, std::string_view person_id, std::string_view reason, std::string_view by) {
    const std::string id(person_id);
    const auto registers = app.registers();
    const auto* declaration = registers->catalogue().find(people);
    if (declaration == nullptr) return fail(Code::not_found, "app.erase-unknown", {{"person", id}});
    Erased out;
    TRY_VOID(app.committer().write([&](log::WriteContext& context) -> Result<void> {
        auto& db = context.db();
        const bool sqlite = db.engine() == db::Engine::sqlite;
        out = {};
        TRY(const auto row,
            db.one("SELECT 1 FROM register_row WHERE register = ? AND id = ?", {std::string(people), id}));
        if (row)
            return fail(Code::conflict, "app.erase-in-force", {{"person", id}})
                .hint("app.erase-in-force-hint", {{"person", id}});
        if (sqlite) TRY_VOID(db.script("PRAGMA secure_delete = ON"));
        TRY(const auto person, describe(db, *declaration, id));
        TRY(out.values, erase_values(db, person));
        TRY(out.changes, blank_history(db, person, id));
        TRY(out.others, blank_places(db, person));
        TRY(const auto dropped, drop_subject(db, id));
        out.others += dropped;
        TRY(out.left, still_mentioned(db, person));
        if (out.values + out.changes + out.others == 0)
            return fail(Code::not_found, "app.erase-unknown", {{"person", id}});
        out.log_index = context.append(log::Entry("private.erase")
                                           .integer("count", out.values)
                                           .private_text("reason", reason)
                                           .private_text("by", by));
        return {};
    }));
    TRY_VOID(overwrite(app.location()));
    return out;
}

}  // namespace tilsyn::app
