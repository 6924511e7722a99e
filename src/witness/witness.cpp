#include "witness/witness.hpp"

#include <algorithm>

#include "crypto/hash.hpp"
#include "log/proofs.hpp"
#include "witness/add_checkpoint.hpp"

namespace tilsyn::witness {
namespace {

using std::chrono::seconds;

// A clock that was a little ahead is forgiven: the old time is said once more. More than that would be a false
// statement about when something was seen.
constexpr auto forgiven = std::chrono::minutes(5);
constexpr std::int64_t most_forks_kept = 100;  // of one log

log::Hash hash_of(const db::Blob& blob) {
    log::Hash hash{};
    if (blob.size() == hash.size()) std::ranges::copy(blob, hash.begin());
    return hash;
}
db::Blob blob_of(const log::Hash& hash) {
    return {hash.begin(), hash.end()};
}

// The note with the signatures that held, and nothing of what somebody may have put beside them.
log::Note only_good(const log::Note& note, const std::vector<log::GoodSignature>& good) {
    log::Note out{note.text, {}};
    for (const auto& held : good) {
        const auto found = std::ranges::find_if(note.signatures, [&](const log::NoteSignature& s) {
            return s.id == held.key.id && s.name == held.key.name;
        });
        if (found != note.signatures.end()) out.signatures.push_back(*found);
    }
    return out;
}

}  // namespace

struct Witness::Stored {
    std::int64_t size = 0;
    log::Hash root{};
    std::optional<Timestamp> cosigned_at;
    std::string note;
    bool same_tree(const Stored& other) const { return size == other.size && root == other.root; }
};

Result<std::optional<Witness::Stored>> Witness::read(const std::string& origin) {
    TRY(const auto row,
        connection_->one("SELECT size, root, cosigned_at, note FROM witness_log WHERE origin = ?", {origin}));
    if (!row) return std::nullopt;
    Stored stored{row->integer(0), hash_of(row->blob(1)), std::nullopt, row->text(3)};
    if (!row->null(2)) stored.cosigned_at = row->time(2);
    return stored;
}

Result<std::vector<log::VerifierKey>> Witness::keys_of(const std::string& origin) {
    std::vector<log::VerifierKey> keys;
    TRY_VOID(connection_->each("SELECT vkey FROM witness_key WHERE origin = ? ORDER BY added_at, vkey",
                               std::array<db::Value, 1>{origin}, [&](const db::Row& row) -> Result<bool> {
                                   TRY(auto key, log::parse_vkey(row.text(0)));
                                   keys.push_back(std::move(key));
                                   return true;
                               }));
    return keys;
}

Result<Timestamp> Witness::time_after(const std::optional<Timestamp>& last) const {
    const auto now = std::chrono::floor<seconds>(clock_->now());
    if (!last || now >= *last) return Timestamp(now);
    if (now + forgiven >= *last) return *last;
    return fail(Code::unavailable, "witness.clock-behind", {{"time", format_utc_seconds(*last)}})
        .hint("witness.clock-behind-hint");
}

Result<void> Witness::keep_fork(const log::Checkpoint& checkpoint, const log::Note& note) {
    TRY_VOID(
        connection_->execute("INSERT INTO witness_fork(origin, size, root, note, seen_at) SELECT ?, ?, ?, ?, ? "
                             "WHERE (SELECT count(*) FROM witness_fork WHERE origin = ?) < ? ON CONFLICT DO NOTHING",
                             {checkpoint.origin, checkpoint.size, blob_of(checkpoint.root), log::to_string(note),
                              to_micros(clock_->now()), checkpoint.origin, most_forks_kept}));
    return {};
}

Result<Answer> Witness::add_checkpoint(std::string_view body) {
    Answer answer;
    const auto refuse = [&](Verdict verdict, Error why) {
        answer.verdict = verdict;
        answer.why = std::move(why);
        return answer;
    };
    const auto request = parse_add_checkpoint(body);
    if (!request) return refuse(Verdict::malformed, request.error());
    const auto& checkpoint = request->checkpoint;
    answer.origin = checkpoint.origin;
    answer.asked_size = checkpoint.size;

    std::optional<Stored> known;
    std::vector<log::VerifierKey> keys;
    {
        const std::scoped_lock lock(mutex_);
        TRY(known, read(checkpoint.origin));
        TRY(keys, keys_of(checkpoint.origin));
    }
    if (!known)
        return refuse(Verdict::unknown_log,
                      fail(Code::not_found, "witness.unknown-log", {{"origin", checkpoint.origin}}).error);
    const auto good = log::open_note(request->note, keys);
    if (!good) return refuse(Verdict::not_signed, good.error());
    auto note = only_good(request->note, *good);
    if (request->old_size > checkpoint.size)
        return refuse(Verdict::malformed, fail(Code::invalid, "witness.old-beyond").error);

    // The costly part, without holding anybody up. What it was compared with is looked at again below.
    const bool in_step = request->old_size == known->size;
    Result<void> continues;
    if (in_step && checkpoint.size == known->size &&
        checkpoint.root != known->root)  // an empty tree, too, has one root
        continues = fail(Code::corrupt, "witness.other-root", {{"size", std::to_string(known->size)}});
    else if (in_step)
        continues = log::verify_consistency(known->size, known->root, checkpoint.size, checkpoint.root, request->proof);
    step(Step::verified);

    const std::scoped_lock lock(mutex_);
    TRY(auto transaction, db::Transaction::begin(*connection_));
    TRY(const auto now_stored, read(checkpoint.origin));
    if (!now_stored) return fail(Code::internal, "witness.lost-log", {{"origin", checkpoint.origin}});
    answer.size = now_stored->size;
    // The log's own signature under another root of the same size: it has two histories, whatever else is in the
    // request.
    answer.fork = now_stored->cosigned_at && checkpoint.size == now_stored->size && checkpoint.root != now_stored->root;
    if (answer.fork) {
        TRY_VOID(keep_fork(checkpoint, note));
        TRY_VOID(transaction.commit());
    }
    if (!in_step || !now_stored->same_tree(*known))
        return refuse(Verdict::out_of_step,
                      fail(Code::conflict, "witness.out-of-step", {{"size", std::to_string(answer.size)}}).error);
    if (!continues) return refuse(Verdict::inconsistent, continues.error());
    TRY(const auto at, time_after(now_stored->cosigned_at));
    step(Step::decided);
    const auto line = log::cosign_note(note.text, key_.name, key_.key, at);
    answer.verdict = Verdict::cosigned;
    answer.lines = log::to_line(line);
    answer.size = checkpoint.size;
    note.signatures.push_back(line);
    // The same once more in the same second, as when somebody sends a public checkpoint again and again: nothing to
    // write.
    if (auto whole = log::to_string(note); whole != now_stored->note) {
        TRY_VOID(connection_->execute(
            "UPDATE witness_log SET size = ?, root = ?, cosigned_at = ?, note = ? WHERE origin = ?",
            {checkpoint.size, blob_of(checkpoint.root), to_micros(at), std::move(whole), checkpoint.origin}));
        TRY_VOID(transaction.commit());
    }
    step(Step::stored);
    return answer;
}

Result<std::optional<std::string>> Witness::newest(std::string_view origin_sha256_hex) {
    const std::scoped_lock lock(mutex_);
    TRY(const auto row, connection_->one("SELECT note FROM witness_log WHERE origin_sha256 = ? AND note <> ''",
                                         {std::string(origin_sha256_hex)}));
    return row ? std::optional(row->text(0)) : std::nullopt;
}

Result<bool> Witness::add_log(const log::VerifierKey& key, std::string_view origin) {
    if (key.type != log::KeyType::ed25519) return fail(Code::invalid, "witness.not-a-log-key");
    const std::string name(origin.empty() ? std::string_view(key.name) : origin);
    const std::scoped_lock lock(mutex_);
    TRY(auto transaction, db::Transaction::begin(*connection_));
    TRY_VOID(
        connection_->execute("INSERT INTO witness_log(origin, origin_sha256, size, root, note) VALUES(?, ?, 0, ?, '') "
                             "ON CONFLICT(origin) DO NOTHING",
                             {name, crypto::hex(crypto::sha256(name)), blob_of(log::empty_root())}));
    TRY(const auto added,
        connection_->execute("INSERT INTO witness_key(vkey, origin, added_at) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
                             {log::to_string(key), name, to_micros(clock_->now())}));
    TRY_VOID(transaction.commit());
    return added > 0;
}

Result<bool> Witness::forget_key(const log::VerifierKey& key) {
    const std::scoped_lock lock(mutex_);
    TRY(const auto gone, connection_->execute("DELETE FROM witness_key WHERE vkey = ?", {log::to_string(key)}));
    return gone > 0;
}

Result<std::vector<KnownLog>> Witness::logs() {
    const std::scoped_lock lock(mutex_);
    std::vector<KnownLog> out;
    TRY_VOID(connection_->each(
        "SELECT l.origin, l.size, l.cosigned_at, l.note, "
        "(SELECT count(*) FROM witness_fork f WHERE f.origin = l.origin) "
        "FROM witness_log l ORDER BY l.origin",
        {}, [&](const db::Row& row) -> Result<bool> {
            KnownLog known{row.text(0), {}, row.integer(1), std::nullopt, row.text(3), row.integer(4)};
            if (!row.null(2)) known.cosigned_at = row.time(2);
            out.push_back(std::move(known));
            return true;
        }));
    for (auto& known : out) {
        TRY(known.keys, keys_of(known.origin));
    }
    return out;
}

}  // namespace tilsyn::witness
