#include "log/store/recover.hpp"

#include <map>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "log/tiles.hpp"

namespace tilsyn::log {
namespace {

constexpr std::uint64_t most_bundle_bytes = tile_width * (2 + 65'535);

// What an entry says of its place among the entries of its control: the committer goes on counting from there.
struct Sequence {
    std::int64_t cseq = -1, last = -1;
};
void note_sequence(std::map<std::string, Sequence>& sequences, std::int64_t index, std::string_view body) {
    const auto entry = nlohmann::json::parse(body, nullptr, false);
    if (!entry.is_object() || !entry.contains("c") || !entry["c"].is_string()) return;
    sequences[entry["c"].get<std::string>()] = {entry.value("cseq", std::int64_t(0)), index};
}

}  // namespace

Result<Replayed> replay(db::Connection& writer, const VerifierKey& key, const std::filesystem::path& folder) {
    TRY(const auto bytes, read_file(folder / "checkpoint", most_note_bytes));
    TRY(const auto opened, open_checkpoint(bytes, key));
    const auto& signed_head = opened.checkpoint;
    TRY(auto transaction, db::Transaction::begin(writer));
    TRY(const auto row, writer.one("SELECT size, frontier FROM log_head WHERE id = 1"));
    if (!row) return fail(Code::corrupt, "log.no-head").hint("log.corrupt-hint");
    TRY(auto frontier, Frontier::from_bytes(row->integer(0), row->blob(1)));
    Replayed out{frontier.size(), signed_head.size};
    if (out.from > out.to)
        return fail(Code::conflict, "log.replay-shorter",
                    {{"size", std::to_string(out.from)}, {"there", std::to_string(out.to)}});
    std::map<std::string, Sequence> sequences;
    std::vector<std::vector<db::Value>> rows;
    for (const auto& tile : bundles_of(out.to, out.from)) {
        TRY(const auto bundle, read_file(folder / tile_path(tile), most_bundle_bytes));
        TRY(const auto entries, parse_bundle(bundle, tile.width));
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const auto index = tile.index * tile_width + std::int64_t(i);
            if (index < out.from) continue;
            const auto leaf = leaf_hash(entries[i]);
            frontier.append(leaf);
            note_sequence(sequences, index, entries[i]);
            rows.push_back({index, db::Blob(leaf.begin(), leaf.end()), std::string(entries[i])});
        }
    }
    // One comparison says it all: what is here is a beginning of what was signed, and what was put back is the rest.
    if (frontier.root() != signed_head.root)
        return fail(Code::conflict, "log.replay-other", {{"path", folder.string()}});
    TRY_VOID(writer.execute_each("INSERT INTO log_entry(idx, leaf, body) VALUES(?, ?, ?)", rows));
    for (const auto& [control, sequence] : sequences)
        TRY_VOID(
            writer.execute("INSERT INTO log_control(control, cseq, last_idx) VALUES(?, ?, ?) "
                           "ON CONFLICT(control) DO UPDATE SET cseq = excluded.cseq, last_idx = excluded.last_idx",
                           {control, sequence.cseq, sequence.last}));
    TRY_VOID(writer.execute("UPDATE log_head SET size = ?, frontier = ? WHERE id = 1",
                            {frontier.size(), frontier.to_bytes()}));
    TRY_VOID(transaction.commit());
    return out;
}

Result<VerifierKey> begin_new_origin(Committer& committer, const Signer& old, const std::filesystem::path& key_file,
                                     const std::filesystem::path& memory_file, std::string_view origin) {
    if (!valid_key_name(origin) || origin == old.origin())
        return fail(Code::invalid, "log.bad-origin", {{"origin", std::string(origin)}});
    TRY(const auto last, old.memory());
    KeyRing ring{std::string(origin), {old.ring().keys.front()}};
    auto key = ring.verifier();
    // The entry first: should the rest fail, the old name still refuses to sign, and this can be asked for again.
    TRY_VOID(committer.write([&](WriteContext& context) -> Result<void> {
        Entry entry("log.recover");
        entry.text("old_origin", old.origin()).text("origin", origin).text("vkey", to_string(key));
        if (last) entry.integer("signed", last->size).text("root", crypto::base64(last->root));
        context.append(std::move(entry));
        return {};
    }));
    std::error_code ignored;
    std::filesystem::remove(memory_file, ignored);
    TRY_VOID(write_file(key_file, to_string(ring), 0600));
    return key;
}

namespace {

Result<VerifierKey> use_ring(Committer& committer, const KeyRing& ring, const std::filesystem::path& key_file,
                             std::string_view action, std::string_view by) {
    auto key = ring.verifier();
    TRY_VOID(committer.write([&](WriteContext& context) -> Result<void> {
        Entry entry("log.rotate");
        entry.text("action", action).text("vkey", to_string(key));
        // Whoever trusts the new key and has the whole log can trust what the old one signed.
        if (ring.keys.size() > 1) entry.text("old", to_string(ring.verifier(1)));
        context.append(std::move(entry.private_text("by", by)));
        return {};
    }));
    TRY_VOID(write_file(key_file, to_string(ring), 0600));
    return key;
}

}  // namespace

Result<VerifierKey> begin_rotation(Committer& committer, const Signer& signer, const std::filesystem::path& key_file,
                                   std::string_view by) {
    auto ring = signer.ring();
    if (ring.keys.size() > 1) return fail(Code::conflict, "log.two-keys");
    ring.keys.insert(ring.keys.begin(), crypto::SigningKey::generate());
    return use_ring(committer, ring, key_file, "begin", by);
}

Result<VerifierKey> finish_rotation(Committer& committer, const Signer& signer, const std::filesystem::path& key_file,
                                    std::string_view by) {
    auto ring = signer.ring();
    if (ring.keys.size() < 2) return fail(Code::conflict, "log.one-key");
    ring.keys.pop_back();
    return use_ring(committer, ring, key_file, "finish", by);
}

}  // namespace tilsyn::log
