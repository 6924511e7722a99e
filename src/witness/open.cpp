// How a witness begins: its folder, its database, its key.
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "witness/witness.hpp"

namespace tilsyn::witness {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t most_key_bytes = 4096;
constexpr auto lock_wait = std::chrono::seconds(10);

constexpr db::Migration migrations[] = {{"0010-witness", R"(
-- What was cosigned last: one row for each log, moved only by Witness::add_checkpoint.
CREATE TABLE witness_log(
    origin TEXT PRIMARY KEY,
    origin_sha256 TEXT NOT NULL UNIQUE,
    size {int} NOT NULL,
    root {blob} NOT NULL,
    cosigned_at {int},
    note TEXT NOT NULL
){strict};
CREATE TABLE witness_key(
    vkey TEXT NOT NULL,
    origin TEXT NOT NULL REFERENCES witness_log(origin),
    added_at {int} NOT NULL,
    PRIMARY KEY(vkey, origin)
){strict};
-- Checkpoints that a log has signed beside those we cosigned: evidence against it.
CREATE TABLE witness_fork(
    origin TEXT NOT NULL REFERENCES witness_log(origin),
    size {int} NOT NULL,
    root {blob} NOT NULL,
    note TEXT NOT NULL,
    seen_at {int} NOT NULL,
    PRIMARY KEY(origin, size, root)
){strict};
)"}};

Result<void> make_folder(const fs::path& path) {
    std::error_code error;
    const bool made = fs::create_directories(path, error);
    if (!error && made) fs::permissions(path, fs::perms::owner_all, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", path.string()}}).detail(error.message());
    return {};
}

std::string name_of_this_machine() {
    char host[256] = {};
    if (::gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') return "localhost/witness";
    return std::string(host) + "/witness";
}

Result<log::PrivateKey> read_key(const fs::path& file) {
    struct stat info{};
    if (::stat(file.c_str(), &info) == 0 && (info.st_mode & 077) != 0)
        return fail(Code::forbidden, "witness.key-open", {{"path", file.string()}})
            .hint("witness.key-open-hint", {{"path", file.string()}});
    TRY(const auto text, read_file(file, most_key_bytes));
    auto key = log::parse_private_key(trim(text), log::KeyType::cosignature);
    if (!key) return fail(Code::invalid, "witness.bad-key").at({file.string(), 0, 0});
    return *std::move(key);
}

Result<log::PrivateKey> make_key(const fs::path& file, std::string name) {
    if (name.empty()) name = name_of_this_machine();
    if (!log::valid_key_name(name)) return fail(Code::invalid, "witness.bad-name", {{"name", name}});
    log::PrivateKey key{std::move(name), log::KeyType::cosignature, crypto::SigningKey::generate()};
    TRY_VOID(write_file(file, log::to_string(key) + "\n", 0600));
    return key;
}

}  // namespace

Witness::Witness(Options options, const Clock& clock, log::PrivateKey key, std::unique_ptr<db::Connection> connection)
    : options_(std::move(options)), clock_(&clock), key_(std::move(key)), connection_(std::move(connection)) {}

Result<std::unique_ptr<Witness>> Witness::open(Options options, const Clock& clock) {
    TRY_VOID(make_folder(options.folder));
    const auto key_file = options.folder / "witness.key", database = options.folder / "witness.db";
    TRY(const auto lock, FileLock::take(options.folder / "witness.lock", Deadline::in(lock_wait)));
    const bool has_key = fs::exists(key_file);
    // A key that has forgotten what it cosigned would cosign a second history.
    if (has_key && !fs::exists(database))
        return fail(Code::conflict, "witness.memory-lost", {{"path", database.string()}})
            .hint("witness.memory-lost-hint", {{"path", key_file.string()}});
    TRY(auto connection, db::open({db::Engine::sqlite, database.string()}, db::Access::read_write));
    TRY_VOID(db::migrate(*connection, migrations, clock.now()));
    if (!has_key) {
        // State without a key: somebody lost it. A new one silently would be a stranger to everybody.
        TRY(const auto used, connection->one("SELECT origin FROM witness_log LIMIT 1"));
        if (used)
            return fail(Code::not_found, "witness.key-lost", {{"path", key_file.string()}})
                .hint("witness.key-lost-hint");
    }
    TRY(auto key, has_key ? read_key(key_file) : make_key(key_file, options.name));
    if (!options.name.empty() && options.name != key.name)
        return fail(Code::conflict, "witness.other-name", {{"name", key.name}, {"asked", options.name}});
    return std::unique_ptr<Witness>(new Witness(std::move(options), clock, std::move(key), std::move(connection)));
}

}  // namespace tilsyn::witness
