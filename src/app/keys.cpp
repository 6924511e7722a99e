#include "app/keys.hpp"

#include "base/random.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::app {
namespace {

constexpr std::string_view prefix = "tilsyn_";

std::string hash_of(std::string_view secret) {
    return crypto::hex(crypto::sha256(secret));
}

Key read(const db::Row& row) {
    Key key{row.text(0), row.text(1), parse_key_role(row.text(2)).value_or(KeyRole::read), row.time(3), std::nullopt};
    if (!row.null(4)) key.revoked_at = row.time(4);
    return key;
}

}  // namespace

std::string_view to_string(KeyRole role) {
    return role == KeyRole::admin ? "admin" : role == KeyRole::write ? "write" : "read";
}

std::optional<KeyRole> parse_key_role(std::string_view text) {
    for (const auto role : {KeyRole::read, KeyRole::write, KeyRole::admin})
        if (to_string(role) == text) return role;
    return std::nullopt;
}

Result<std::string> create_key(log::Committer& committer, std::string_view name, KeyRole role, std::string_view by) {
    if (trim(name).empty() || name.size() > 100 || !valid_utf8(name)) return fail(Code::invalid, "app.key-name");
    const auto id = random_id().substr(0, 8);
    std::array<std::uint8_t, 32> secret_bytes{};
    random_bytes(secret_bytes);
    const auto secret = crypto::hex(secret_bytes);
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        context.append(log::Entry("key.add")
                           .text("key", id)
                           .text("role", to_string(role))
                           .private_text("name", name)
                           .private_text("by", by));
        TRY_VOID(context.db().execute(
            "INSERT INTO api_key(id, name, role, hash, created_at) VALUES(?, ?, ?, ?, ?)",
            {id, std::string(name), std::string(to_string(role)), hash_of(secret), to_micros(context.now())}));
        return {};
    }));
    return std::string(prefix) + id + "_" + secret;
}

Result<void> revoke_key(log::Committer& committer, std::string_view id, std::string_view by) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY(const auto changed,
            context.db().execute("UPDATE api_key SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                                 {to_micros(context.now()), std::string(id)}));
        if (changed == 0) return fail(Code::not_found, "app.no-key", {{"id", std::string(id)}});
        context.append(log::Entry("key.revoke").text("key", id).private_text("by", by));
        return {};
    });
}

Result<std::vector<Key>> list_keys(db::Connection& connection) {
    std::vector<Key> keys;
    TRY_VOID(connection.each("SELECT id, name, role, created_at, revoked_at FROM api_key ORDER BY created_at, id", {},
                             [&](const db::Row& row) -> Result<bool> {
                                 keys.push_back(read(row));
                                 return true;
                             }));
    return keys;
}

Result<Key> check_key(db::Connection& connection, std::string_view key) {
    const auto refused = [] { return fail(Code::unauthorized, "app.bad-key"); };
    if (!key.starts_with(prefix)) return refused();
    const auto parts = split(key.substr(prefix.size()), '_');
    if (parts.size() != 2 || parts[0].size() != 8 || parts[1].size() != 64) return refused();
    TRY(const auto row, connection.one("SELECT id, name, role, created_at, revoked_at, hash FROM api_key WHERE id = ?",
                                       {std::string(parts[0])}));
    // An unknown id is compared too, so that the time says nothing about which ids exist.
    const bool good = crypto::equal_in_constant_time(row ? row->text(5) : std::string(64, '0'), hash_of(parts[1]));
    if (!row || !good || !row->null(4)) return refused();
    return read(*row);
}

}  // namespace tilsyn::app
