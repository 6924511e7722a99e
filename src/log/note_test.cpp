// Notes, checkpoints, proofs and policies of our own making: what holds without anybody's vectors.
#include "log/note.hpp"
#include "log/armor.hpp"

#include <gtest/gtest.h>

#include "crypto/hash.hpp"
#include "log/checkpoint.hpp"
#include "log/proofs.hpp"
#include "log/tiles.hpp"
#include "log/tlog_proof.hpp"
#include "log/witness_policy.hpp"

namespace tilsyn::log {
namespace {

crypto::SigningKey key_of(std::uint8_t seed) {
    crypto::SigningKey::Seed bytes{};
    bytes.fill(seed);
    return crypto::SigningKey(bytes);
}

std::vector<Hash> leaves_of(int count) {
    std::vector<Hash> leaves;
    for (int i = 0; i < count; ++i) leaves.push_back(leaf_hash(std::to_string(i)));
    return leaves;
}
Nodes over(const std::vector<Hash>& leaves) {
    return [&leaves](NodeId id) -> Result<Hash> {
        if (id.level == 0) return leaves.at(std::size_t(id.index));
        return node_hash(over(leaves)({id.level - 1, id.index * 2}).value(),
                         over(leaves)({id.level - 1, id.index * 2 + 1}).value());
    };
}

// RFC 8032 section 7.1, tests 1 and 3.
TEST(Armor, ANoteComesOutOfALetterAsItWentIn) {
    const std::string note = "example.com/log\n3\nAAAA\n\n— example.com/log AAAA\n";
    EXPECT_EQ(find_note(note), note) << "no letter at all";
    const auto letter = "Dear reader,\n\n" + armored(note) + "\nKeep this.\n";
    EXPECT_EQ(find_note(letter), note);
    std::string quoted = "> > ";
    for (const char c : letter) quoted += c == '\n' ? std::string("\r\n> > ") : std::string(1, c);
    EXPECT_EQ(find_note(quoted), note);
    const auto cut = letter.substr(0, letter.find("-----END"));
    EXPECT_EQ(find_note(cut), cut) << "an end is missing: nothing is made up";
}

TEST(Ed25519, SignsAsTheStandardSays) {
    const auto check = [](const char* seed_hex, const char* key_hex, const char* message_hex,
                          const char* signature_hex) {
        crypto::SigningKey::Seed seed{};
        std::ranges::copy(crypto::parse_hex(seed_hex).value(), seed.begin());
        const crypto::SigningKey key(seed);
        const auto message = crypto::parse_hex(message_hex).value();
        const auto signature = key.sign(crypto::as_text(message));
        EXPECT_EQ(crypto::hex(key.public_key()), key_hex);
        EXPECT_EQ(crypto::hex(signature), signature_hex);
        EXPECT_TRUE(crypto::verify(key.public_key(), crypto::as_text(message), signature));
        EXPECT_FALSE(crypto::verify(key.public_key(), "other", signature));
        EXPECT_EQ(key.seed(), seed);
    };
    check(
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe"
        "24655141438e7a100b");
    check(
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed2"
        "8dc027beceea1ec40a");
}

TEST(Proofs, HoldForEveryEntryOfEverySizeAndForNoOther) {
    constexpr int most = 67;
    const auto leaves = leaves_of(most);
    const auto nodes = over(leaves);
    std::vector<Hash> roots;
    for (int size = 0; size <= most; ++size) roots.push_back(tree_root(size, nodes).value());
    for (int size = 1; size <= most; ++size) {
        for (int index = 0; index < size; ++index) {
            auto proof = inclusion_proof(index, size, nodes).value();
            const auto& leaf = leaves[std::size_t(index)];
            EXPECT_TRUE(verify_inclusion(index, size, leaf, proof, roots[std::size_t(size)]));
            EXPECT_FALSE(verify_inclusion((index + 1) % size, size, leaf, proof, roots[std::size_t(size)]) && size > 1);
            EXPECT_FALSE(verify_inclusion(index, size, leaf, proof, roots[std::size_t(size) - 1]));
            for (auto& hash : proof) {
                hash[7] ^= 0x10;
                EXPECT_FALSE(verify_inclusion(index, size, leaf, proof, roots[std::size_t(size)]));
                hash[7] ^= 0x10;
            }
            proof.push_back(leaf);
            EXPECT_FALSE(verify_inclusion(index, size, leaf, proof, roots[std::size_t(size)]));
        }
        for (int old_size = 0; old_size <= size; ++old_size) {
            auto proof = consistency_proof(old_size, size, nodes).value();
            const auto held = [&] {
                return bool(
                    verify_consistency(old_size, roots[std::size_t(old_size)], size, roots[std::size_t(size)], proof));
            };
            EXPECT_TRUE(held()) << old_size << " " << size;
            for (auto& hash : proof) {
                hash[31] ^= 1;
                EXPECT_FALSE(held());
                hash[31] ^= 1;
            }
            proof.push_back(roots[1]);
            EXPECT_FALSE(held());
        }
    }
    EXPECT_EQ(inclusion_proof(5, 5, nodes).error().code, Code::invalid);
    EXPECT_EQ(consistency_proof(6, 5, nodes).error().code, Code::invalid);
}

TEST(Notes, ComeBackAsTheyWereWritten) {
    const auto log = key_of(1), witness = key_of(2);
    const auto text = to_text({"example.com/log", 5, leaf_hash("x"), {}});
    Note note{text, {sign_note(text, "example.com/log", log)}};
    const auto at = parse_utc("2026-11-23T04:05:06Z").value();
    note.signatures.push_back(cosign_note(text, "w.example", witness, at));
    const auto again = parse_note(to_string(note)).value();
    EXPECT_EQ(to_string(again), to_string(note));
    const VerifierKey keys[] = {verifier_key("example.com/log", KeyType::ed25519, log.public_key()),
                                verifier_key("w.example", KeyType::cosignature, witness.public_key())};
    const auto opened = open_note(again, keys).value();
    ASSERT_EQ(opened.size(), 2u);
    EXPECT_EQ(opened[1].at, at);
    EXPECT_EQ(open_note(again, {}).error().code, Code::unauthorized);
    auto changed = again;
    changed.signatures[1].bytes[3] ^= 1;  // the time that was signed
    EXPECT_EQ(open_note(changed, keys).error().code, Code::corrupt);
}

TEST(Notes, WhatIsNoneIsRefused) {
    const auto key = key_of(1);
    const std::string text = "a\n";
    const auto good = text + "\n" + to_line(sign_note(text, "k", key));
    ASSERT_TRUE(parse_note(good));
    for (const auto& bad :
         {std::string(), text, text + "\n", good.substr(0, good.size() - 1), good + "\n", good + "x\n", "\xff" + good,
          "a\x01\n\n" + good.substr(3), text + "\n" + good.substr(3, 4) + "k AAAA\n", text + "\n- k AAAAAAAA\n"})
        EXPECT_FALSE(parse_note(bad)) << bad;
    std::string many = text + "\n";
    for (int i = 0; i < 101; ++i) many += to_line(sign_note(text, "k", key));
    EXPECT_FALSE(parse_note(many));
    EXPECT_EQ(parse_note(std::string(most_note_bytes + 1, 'a')).error().code, Code::too_large);
}

TEST(Tiles, EachHasOneName) {
    for (const char* path :
         {"tile", "tile/0", "tile/0/1", "tile/0/0001", "tile/0/x000/001", "tile/64/000", "tile/-1/000",
          "tile/0/001.p/0", "tile/0/001.p/256", "tile/0/001.p/01", "tile/0/x001", "tile/0/001/", "tile/00/001",
          "tile/entries/-01", "tile/0/x999/x999/x999/x999/x999/x999/x999/999"})
        EXPECT_FALSE(parse_tile_path(path)) << path;
    std::string bundle;
    append_to_bundle(bundle, "one");
    append_to_bundle(bundle, std::string(65'535, 'x'));
    EXPECT_EQ(parse_bundle(bundle, 2)->at(1).size(), 65'535u);
    EXPECT_FALSE(parse_bundle(bundle, 1));
    EXPECT_FALSE(parse_bundle(bundle, 3));
    EXPECT_FALSE(parse_bundle(std::string_view(bundle).substr(0, bundle.size() - 1), 2));
}

TEST(WitnessPolicies, CountWhoHasSigned) {
    std::string text = "# ours\n";
    std::vector<GoodSignature> signed_by;
    std::vector<VerifierKey> keys;
    for (std::uint8_t i = 1; i <= 3; ++i) {
        keys.push_back(verifier_key("w" + std::to_string(i), KeyType::cosignature, key_of(i).public_key()));
        text += "witness W" + std::to_string(i) + " " + to_string(keys.back()) + " https://w.example\n";
    }
    const auto two = WitnessPolicy::parse(text + "group g 2 W1 W2 W3\nquorum g\n").value();
    EXPECT_FALSE(two.satisfied(signed_by));
    signed_by.push_back({keys[0], {}});
    EXPECT_FALSE(two.satisfied(signed_by));
    signed_by.push_back({keys[0], {}});
    EXPECT_FALSE(two.satisfied(signed_by)) << "twice the same is once";
    signed_by.push_back({keys[2], {}});
    EXPECT_TRUE(two.satisfied(signed_by));
    EXPECT_FALSE(WitnessPolicy::parse(text + "group g all W1 W2 W3\nquorum g\n")->satisfied(signed_by));
    EXPECT_TRUE(WitnessPolicy::parse(text + "group a any W1 W2\ngroup g all a W3\nquorum g\n")->satisfied(signed_by));
    EXPECT_TRUE(WitnessPolicy::parse(text + "quorum none\n")->satisfied({}));
    for (const char* bad :
         {"", "quorum x\n", "quorum W1\nquorum W1\n", "group g 4 W1 W2 W3\nquorum g\n", "group g any W1 W1\nquorum g\n",
          "group W1 any W2\nquorum W1\n", "group none any W1\nquorum none\n", "witness W9 nonsense\nquorum none\n",
          "group g any h\ngroup h any W1\nquorum g\n", "what\nquorum none\n"}) {
        const auto refused = WitnessPolicy::parse(text + bad, "witnesses");
        ASSERT_FALSE(refused) << bad;
        EXPECT_EQ(refused.error().where->file, "witnesses");
    }
}

}  // namespace
}  // namespace tilsyn::log
