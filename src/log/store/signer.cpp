#include "log/store/signer.hpp"

#include <sys/stat.h>

#include "base/file.hpp"
#include "base/text.hpp"
#include "log/private_key.hpp"

namespace tilsyn::log {
namespace {

constexpr std::uint64_t most_key_bytes = 4096;
constexpr auto lock_wait = std::chrono::seconds(10);

}  // namespace

Result<KeyRing> parse_key_ring(std::string_view text) {
    KeyRing ring;
    for (const auto line : split(text, '\n')) {
        if (trim(line).empty()) continue;
        TRY(auto key, parse_private_key(trim(line), KeyType::ed25519));
        if (!ring.keys.empty() && key.name != ring.origin) return fail(Code::invalid, "log.bad-key");
        ring.origin = key.name;
        ring.keys.push_back(std::move(key.key));
    }
    if (ring.keys.empty()) return fail(Code::invalid, "log.bad-key");
    return ring;
}

std::string to_string(const KeyRing& ring) {
    std::string out;
    for (const auto& key : ring.keys) out += to_string(PrivateKey{ring.origin, KeyType::ed25519, key}) + "\n";
    return out;
}

Result<VerifierKey> Signer::create(const std::filesystem::path& key_file, std::string_view origin) {
    if (!valid_key_name(origin)) return fail(Code::invalid, "log.bad-origin", {{"origin", std::string(origin)}});
    if (std::filesystem::exists(key_file)) return fail(Code::conflict, "log.key-exists", {{"path", key_file.string()}});
    const KeyRing ring{std::string(origin), {crypto::SigningKey::generate()}};
    TRY_VOID(write_file(key_file, to_string(ring), 0600));
    return ring.verifier();
}

Result<std::unique_ptr<Signer>> Signer::open(Options options) {
    std::unique_ptr<Signer> signer(new Signer(std::move(options)));
    const auto& file = signer->options_.key_file;
    struct stat info{};
    if (::stat(file.c_str(), &info) != 0)
        return fail(Code::not_found, "log.no-key", {{"path", file.string()}}).hint("log.no-key-hint");
    if ((info.st_mode & 077) != 0)
        return fail(Code::forbidden, "log.key-open", {{"path", file.string()}})
            .hint("log.key-open-hint", {{"path", file.string()}});
    TRY(const auto text, read_file(file, most_key_bytes));
    auto ring = parse_key_ring(text);
    if (!ring) return std::unexpected(std::move(ring).error().at({file.string(), 0, 0}));
    signer->ring_ = *std::move(ring);
    return signer;
}

Result<std::optional<Checkpoint>> Signer::memory() const {
    const auto& file = options_.memory_file;
    if (!std::filesystem::exists(file)) return std::nullopt;
    TRY(const auto text, read_file(file, most_key_bytes));
    auto checkpoint = parse_checkpoint(text);
    if (!checkpoint) return std::unexpected(std::move(checkpoint).error().at({file.string(), 0, 0}));
    if (checkpoint->origin != ring_.origin)
        return fail(Code::invalid, "log.other-origin", {{"origin", checkpoint->origin}, {"expected", ring_.origin}})
            .at({file.string(), 0, 0});
    return *std::move(checkpoint);
}

Result<void> Signer::compare(db::Connection& reader, Tree& tree, const StoredHead& head) const {
    TRY(const auto last, memory());
    if (!last) {
        // A memory that is gone while checkpoints are there could hide a log that was set back.
        TRY(const auto any, newest_checkpoint(reader));
        if (!any) return {};
        // A new origin (after a recovery) begins without a memory: only checkpoints of this origin count.
        const auto kept = parse_note(any->note);
        const auto checkpoint = kept ? parse_checkpoint(kept->text) : std::unexpected(kept.error());
        if (checkpoint && checkpoint->origin != ring_.origin) return {};
        return fail(Code::conflict, "log.memory-lost", {{"path", options_.memory_file.string()}})
            .hint("log.recover-hint");
    }
    const Params sizes{{"signed", std::to_string(last->size)}, {"size", std::to_string(head.size)}};
    if (last->size > head.size) return fail(Code::conflict, "log.behind-signed", sizes).hint("log.recover-hint");
    TRY(const auto root, tree.root(reader, last->size));
    if (root != last->root) return fail(Code::conflict, "log.rewritten", sizes).hint("log.recover-hint");
    return {};
}

Result<void> Signer::compare(db::Connection& reader, Tree& tree) const {
    TRY(const auto head, stored_head(reader));
    return compare(reader, tree, head);
}

Result<StoredCheckpoint> Signer::sign(Committer& committer, db::Connection& reader, Tree& tree, const Clock& clock) {
    // A command and the service may sign at the same time: the memory must never go back.
    TRY(const auto lock, FileLock::take(options_.memory_file.string() + ".lock", Deadline::in(lock_wait)));
    TRY(const auto head, stored_head(reader));
    step(SignStep::committed);
    TRY_VOID(compare(reader, tree, head));
    TRY(const auto last, memory());
    const bool moved = !last || last->size != head.size;
    if (!moved) {
        TRY(auto kept, newest_checkpoint(reader));
        if (kept && kept->size == head.size) return *std::move(kept);
    }
    const Checkpoint checkpoint{ring_.origin, head.size, head.root, {}};
    const auto text = to_text(checkpoint);
    if (moved) TRY_VOID(write_file(options_.memory_file, text, 0600));
    step(SignStep::remembered);
    Note note{text, {}};
    for (const auto& key : ring_.keys) note.signatures.push_back(sign_note(text, ring_.origin, key));
    step(SignStep::signed_not_kept);
    StoredCheckpoint stored{head.size, head.root, to_string(note), clock.now(), 0};
    TRY_VOID(keep_checkpoint(committer, checkpoint, stored.note, stored.signed_at));
    step(SignStep::kept);
    return stored;
}

}  // namespace tilsyn::log
