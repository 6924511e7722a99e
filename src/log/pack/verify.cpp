#include "log/pack/verify.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "crypto/hash.hpp"
#include "log/entry.hpp"
#include "log/pack/flat.hpp"
#include "log/pack/manifest.hpp"
#include "log/pack/vouched.hpp"
#include "log/pack/zip.hpp"
#include "log/proofs.hpp"
#include "log/tiles.hpp"
#include "log/tlog_proof.hpp"

namespace tilsyn::log::pack {
namespace {

constexpr std::string_view proofs_folder = "log/proofs/";
constexpr std::string_view disclosed_name = "data/disclosed.jsonl";
constexpr std::string_view kept_name = "--kept";
constexpr auto clock_slack = std::chrono::minutes(5);

std::string number(std::int64_t value) {
    return std::to_string(value);
}

// The rows of a file of data/, one after another beside the entries they tell of: both are in the order of the log, so
// that nothing has to be kept of a million entries.
struct Rows {
    std::string name, content;
    std::string_view rest = {};
    int line = 0;
    std::optional<Flat> row = {};
    std::int64_t entry = -1;  // of row
};

class Check {
  public:
    Check(ZipReader zip, const VerifyOptions& options) : zip_(std::move(zip)), options_(&options) {}

    Result<Verdict> run() {
        TRY_VOID(open());
        read_manifest();
        read_checkpoints();
        read_policy();
        read_times();
        open_rows();
        if (verdict_.whole)
            read_bundles();
        else
            read_proofs();
        for (auto& rows : rows_) compare_rows(rows, INT64_MAX, nullptr);
        judge_earlier_keys();
        judge_witnesses();
        return std::move(verdict_);
    }

    // The checkpoints it holds, by size.
    const std::map<std::int64_t, Hash>& roots() const { return roots_; }
    // Whose it is and how large, without looking any further.
    Result<Verdict> head() {
        TRY_VOID(open());
        read_checkpoints();
        return verdict_;
    }
    std::string note() const { return to_string(note_); }

  private:
    void bad(const Error& why, std::int64_t entry = -1) {
        if (++verdict_.failed <= std::int64_t(most_failures)) verdict_.failures.push_back({entry, why});
    }
    void bad(std::string_view key, Params params, std::int64_t entry = -1) {
        bad(fail(Code::corrupt, key, params).error, entry);
    }

    Result<std::string> content(std::string_view name) {
        const auto* member = zip_.find(name);
        if (member == nullptr) return fail(Code::corrupt, "log.pack-missing", {{"name", std::string(name)}});
        TRY(auto bytes, zip_.read(*member));
        return bytes;
    }

    // Whose pack this is: without that there is nothing to check against.
    Result<void> open() {
        TRY(const auto text, content("pack.json"));
        if (!text.ends_with('\n')) return fail(Code::corrupt, "log.pack-line").at({"pack.json", 1, 0});
        TRY(const auto head, Flat::parse(std::string_view(text).substr(0, text.size() - 1)));
        if (head.integer("format") != 1) return fail(Code::unsupported, "log.pack-format");
        verdict_.origin = head.text("origin");
        verdict_.audience = head.text("audience");
        verdict_.company = head.text("company");
        verdict_.whole = head.flag("whole");
        if (options_->key) {
            verdict_.key = *options_->key;
            verdict_.key_was_given = true;
        } else {
            TRY(verdict_.key, parse_vkey(head.text("vkey")));
        }
        TRY(const auto note, content("log/checkpoint"));
        TRY(const auto opened, open_checkpoint(note, verdict_.key));
        verdict_.checkpoint = opened.checkpoint;
        note_ = opened.note;
        roots_[opened.checkpoint.size] = opened.checkpoint.root;
        if (head.text("origin") != opened.checkpoint.origin || head.integer("size") != opened.checkpoint.size)
            bad("log.pack-head", {});
        return {};
    }

    void read_manifest() {
        const auto checked = [&]() -> Result<void> {
            TRY(const auto bytes, content(manifest_name));
            if (!zip_.find(manifest_name)->as_is()) return fail(Code::corrupt, "log.pack-manifest");
            // A manifest may be larger than the notes that are sent about.
            TRY(const auto note, parse_note(bytes, most_member_bytes));
            TRY_VOID(open_note(note, {&verdict_.key, 1}));
            TRY(const auto listed, parse_manifest(note.text));
            for (const auto& [name, what] : listed)
                if (zip_.find(name) == nullptr) bad("log.pack-missing", {{"name", name}});
            for (const auto& member : zip_.members()) {
                if (member.name == manifest_name) continue;
                const auto found = listed.find(member.name);
                if (found == listed.end()) {
                    bad("log.pack-unlisted", {{"name", member.name}});
                    continue;
                }
                const auto packed = zip_.packed(member);
                const auto unpacked = zip_.read(member);
                if (!packed || !unpacked)
                    bad(!packed ? packed.error() : unpacked.error());
                else if (found->second != Listed{crypto::sha256(*unpacked), unpacked->size(), crypto::sha256(*packed)})
                    bad("log.pack-changed", {{"name", member.name}});
            }
            return {};
        }();
        if (!checked) bad(checked.error());
    }

    // Signed by the log: its root must be that of the entries, or provable to be.
    void hold(std::string_view name, std::string_view bytes) {
        auto opened = open_checkpoint(bytes, verdict_.key);
        if (!opened && opened.error().code == Code::unauthorized) {
            // Perhaps by a key that was changed since: the log itself tells, once it has been read.
            const auto note = parse_note(bytes);
            auto claimed = note ? parse_checkpoint(note->text) : Result<Checkpoint>(std::unexpected(note.error()));
            if (claimed) {
                by_others_.push_back({std::string(name), *note, opened.error()});
                opened = SignedCheckpoint{*std::move(claimed), *note};
            }
        }
        if (!opened) return bad(Error(opened.error()).at({std::string(name), 0, 0}));
        ++verdict_.checkpoints;
        if (name != kept_name) held_.push_back({std::string(name), opened->checkpoint.size, opened->note});
        const auto& [size, root] = std::pair(opened->checkpoint.size, opened->checkpoint.root);
        const auto [known, fresh] = roots_.emplace(size, root);
        if (!fresh && known->second != root)
            bad("log.pack-fork", {{"name", std::string(name)}, {"size", number(size)}});
        if (size > verdict_.checkpoint.size) beyond_.emplace_back(std::string(name), size);
        if (!verdict_.whole && fresh && size < verdict_.checkpoint.size) prove_continued(name, opened->checkpoint);
    }

    // Without all entries it takes a proof that the log goes on from a checkpoint.
    void prove_continued(std::string_view name, const Checkpoint& earlier) {
        const auto proof_name = std::string(consistency_folder) + number(earlier.size);
        if (zip_.find(proof_name) == nullptr) {
            bad("log.pack-not-linked", {{"name", std::string(name)}, {"size", number(earlier.size)}});
            return;
        }
        const auto& whole = verdict_.checkpoint;
        const auto proved = [&]() -> Result<void> {
            TRY(const auto text, content(proof_name));
            TRY(const auto proof, parse_proof_lines(text));
            return verify_consistency(earlier.size, earlier.root, whole.size, whole.root, proof);
        }();
        if (!proved) bad("log.pack-not-continued", {{"size", number(earlier.size)}});
    }

    void read_policy() {
        policy_ = options_->policy;
        if (policy_ || zip_.find("log/witnesses") == nullptr) return;
        const auto text = content("log/witnesses");
        auto parsed = text ? WitnessPolicy::parse(*text, "log/witnesses") : std::unexpected(text.error());
        if (!parsed) return bad(parsed.error());
        policy_ = *std::move(parsed);
    }

    void read_times() {
        held_.push_back({"log/checkpoint", verdict_.checkpoint.size, note_});
        const auto witnesses = policy_ ? policy_->witness_keys() : std::vector<VerifierKey>();
        auto vouched = read_vouched(zip_, held_, witnesses, options_->tsa);
        for (const auto& [name, why] : vouched.faults) bad(Error(why).at({name, 0, 0}));
        verdict_.stamped_by = std::move(vouched.authorities);
        verdict_.tsa_was_given = options_->tsa.has_value();
        times_.emplace(std::move(vouched.points));
    }

    void read_checkpoints() {
        for (const auto& member : zip_.members()) {
            if (!member.name.starts_with(checkpoints_folder)) continue;
            const auto bytes = zip_.read(member);
            if (bytes)
                hold(member.name, *bytes);
            else
                bad(bytes.error());
        }
        for (const auto& kept : options_->kept) hold(kept_name, kept);
        for (const auto& [name, size] : beyond_)
            bad("log.pack-behind",
                {{"name", name}, {"size", number(size)}, {"here", number(verdict_.checkpoint.size)}});
    }

    void read_bundles() {
        Frontier frontier;
        for (const auto& tile : bundles_of(verdict_.checkpoint.size)) {
            const auto bytes = content("log/" + tile_path(tile));
            if (!bytes) return bad(bytes.error());
            const auto entries = parse_bundle(*bytes, tile.width);
            if (!entries) return bad(entries.error());
            for (const auto entry : *entries) {
                const auto index = frontier.size();
                if (const auto known = roots_.find(index); known != roots_.end() && known->second != frontier.root())
                    bad("log.pack-not-continued", {{"size", number(index)}});
                frontier.append(leaf_hash(entry));
                look_at(index, entry);
            }
        }
        if (frontier.size() != verdict_.checkpoint.size || frontier.root() != verdict_.checkpoint.root)
            bad("log.pack-root", {{"size", number(verdict_.checkpoint.size)}});
    }

    void read_proofs() {
        std::map<std::int64_t, std::string> found;  // in the order of the log, for the checks across entries
        for (const auto& member : zip_.members()) {
            if (!member.name.starts_with(proofs_folder)) continue;
            const auto proved = [&]() -> Result<void> {
                TRY(const auto bytes, zip_.read(member));
                TRY(const auto proof, parse_tlog_proof(bytes));
                TRY(const auto opened, open_checkpoint(proof.checkpoint, verdict_.key));
                if (opened.checkpoint != verdict_.checkpoint) return fail(Code::corrupt, "log.pack-other-checkpoint");
                TRY_VOID(verify_inclusion(proof.index, verdict_.checkpoint.size, leaf_hash(proof.extra), proof.hashes,
                                          verdict_.checkpoint.root));
                if (member.name != std::string(proofs_folder) + number(proof.index) + ".tlog-proof")
                    return fail(Code::corrupt, "log.pack-head");
                found.emplace(proof.index, proof.extra);
                return {};
            }();
            if (!proved) bad(Error(proved.error()).at({member.name, 0, 0}));
        }
        for (const auto& [index, body] : found) look_at(index, body);
    }

    // One entry, in the order of the log: its place among those of its control, and its time.
    void look_at(std::int64_t index, std::string_view body) {
        ++verdict_.entries;
        auto parsed = Flat::parse(body);
        if (!parsed) return bad(parsed.error(), index);
        const auto kind = parsed->text("k");
        if (const auto at = parse_utc(parsed->text("t"))) {
            if (newest_ && *at + clock_slack < *newest_ && kind != "clock.step")
                bad("log.pack-backdated", {{"time", std::string(parsed->text("t"))}}, index);
            if (verdict_.whole && newest_ && *at - *newest_ > silence) hear_nothing(*newest_, *at);
            if (!newest_ || *at > *newest_) newest_ = *at;
            look_at_time(index, *at);
        } else {
            bad("log.pack-line", {}, index);
        }
        if (kind == "clock.step") newest_.reset();  // the log tells of it itself
        if (kind == "log.rotate" && verdict_.whole) {
            const auto key = parse_vkey(parsed->text("vkey")), old = parse_vkey(parsed->text("old"));
            if (key && old) key_changes_.emplace_back(*key, *old);
        }
        if (kind == "node.start") ++verdict_.started;
        if (kind == "node.stop") ++verdict_.ended;
        if (const auto control = parsed->text("c"); !control.empty()) {
            const auto cseq = parsed->integer("cseq"), prev = parsed->integer("prev");
            auto& last = controls_[std::string(control)];
            const bool first_here = last.index < 0 && !verdict_.whole;  // what comes before is not in a partial pack
            if (!cseq || !prev || (!first_here && (*cseq != last.cseq + 1 || *prev != last.index)))
                bad("log.pack-gap", {{"control", std::string(control)}}, index);
            last = {cseq.value_or(0), index};
        }
        for (auto& rows : rows_) compare_rows(rows, index, &*parsed);
    }

    void hear_nothing(Timestamp from, Timestamp to) {
        ++verdict_.silences;
        if (to - from <= verdict_.silent_to - verdict_.silent_from) return;
        verdict_.silent_from = from;
        verdict_.silent_to = to;
    }

    void look_at_time(std::int64_t index, Timestamp claimed) {
        const auto proved = times_->of(index, claimed);
        switch (proved.verdict) {
            case TimeVerdict::inside:
                ++verdict_.inside;
                return;
            case TimeVerdict::unbounded:
                ++verdict_.unbounded;
                return;
            case TimeVerdict::outside:
                break;
        }
        ++verdict_.outside;
        const auto say = [](std::optional<Timestamp> at) { return at ? format_utc_seconds(*at) : std::string("-"); };
        bad("log.pack-time-outside",
            {{"time", format_utc_seconds(claimed)},
             {"after", say(proved.earliest())},
             {"before", say(proved.latest())}},
            index);
    }

    void open_rows() {
        for (const auto& member : zip_.members()) {
            if (!member.name.starts_with("data/") || !member.name.ends_with(".jsonl")) continue;
            auto bytes = zip_.read(member);
            if (!bytes)
                bad(bytes.error());
            else
                rows_.push_back({member.name, *std::move(bytes)});
        }
        for (auto& rows : rows_) {  // where they stay: views into them hold from now on
            rows.rest = rows.content;
            next_row(rows);
        }
    }

    void next_row(Rows& rows) {
        rows.row.reset();
        if (rows.rest.empty()) return;
        ++rows.line;
        const auto end = rows.rest.find('\n');
        auto row = end == rows.rest.npos ? Result<Flat>(fail(Code::invalid, "log.pack-line"))
                                         : Flat::parse(rows.rest.substr(0, end));
        if (!row) {
            rows.rest = {};
            return bad(Error(row.error()).at({rows.name, rows.line, 0}));
        }
        rows.rest.remove_prefix(end + 1);
        rows.entry = row->integer("entry").value_or(-1);
        rows.row = *std::move(row);
    }

    // The rows up to this entry; those before it have no entry, or stand out of order.
    void compare_rows(Rows& rows, std::int64_t index, const Flat* entry) {
        for (; rows.row && rows.entry <= index; next_row(rows)) {
            const bool disclosed = rows.name == disclosed_name;
            ++(disclosed ? verdict_.disclosed : verdict_.rows);
            if (rows.entry != index || entry == nullptr)
                bad("log.pack-no-entry", {{"name", rows.name}}, rows.entry);
            else if (disclosed)
                open_commitment(*rows.row, *entry, index);
            else
                compare_row(rows, *entry, index);
        }
    }

    // Field by field what the entry says.
    void compare_row(const Rows& rows, const Flat& entry, std::int64_t index) {
        for (const auto& [name, value] : rows.row->fields()) {
            if (name == "entry") continue;
            const auto* there = entry.find(name);
            if (there == nullptr || *there != value) bad("log.pack-row", {{"name", rows.name}, {"field", name}}, index);
        }
    }

    void open_commitment(const Flat& row, const Flat& entry, std::int64_t index) {
        const auto field = row.text("field");
        const auto salt = crypto::parse_base64(row.text("salt"));
        if (!salt || entry.text(field) != crypto::base64(commitment(crypto::as_text(*salt), field, row.text("value"))))
            bad("log.pack-disclosed", {{"field", std::string(field)}}, index);
    }

    // A change of keys is an entry that names both. It counts when the newer of them is trusted already, so that the
    // key the reader knows vouches for the one before it, and so on back.
    void judge_earlier_keys() {
        std::vector<VerifierKey> trusted{verdict_.key};
        for (auto change = key_changes_.rbegin(); change != key_changes_.rend(); ++change)
            if (std::ranges::find(trusted, change->first) != trusted.end()) trusted.push_back(change->second);
        for (const auto& held : by_others_) {
            if (open_note(held.note, trusted)) continue;
            bad(Error(held.why).at({held.name, 0, 0}));
        }
    }

    void judge_witnesses() {
        if (!policy_) return;
        verdict_.asks_for_witnesses = policy_->asks_for_witnesses();
        const auto keys = policy_->witness_keys();
        const auto held = open_note(note_, keys);
        if (!held && held.error().code == Code::corrupt) return;  // read_times has said so
        const auto cosigned = held.value_or(std::vector<GoodSignature>());
        for (const auto& good : cosigned) verdict_.witnesses.push_back(good.key.name);
        verdict_.witnessed = verdict_.asks_for_witnesses && policy_->satisfied(cosigned);
        if (verdict_.asks_for_witnesses && !verdict_.witnessed) bad("log.pack-unwitnessed", {});
    }

    struct Last {
        std::int64_t cseq = -1, index = -1;
    };

    ZipReader zip_;
    const VerifyOptions* options_;
    Verdict verdict_;
    Note note_;
    std::map<std::int64_t, Hash> roots_;  // that the log has signed, by size
    std::map<std::string, Last> controls_;
    std::vector<Rows> rows_;
    std::optional<Timestamp> newest_;
    std::optional<WitnessPolicy> policy_;
    std::vector<HeldCheckpoint> held_;
    std::optional<ProvedTimes> times_;
    struct ByOther {
        std::string name;
        Note note;
        Error why;
    };
    std::vector<ByOther> by_others_;                                // signed by a key that is not known yet
    std::vector<std::pair<VerifierKey, VerifierKey>> key_changes_;  // new and old, in the order of the log
    std::vector<std::pair<std::string, std::int64_t>> beyond_;
};

}  // namespace

Result<Verdict> verify(const std::filesystem::path& pack, const VerifyOptions& options) {
    TRY(auto zip, ZipReader::open(pack));
    return Check(std::move(zip), options).run();
}

Result<void> compare(const std::filesystem::path& a, const std::filesystem::path& b, const VerifyOptions& options) {
    struct Side {
        const std::filesystem::path* path;
        Verdict head;
        std::string note;
        std::map<std::int64_t, Hash> roots;
    };
    const auto look = [&](const std::filesystem::path& path) -> Result<Side> {
        TRY(auto zip, ZipReader::open(path));
        Check check(std::move(zip), options);
        TRY(auto head, check.head());
        return Side{&path, std::move(head), check.note(), check.roots()};
    };
    TRY(auto larger, look(a));
    TRY(auto smaller, look(b));
    if (larger.head.origin != smaller.head.origin)
        return fail(Code::invalid, "log.other-origin",
                    {{"origin", smaller.head.origin}, {"expected", larger.head.origin}});
    bool shared = false;
    for (const auto& [size, root] : larger.roots) {
        const auto other = smaller.roots.find(size);
        if (other == smaller.roots.end()) continue;
        shared = true;
        if (other->second != root) return fail(Code::corrupt, "log.pack-two-histories", {{"size", number(size)}});
    }
    if (larger.head.checkpoint.size < smaller.head.checkpoint.size) std::swap(larger, smaller);
    if (!larger.head.whole) {
        // What they share is the same, but what lies between their checkpoints nobody can recompute.
        if (shared && larger.head.checkpoint.size == smaller.head.checkpoint.size) return {};
        return fail(Code::unsupported, "log.pack-not-comparable");
    }
    auto with_other = options;
    with_other.kept.push_back(smaller.note);
    TRY(const auto verdict, verify(*larger.path, with_other));
    for (const auto& failure : verdict.failures)
        if (failure.why.message.key == "log.pack-not-continued" || failure.why.message.key == "log.pack-fork" ||
            failure.why.message.key == "log.pack-root")
            return fail(Code::corrupt, "log.pack-two-histories", {{"size", number(smaller.head.checkpoint.size)}});
    return {};
}

}  // namespace tilsyn::log::pack
