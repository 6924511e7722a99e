// Packs as an attacker would make them. Each is refused, and for the right reason.
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <set>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "log/entry.hpp"
#include "log/pack/flat.hpp"
#include "log/pack/manifest.hpp"
#include "log/pack/tell.hpp"
#include "log/pack/verify.hpp"
#include "log/pack/vouched.hpp"
#include "log/pack/zip.hpp"
#include "log/proofs.hpp"
#include "log/tiles.hpp"
#include "log/tlog_proof.hpp"
#include "support/temporary.hpp"
#include "support/tsa.hpp"

namespace tilsyn::log::pack {
namespace {

crypto::SigningKey key_of(std::uint8_t seed) {
    crypto::SigningKey::Seed bytes{};
    bytes.fill(seed);
    return crypto::SigningKey(bytes);
}

// A log of one control, an entry an hour; the third fails. `by` is committed to.
struct Log {
    std::vector<std::string> bodies;
    std::vector<Entry::Private> secrets;  // of each entry

    explicit Log(int count) {
        for (int i = 0; i < count; ++i) add(i, i == 2 ? "fail" : "pass");
    }
    void add(int hour, const char* outcome) {
        Entry entry("control.outcome");
        entry.control("c").text("outcome", outcome).private_text("by", "Anna");
        const auto last = std::int64_t(bodies.size()) - 1;
        bodies.push_back(
            entry.bytes(parse_utc("2026-11-01T00:00:00Z").value() + std::chrono::hours(hour), last + 1, last));
        secrets.push_back(entry.private_fields().front());
    }
    Nodes nodes() const {
        return [this](NodeId id) -> Result<Hash> {
            if (id.level == 0) return leaf_hash(bodies[std::size_t(id.index)]);
            return node_hash(nodes()({id.level - 1, id.index * 2}).value(),
                             nodes()({id.level - 1, id.index * 2 + 1}).value());
        };
    }
    Hash root(std::int64_t size) const { return tree_root(size, nodes()).value(); }
    std::string note(std::int64_t size, const crypto::SigningKey& key) const {
        Note note{to_text({"example.com/log", size, root(size), {}}), {}};
        note.signatures.push_back(sign_note(note.text, "example.com/log", key));
        return to_string(note);
    }
};

class Packs : public testing::Test {
  protected:
    using Members = std::vector<std::pair<std::string, std::string>>;

    std::string head(std::int64_t size, bool whole) const {
        return FlatWriter()
            .integer("format", 1)
            .text("audience", "auditor")
            .text("company", "Test")
            .text("origin", "example.com/log")
            .text("vkey", to_string(verifier_key("example.com/log", KeyType::ed25519, key_.public_key())))
            .integer("size", size)
            .flag("whole", whole)
            .line();
    }
    Members whole(const Log& log) const {
        const auto size = std::int64_t(log.bodies.size());
        std::string bundle;
        for (const auto& body : log.bodies) append_to_bundle(bundle, body);
        return {{"pack.json", head(size, true)},
                {"log/checkpoint", log.note(size, key_)},
                {"log/" + tile_path({entries_level, 0, int(size)}), bundle},
                {"data/runs.jsonl", rows(log)},
                {"data/disclosed.jsonl", disclosed(log)}};
    }
    Members partial(const Log& log, const std::set<std::int64_t>& chosen) const {
        const auto size = std::int64_t(log.bodies.size());
        Members members{{"pack.json", head(size, false)}, {"log/checkpoint", log.note(size, key_)}};
        for (const auto index : chosen) {
            TlogProof proof{index, inclusion_proof(index, size, log.nodes()).value(), log.bodies[std::size_t(index)],
                            log.note(size, key_)};
            members.emplace_back("log/proofs/" + std::to_string(index) + ".tlog-proof", to_string(proof));
        }
        return members;
    }
    static std::string rows(const Log& log) {
        std::string out;
        for (std::size_t i = 0; i < log.bodies.size(); ++i)
            out += FlatWriter()
                       .integer("entry", std::int64_t(i))
                       .text("c", "c")
                       .text("outcome", Flat::parse(log.bodies[i])->text("outcome"))
                       .line();
        return out;
    }
    static std::string disclosed(const Log& log) {
        return FlatWriter()
            .integer("entry", 1)
            .text("field", "by")
            .text("salt", crypto::base64(crypto::as_bytes(log.secrets[1].salt)))
            .text("value", "Anna")
            .line();
    }
    // Signed by the company, whatever is in it: what the attacker who is the company can do.
    std::filesystem::path write(const Members& members, const std::string& name = "pack.zip",
                                const Members& unlisted = {}) {
        const auto path = folder_.path() / name;
        auto zip = ZipWriter::create(path).value();
        Manifest manifest;
        for (const auto& [member, content] : members) {
            const auto packed = zip.add(member, content);
            EXPECT_TRUE(packed);
            manifest.emplace(member,
                             Listed{crypto::sha256(content), content.size(), packed.value_or(crypto::Sha256{})});
        }
        for (const auto& [member, content] : unlisted) EXPECT_TRUE(zip.add(member, content));
        Note note{manifest_text(manifest), {}};
        note.signatures.push_back(sign_note(note.text, "example.com/log", key_));
        EXPECT_TRUE(zip.add(manifest_name, to_string(note), true));
        EXPECT_TRUE(zip.finish());
        return path;
    }
    // The keys of what is wrong; of a pack that cannot be read, why.
    std::set<std::string> faults(const std::filesystem::path& path, const VerifyOptions& options = {}) {
        const auto verdict = verify(path, options);
        if (!verdict) return {verdict.error().message.key};
        std::set<std::string> keys;
        for (const auto& failure : verdict->failures) keys.insert(failure.why.message.key);
        return keys;
    }
    using Keys = std::set<std::string>;

    test::TemporaryFolder folder_;
    crypto::SigningKey key_ = key_of(7);
};

TEST_F(Packs, AnHonestOneIsGood) {
    const Log log(5);
    const auto verdict = verify(write(whole(log)), {});
    ASSERT_TRUE(verdict) << render(verdict.error(), Lang::en);
    EXPECT_EQ(verdict->failed, 0) << render(verdict->failures.front().why, Lang::en);
    EXPECT_TRUE(verdict->whole);
    EXPECT_EQ(verdict->entries, 5);
    EXPECT_EQ(verdict->rows, 5);
    EXPECT_EQ(verdict->disclosed, 1);
    EXPECT_EQ(faults(write(partial(log, {1, 2, 3}))), Keys{});
}

TEST_F(Packs, EveryBitCounts) {
    const Log log(3);
    const auto path = write(whole(log));
    auto bytes = read_file(path).value();
    std::size_t unseen = 0;
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    const auto put = [&](std::size_t at) {
        file.seekp(std::streamoff(at));
        file.put(bytes[at]).flush();
    };
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
        bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << (bit % 8)));
        put(bit / 8);
        if (faults(path).empty())
            ADD_FAILURE() << "bit " << bit << " of " << bytes.size() * 8 << " (" << ++unseen << ")";
        bytes[bit / 8] = char(bytes[bit / 8] ^ (1 << (bit % 8)));
        put(bit / 8);
        ASSERT_LT(unseen, 10u);
    }
    EXPECT_EQ(faults(path), Keys{}) << "as it was";
    RecordProperty("bits", int(bytes.size() * 8));
}

TEST_F(Packs, EveryTruncationIsRefused) {
    const auto path = write(whole(Log(3)));
    const auto bytes = read_file(path).value();
    for (std::size_t size = 0; size < bytes.size(); size += 7) {
        std::ofstream(path, std::ios::binary) << std::string_view(bytes).substr(0, size);
        EXPECT_FALSE(faults(path).empty()) << size;
    }
}

TEST_F(Packs, ARewrittenMonthContradictsAKeptCheckpoint) {
    const Log honest(5);
    VerifyOptions kept;
    kept.kept.push_back(honest.note(4, key_));
    EXPECT_EQ(faults(write(whole(honest)), kept), Keys{});
    Log rewritten(2);
    for (int i = 2; i < 6; ++i) rewritten.add(i, "pass");  // the failure never was
    EXPECT_EQ(faults(write(whole(rewritten))), Keys{}) << "without anything kept, nobody can tell";
    EXPECT_EQ(faults(write(whole(rewritten)), kept), Keys{"log.pack-not-continued"});
    kept.kept = {honest.note(6 - 1, key_)};
    const Log shorter(3);
    EXPECT_EQ(faults(write(whole(shorter)), kept), Keys{"log.pack-behind"});
}

TEST_F(Packs, TwoStoriesForTwoReadersAreFoundSideBySide) {
    const Log one(5);
    Log other(2);
    for (int i = 2; i < 7; ++i) other.add(i, "pass");
    const auto a = write(whole(one), "a.zip"), b = write(whole(other), "b.zip");
    EXPECT_EQ(faults(a), Keys{});
    EXPECT_EQ(faults(b), Keys{});
    EXPECT_EQ(compare(a, b, {}).error().message.key, "log.pack-two-histories");
    EXPECT_EQ(compare(b, a, {}).error().message.key, "log.pack-two-histories");
    Log grown = one;
    grown.add(5, "pass");
    EXPECT_TRUE(compare(a, write(whole(grown), "c.zip"), {}));
    EXPECT_TRUE(compare(write(partial(one, {1}), "d.zip"), folder_.path() / "c.zip", {}));
    Log longer = grown;
    longer.add(6, "pass");
    EXPECT_EQ(compare(folder_.path() / "d.zip", write(partial(longer, {1}), "e.zip"), {}).error().code,
              Code::unsupported);
}

TEST_F(Packs, AFailureThatWasTakenOutLeavesAGap) {
    Log log(5);
    log.bodies.erase(log.bodies.begin() + 2);
    log.secrets.erase(log.secrets.begin() + 2);
    EXPECT_EQ(faults(write(whole(log))), Keys{"log.pack-gap"});
    EXPECT_EQ(faults(write(partial(Log(5), {1, 3, 4}))), Keys{"log.pack-gap"}) << "left out of the pack";
}

TEST_F(Packs, AnEntryThatClaimsAnEarlierTimeIsSeen) {
    Log log(4);
    log.add(1, "pass");
    EXPECT_EQ(faults(write(whole(log))), Keys{"log.pack-backdated"});
}

TEST_F(Packs, ABodyThatWasEditedIsNotWhatWasSigned) {
    const Log log(5);
    auto members = whole(log);
    auto& bundle = members[2].second;
    bundle.replace(bundle.find("fail"), 4, "pass");
    members[3].second = rows(log);
    const auto found = faults(write(members));
    EXPECT_TRUE(found.contains("log.pack-root"));
    EXPECT_TRUE(found.contains("log.pack-row"));
    auto proofs = partial(log, {2});
    auto proof = parse_tlog_proof(proofs[2].second).value();
    proof.extra.replace(proof.extra.find("fail"), 4, "pass");
    proofs[2].second = to_string(proof);
    EXPECT_EQ(faults(write(proofs)), Keys{"log.not-included"});
}

TEST_F(Packs, RowsAndDisclosuresSayWhatTheEntriesSay) {
    const Log log(5);
    auto members = whole(log);
    auto& table = members[3].second;
    table.replace(table.find("fail"), 4, "pass");
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-row"});
    members = whole(log);
    members[3].second += FlatWriter().integer("entry", 99).text("c", "c").line();
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-no-entry"});
    members = whole(log);
    auto& opened = members[4].second;
    opened.replace(opened.find("Anna"), 4, "Bent");
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-disclosed"});
}

TEST_F(Packs, TheTableOfContentsIsComplete) {
    const Log log(3);
    EXPECT_EQ(faults(write(whole(log), "pack.zip", {{"report.en.html", "added later"}})), Keys{"log.pack-unlisted"});
}

TEST_F(Packs, AnotherKeyIsNotTheLogs) {
    VerifyOptions options;
    options.key = verifier_key("example.com/log", KeyType::ed25519, key_of(8).public_key());
    EXPECT_EQ(faults(write(whole(Log(3))), options), Keys{"log.nobody-signed"});
}

TEST_F(Packs, WitnessesThatAreAskedForMustHaveSigned) {
    const Log log(3);
    const auto witness = key_of(9);
    const auto vkey = to_string(verifier_key("w.example", KeyType::cosignature, witness.public_key()));
    VerifyOptions options;
    options.policy = WitnessPolicy::parse("witness w " + vkey + "\nquorum w\n").value();
    auto members = whole(log);
    EXPECT_EQ(faults(write(members), options), Keys{"log.pack-unwitnessed"});
    auto note = parse_note(members[1].second).value();
    note.signatures.push_back(cosign_note(note.text, "w.example", witness, parse_utc("2026-11-02T00:00:00Z").value()));
    members[1].second = to_string(note);
    EXPECT_EQ(faults(write(members), options), Keys{});
    note.signatures.back().bytes.back() ^= 1;
    members[1].second = to_string(note);
    EXPECT_EQ(faults(write(members), options), Keys{"log.bad-signature"});
}

// Whose word counts for when: one witness, and what it said of a checkpoint.
struct Outsider {
    crypto::SigningKey key = key_of(9);
    VerifyOptions options() const {
        const auto vkey = to_string(verifier_key("w.example", KeyType::cosignature, key.public_key()));
        VerifyOptions options;
        options.policy = WitnessPolicy::parse("witness w " + vkey + "\nquorum w\n").value();
        return options;
    }
    std::string cosigned(const std::string& bytes, const char* at) const {
        auto note = parse_note(bytes).value();
        note.signatures.push_back(cosign_note(note.text, "w.example", key, parse_utc(at).value()));
        return to_string(note);
    }
};

TEST_F(Packs, AnEntryThatWasDatedBackLiesOutsideItsProvedTime) {
    const Log log(5);  // an entry an hour, the last at 04:00
    const Outsider outsider;
    auto members = whole(log);
    members[1].second = outsider.cosigned(members[1].second, "2026-11-01T04:01:00Z");
    members.emplace_back("log/checkpoints/2", outsider.cosigned(log.note(2, key_), "2026-11-01T01:30:00Z"));
    const auto honest = verify(write(members), outsider.options()).value();
    EXPECT_EQ(honest.failed, 0);
    EXPECT_EQ(honest.inside, 3);
    EXPECT_EQ(honest.unbounded, 2) << "before the first moment that anybody vouches for";

    // The third entry claims 02:00, and at 03:00 a witness was shown a log without it.
    members.back().second = outsider.cosigned(log.note(2, key_), "2026-11-01T03:00:00Z");
    EXPECT_EQ(faults(write(members), outsider.options()), Keys{"log.pack-time-outside"});
    const auto verdict = verify(write(members), outsider.options()).value();
    EXPECT_EQ(verdict.outside, 1);
    EXPECT_EQ(verdict.failures.front().entry, 2);
    // The newest claims 04:00, and a witness had it at 03:50.
    members[1].second = outsider.cosigned(log.note(5, key_), "2026-11-01T03:50:00Z");
    members.back().second = log.note(2, key_);
    EXPECT_EQ(verify(write(members), outsider.options())->failures.front().entry, 4);
    // Nobody asks for this witness: its word is not heard.
    EXPECT_EQ(faults(write(members)), Keys{});
}

// A failing outcome that is kept out of the log by stopping what would log it.
TEST_F(Packs, ATimeInWhichNothingWasLoggedIsTold) {
    EXPECT_EQ(verify(write(whole(Log(5))), {})->silences, 0) << "an entry an hour";
    Log log(3);
    log.add(10, "pass");
    log.add(12, "pass");
    const auto verdict = verify(write(whole(log)), {}).value();
    EXPECT_EQ(verdict.failed, 0);
    EXPECT_EQ(verdict.silences, 2);
    EXPECT_EQ(format_utc_seconds(verdict.silent_from), "2026-11-01T02:00:00Z");
    EXPECT_EQ(format_utc_seconds(verdict.silent_to), "2026-11-01T10:00:00Z");
}

TEST_F(Packs, TimeStampsAreBelievedForTheAuthorityThatTheReaderTrusts) {
    const Log log(5);
    const test::Tsa tsa, other;
    auto members = whole(log);
    const auto text = parse_note(members[1].second)->text;
    members.emplace_back(stamp_name(5, "acme"), tsa.forge({.data = text, .time = "20261101040100Z"}));
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-missing"}) << "no certificates";
    members.emplace_back(authority_name("acme"), tsa.ca());
    const auto verdict = verify(write(members), {}).value();
    EXPECT_EQ(verdict.failed, 0);
    EXPECT_EQ(verdict.stamped_by, std::vector<std::string>{"acme"});
    EXPECT_FALSE(verdict.tsa_was_given);

    VerifyOptions options;
    options.tsa = crypto::StampTrust::parse(tsa.ca()).value();
    EXPECT_TRUE(verify(write(members), options)->tsa_was_given);
    options.tsa = crypto::StampTrust::parse(other.ca()).value();
    EXPECT_EQ(faults(write(members), options), Keys{"stamp.untrusted"});

    auto& stamp = members[members.size() - 2].second;
    stamp = tsa.forge({.data = text, .time = "20261101030000Z"});
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-time-outside"}) << "the stamp is older than the newest entry";
    stamp = tsa.forge({.data = parse_note(log.note(4, key_))->text});
    EXPECT_EQ(faults(write(members)), Keys{"stamp.wrong-imprint"});
    members[members.size() - 2].first = stamp_name(4, "acme");
    EXPECT_EQ(faults(write(members)), Keys{"stamp.no-checkpoint"});
    members[members.size() - 2].first = "log/stamps/acme.tsr";
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-stamp-name"});
}

TEST_F(Packs, APartOfTheLogShowsByProofThatItContinuesACheckpoint) {
    const Log log(5);
    auto members = partial(log, {2, 3});
    members.emplace_back("log/checkpoints/3", log.note(3, key_));
    EXPECT_EQ(faults(write(members)), Keys{"log.pack-not-linked"});
    const auto proof = consistency_proof(3, 5, log.nodes()).value();
    members.emplace_back("log/consistency/3", proof_lines(proof));
    EXPECT_EQ(faults(write(members)), Keys{});
    VerifyOptions options;
    options.kept = {log.note(3, key_)};
    EXPECT_EQ(faults(write(members), options), Keys{});
    Log rewritten(2);
    rewritten.add(2, "pass");
    options.kept = {rewritten.note(3, key_)};
    EXPECT_EQ(faults(write(members), options), Keys{"log.pack-fork"});
    options.kept = {log.note(4, key_)};
    EXPECT_EQ(faults(write(members), options), Keys{"log.pack-not-linked"}) << "it cannot be told";
    for (const auto& bad :
         {std::string("x\n"), proof_lines(proof) + "\n", proof_lines(proof).substr(1), std::string()}) {
        members.back().second = bad;
        EXPECT_EQ(faults(write(members)), Keys{"log.pack-not-continued"}) << bad;
    }
}

TEST_F(Packs, NamesCannotLeaveTheFolder) {
    for (const char* name : {"", "/etc/passwd", "../x", "a/../b", "a//b", "a/", ".hidden", "a\\b", "a b", "a\nb", "å"})
        EXPECT_FALSE(valid_member_name(name)) << name;
    // Renamed behind the writer's back, in both places where it stands.
    const auto path = write({{"data/aaaaaaaa", "x"}});
    auto bytes = read_file(path).value();
    for (auto at = bytes.find("data/aaaaaaaa"); at != bytes.npos; at = bytes.find("data/aaaaaaaa"))
        bytes.replace(at, 13, "../../evil/aa");
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_EQ(faults(path), Keys{"log.pack-container"});
}

TEST_F(Packs, WhatUnpacksToMoreThanItSaysIsCutOff) {
    const auto path = write({{"pack.json", std::string(1'000'000, 'x')}});
    auto bytes = read_file(path).value();
    ASSERT_LT(bytes.size(), 20'000u);
    const std::string size("\x40\x42\x0f\x00", 4), smaller("\x10\x27\x00\x00", 4);
    for (auto at = bytes.find(size); at != bytes.npos; at = bytes.find(size)) bytes.replace(at, 4, smaller);
    std::ofstream(path, std::ios::binary) << bytes;
    EXPECT_EQ(faults(path), Keys{"log.pack-container"});
}

TEST(FlatLines, AreFlatAndSmall) {
    EXPECT_EQ(Flat::parse(R"({"a":"b\n\u00f8\ud83d\ude00","n":-5,"t":true,"z":null})")->text("a"), "b\nø😀");
    for (const char* line : {"", "{", "{}x", R"({"a":[1]})", R"({"a":{}})", R"({"a":1.5})", R"({"a":01})",
                             R"({"a":-0})", R"({"a":1,"a":2})", R"({"a":"\ud800"})", R"({"a" :1})", "{\"a\":\"\x01\"}",
                             "{\"a\":\"\xff\"}", R"({"a":99999999999999999999})", R"({"a":1,})"})
        EXPECT_FALSE(Flat::parse(line)) << line;
    std::string deep(100'000, '[');
    EXPECT_FALSE(Flat::parse("{\"a\":" + deep));
    std::string many = "{\"a\":1";
    for (int i = 0; i < 100; ++i) many += ",\"f" + std::to_string(i) + "\":1";
    EXPECT_FALSE(Flat::parse(many + "}"));
}

}  // namespace
}  // namespace tilsyn::log::pack
