#include <map>
#include <set>

#include "crypto/hash.hpp"
#include "db/db.hpp"

namespace tilsyn::db {
namespace {

std::string in_words_of(Engine engine, std::string_view sql) {
    const bool sqlite = engine == Engine::sqlite;
    const std::pair<std::string_view, std::string_view> words[] = {
        {"{int}", sqlite ? "INTEGER" : "BIGINT"},
        {"{real}", sqlite ? "REAL" : "DOUBLE PRECISION"},
        {"{blob}", sqlite ? "BLOB" : "BYTEA"},
        {"{strict}", sqlite ? " STRICT" : ""},
        {"{norowid}", sqlite ? " STRICT, WITHOUT ROWID" : ""},
    };
    std::string out(sql);
    for (const auto& [word, meaning] : words)
        for (auto at = out.find(word); at != out.npos; at = out.find(word, at + meaning.size()))
            out.replace(at, word.size(), meaning);
    return out;
}

std::string digest(const Migration& m) {
    return crypto::hex(crypto::sha256({m.sql, "\n--\n", m.sqlite_too, "\n--\n", m.postgres_too}));
}

Result<std::vector<const Migration*>> missing(Connection& connection, std::span<const Migration> migrations) {
    TRY_VOID(connection.script(
        "CREATE TABLE IF NOT EXISTS schema_migration(id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, applied_at " +
        in_words_of(connection.engine(), "{int}") + " NOT NULL)"));
    TRY(const auto rows, connection.query("SELECT id, sha256 FROM schema_migration"));
    std::map<std::string, std::string> applied;
    for (const auto& row : rows.rows) applied[row.text(0)] = row.text(1);
    std::vector<const Migration*> result;
    for (const auto& migration : migrations) {
        const auto found = applied.find(std::string(migration.id));
        if (found == applied.end()) {
            result.push_back(&migration);
            continue;
        }
        if (found->second != digest(migration))
            return fail(Code::unsupported, "db.migration-changed", {{"id", found->first}}).hint("db.migration-hint");
        applied.erase(found);
    }
    if (!applied.empty())
        return fail(Code::unsupported, "db.migration-unknown", {{"id", applied.rbegin()->first}})
            .hint("db.migration-hint");
    return result;
}

}  // namespace

Result<std::vector<std::string>> pending_migrations(Connection& connection, std::span<const Migration> migrations) {
    TRY(auto transaction, Transaction::begin(connection));
    TRY(const auto wanted, missing(connection, migrations));
    std::vector<std::string> ids;
    for (const auto* migration : wanted) ids.emplace_back(migration->id);
    return ids;
}

Result<std::vector<std::string>> migrate(Connection& connection, std::span<const Migration> migrations, Timestamp now) {
    TRY(auto transaction, Transaction::begin(connection));
    // Two nodes that start together: the second waits here, and then finds nothing left to do. SQLite's BEGIN IMMEDIATE
    // is that lock already.
    if (connection.engine() == Engine::postgres)
        TRY_VOID(connection.script("SELECT pg_advisory_xact_lock(7461830213)"));
    TRY(const auto wanted, missing(connection, migrations));
    std::vector<std::string> done;
    for (const auto* migration : wanted) {
        auto run = connection.script(in_words_of(connection.engine(), migration->sql));
        const auto too = connection.engine() == Engine::sqlite ? migration->sqlite_too : migration->postgres_too;
        if (run && !too.empty()) run = connection.script(too);
        if (!run)
            return fail(Code::internal, "db.migration-failed", {{"id", std::string(migration->id)}})
                .detail(run.error().detail);
        TRY_VOID(connection.execute("INSERT INTO schema_migration(id, sha256, applied_at) VALUES(?, ?, ?)",
                                    {std::string(migration->id), digest(*migration), to_micros(now)}));
        done.emplace_back(migration->id);
    }
    TRY_VOID(transaction.commit());
    return done;
}

}  // namespace tilsyn::db
