#include "policy/store.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "db/views.hpp"
#include "policy/loader.hpp"

namespace tilsyn::policy {
namespace {

using Json = nlohmann::json;
using Files = std::vector<std::pair<std::string, std::string>>;

constexpr db::Migration schema[] = {
    {"0200-policy", R"(
CREATE TABLE policy_version(version {int} PRIMARY KEY, hash TEXT NOT NULL, applied_at {int} NOT NULL, applied_by TEXT NOT NULL,
    files TEXT NOT NULL){strict};
CREATE TABLE policy_control(id TEXT PRIMARY KEY, position {int} NOT NULL, title_en TEXT NOT NULL, title_da TEXT NOT NULL, kind TEXT NOT NULL,
    owner TEXT NOT NULL, severity TEXT NOT NULL, procedure TEXT, every TEXT NOT NULL, definition TEXT NOT NULL){strict};
CREATE TABLE policy_promise(id TEXT PRIMARY KEY, position {int} NOT NULL, section TEXT NOT NULL, strength TEXT NOT NULL,
    text_en TEXT NOT NULL, text_da TEXT NOT NULL){strict};
CREATE TABLE policy_control_promise(control TEXT NOT NULL, promise TEXT NOT NULL, PRIMARY KEY(control, promise)){strict};
CREATE INDEX policy_promise_control ON policy_control_promise(promise);
)"},
};

// A procedure may be any bytes; what is not text is kept as base64.
std::string files_json(const Files& files) {
    auto json = Json::array();
    for (const auto& [name, content] : files) {
        if (valid_utf8(content))
            json.push_back({{"name", name}, {"text", content}});
        else
            json.push_back({{"name", name}, {"base64", crypto::base64(crypto::as_bytes(content))}});
    }
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);  // a file's name may be any bytes too
}

std::optional<Files> parse_files(const std::string& text) {
    const auto json = Json::parse(text, nullptr, false);
    if (!json.is_array()) return std::nullopt;
    Files files;
    for (const auto& file : json) {
        const auto name = file.is_object() ? file.find("name") : file.end();
        if (!file.is_object() || name == file.end() || !name->is_string()) return std::nullopt;
        if (const auto content = file.find("text"); content != file.end() && content->is_string()) {
            files.emplace_back(name->get<std::string>(), content->get<std::string>());
        } else if (const auto coded = file.find("base64"); coded != file.end() && coded->is_string()) {
            const auto bytes = crypto::parse_base64(coded->get<std::string>());
            if (!bytes) return std::nullopt;
            files.emplace_back(name->get<std::string>(), std::string(crypto::as_text(*bytes)));
        } else {
            return std::nullopt;
        }
    }
    return files;
}

Version version_of(const db::Row& row) {
    return {row.integer(0), row.text(1), row.time(2), row.text(3)};
}

Result<std::map<std::string, std::string>> stored_definitions(db::Connection& connection) {
    std::map<std::string, std::string> out;
    TRY(const auto rows, connection.query("SELECT id, definition FROM policy_control"));
    for (const auto& row : rows.rows) out[row.text(0)] = row.text(1);
    return out;
}

Result<void> replace_rows(db::Connection& connection, const Policy& policy) {
    for (const char* table : {"policy_control", "policy_promise", "policy_control_promise"})
        TRY_VOID(connection.execute(std::string("DELETE FROM ") + table));
    std::vector<std::vector<db::Value>> controls, promises, kept;
    for (const auto& control : policy.controls) {
        controls.push_back({control.id, std::int64_t(controls.size()), control.title.in(Lang::en),
                            control.title.in(Lang::da), control.kind, control.owner,
                            std::string(to_string(control.severity)),
                            control.procedure.empty() ? db::Value(db::Null{}) : db::Value(control.procedure),
                            control.cadence.text, control.definition});
        for (const auto& promise : control.promises) kept.push_back({control.id, promise});
    }
    for (const auto& promise : policy.promises)
        promises.push_back({promise.id, std::int64_t(promises.size()), promise.section,
                            std::string(to_string(promise.strength)), promise.text.in(Lang::en),
                            promise.text.in(Lang::da)});
    TRY_VOID(
        connection.execute_each("INSERT INTO policy_control(id, position, title_en, title_da, kind, owner, severity, "
                                "procedure, every, definition) "
                                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                controls));
    TRY_VOID(connection.execute_each(
        "INSERT INTO policy_promise(id, position, section, strength, text_en, text_da) VALUES(?, ?, ?, ?, ?, ?)",
        promises));
    return connection.execute_each("INSERT INTO policy_control_promise(control, promise) VALUES(?, ?)", kept);
}

Result<Applied> apply_in(log::WriteContext& context, const Policy& policy, const std::string& actor) {
    auto& connection = context.db();
    Applied applied;
    TRY(const auto newest, current(connection));
    if (newest && newest->hash == policy.hash) {
        applied.version = newest->version;
        return applied;
    }
    applied.changed = true;
    applied.version = newest ? newest->version + 1 : 1;
    TRY(const auto before, stored_definitions(connection));
    TRY_VOID(connection.execute(
        "INSERT INTO policy_version(version, hash, applied_at, applied_by, files) VALUES(?, ?, ?, ?, ?)",
        {applied.version, policy.hash, to_micros(context.now()), actor, files_json(policy.files)}));
    TRY_VOID(replace_rows(connection, policy));
    context.append(log::Entry("policy.apply")
                       .integer("version", applied.version)
                       .text("hash", policy.hash)
                       .private_text("who", actor));
    for (const auto& control : policy.controls) {
        const auto old = before.find(control.id);
        if (old != before.end() && old->second == control.definition) continue;
        applied.defined.push_back(control.id);
        context.append(log::Entry("control.define")
                           .control(control.id)
                           .integer("version", applied.version)
                           .text("hash", crypto::hex(crypto::sha256(control.definition)))
                           .text("every", control.cadence.text));
    }
    for (const auto& [id, definition] : before) {
        if (policy.control(id) != nullptr) continue;
        applied.retired.push_back(id);
        context.append(log::Entry("control.retire")
                           .control(id)
                           .integer("version", applied.version)
                           .text("hash", crypto::hex(crypto::sha256(definition))));
    }
    return applied;
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

Result<void> create_views(db::Connection& connection) {
    TRY_VOID(
        db::replace_view(connection, "controls",
                         "SELECT id, title_en, title_da, kind, owner, severity, procedure, every FROM policy_control"));
    TRY_VOID(db::replace_view(connection, "promises", "SELECT id, section, strength FROM policy_promise"));
    TRY_VOID(db::replace_view(connection, "control_promises", "SELECT control, promise FROM policy_control_promise"));
    return db::replace_view(connection, "policy_versions",
                            "SELECT version, hash, " + db::moment_as_text(connection.engine(), "applied_at") +
                                " AS applied_at FROM policy_version");
}

Result<Applied> apply(log::Committer& committer, const Loaded& loaded, std::string_view actor) {
    if (!loaded.faults.empty())
        return fail(Code::invalid, "policy.has-faults", {{"count", std::to_string(loaded.faults.size())}})
            .hint("policy.has-faults-hint");
    Applied applied;
    const std::string who(actor);
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY(applied, apply_in(context, loaded.policy, who));
        return {};
    }));
    return applied;
}

Result<std::optional<Version>> current(db::Connection& connection) {
    TRY(const auto row,
        connection.one(
            "SELECT version, hash, applied_at, applied_by FROM policy_version ORDER BY version DESC LIMIT 1"));
    return row ? std::optional(version_of(*row)) : std::nullopt;
}

Result<std::vector<Version>> versions(db::Connection& connection) {
    TRY(const auto rows,
        connection.query("SELECT version, hash, applied_at, applied_by FROM policy_version ORDER BY version DESC"));
    std::vector<Version> out;
    for (const auto& row : rows.rows) out.push_back(version_of(row));
    return out;
}

Result<Files> version_files(db::Connection& connection, std::int64_t version) {
    TRY(const auto row, connection.one("SELECT files, hash FROM policy_version WHERE version = ?", {version}));
    if (!row) return fail(Code::not_found, "policy.no-such-version", {{"version", std::to_string(version)}});
    auto files = parse_files(row->text(0));
    if (!files || hash_of(*files) != row->text(1))
        return fail(Code::corrupt, "policy.version-corrupt", {{"version", std::to_string(version)}});
    return *files;
}

}  // namespace tilsyn::policy
