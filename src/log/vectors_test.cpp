// The public vectors of the formats: other people's logs, proofs and notes, good and bad. TILSYN_TLOG_VECTORS names the
// folder; without it these tests are skipped, and say so. What the project's own tests hold runs always.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "log/checkpoint.hpp"
#include "log/proofs.hpp"
#include "log/tiles.hpp"
#include "log/tlog_proof.hpp"

namespace tilsyn::log {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Vectors : public testing::Test {
  protected:
    void SetUp() override {
        const char* named = std::getenv("TILSYN_TLOG_VECTORS");
        if (named == nullptr || *named == '\0') GTEST_SKIP() << "TILSYN_TLOG_VECTORS names no folder of vectors";
        folder_ = named;
        ASSERT_TRUE(fs::is_directory(folder_)) << folder_;
    }
    std::string bytes(const std::string& name) const { return read_file(folder_ / name).value(); }
    json read(const std::string& name) const { return json::parse(bytes(name)); }
    std::vector<fs::path> below(const std::string& name) const {
        std::vector<fs::path> files;
        for (const auto& entry : fs::recursive_directory_iterator(folder_ / name))
            if (entry.is_regular_file()) files.push_back(entry.path());
        std::ranges::sort(files);
        return files;
    }
    static Hash hash_of(const json& hex) {
        Hash hash{};
        std::ranges::copy(crypto::parse_hex(hex.get<std::string>()).value(), hash.begin());
        return hash;
    }
    fs::path folder_;
};

Nodes nodes_over(const std::vector<Hash>& leaves) {
    return [&leaves](NodeId id) -> Result<Hash> {
        if (id.level == 0) return leaves.at(std::size_t(id.index));
        const auto nodes = nodes_over(leaves);
        return node_hash(nodes({id.level - 1, id.index * 2}).value(), nodes({id.level - 1, id.index * 2 + 1}).value());
    };
}

TEST_F(Vectors, ReferenceTree) {
    const auto tree = read("rfc6962-reference-tree.json");
    std::vector<Hash> leaves;
    for (const auto& input : tree["leaf_inputs_hex"]) {
        const auto data = crypto::parse_hex(input.get<std::string>()).value();
        leaves.push_back(leaf_hash(crypto::as_text(data)));
        EXPECT_EQ(leaves.back(), hash_of(tree["leaf_hashes_hex"][leaves.size() - 1]));
    }
    const auto nodes = nodes_over(leaves);
    for (std::size_t size = 0; size < tree["root_hex_by_tree_size"].size(); ++size)
        EXPECT_EQ(tree_root(std::int64_t(size), nodes).value(), hash_of(tree["root_hex_by_tree_size"][size])) << size;
    const auto expect_proof = [](const std::vector<Hash>& proof, const json& expected) {
        ASSERT_EQ(proof.size(), expected.size());
        for (std::size_t i = 0; i < proof.size(); ++i) EXPECT_EQ(proof[i], hash_of(expected[i]));
    };
    for (const auto& c : tree["inclusion_proofs"])
        expect_proof(inclusion_proof(c["leaf_index"], c["tree_size"], nodes).value(), c["proof"]);
    for (const auto& c : tree["consistency_proofs"])
        expect_proof(consistency_proof(c["size1"], c["size2"], nodes).value(), c["proof"]);
}

// Whatever cannot be read as a hash is refused, as the parsers of the formats refuse it.
std::optional<Hash> strict_hash(const json& base64) {
    const auto hash = base64.is_string() ? parse_hash(base64.get<std::string>()) : Result<Hash>(Hash{});
    return hash ? std::optional(*hash) : std::nullopt;
}
std::optional<std::vector<Hash>> strict_proof(const json& list) {
    std::vector<Hash> proof;
    if (list.is_null()) return proof;
    for (const auto& item : list) {
        const auto hash = strict_hash(item);
        if (!hash) return std::nullopt;
        proof.push_back(*hash);
    }
    return proof;
}
std::optional<std::int64_t> strict_size(const json& number) {
    if (number.is_number_unsigned() && number.get<std::uint64_t>() > INT64_MAX) return std::nullopt;
    return number.get<std::int64_t>();
}

TEST_F(Vectors, InclusionProofsGoodAndBad) {
    int good = 0, bad = 0;
    for (const auto& file : below("merkle-proofs/inclusion")) {
        const auto c = json::parse(read_file(file).value());
        const auto index = strict_size(c["leafIdx"]), size = strict_size(c["treeSize"]);
        const auto root = strict_hash(c["root"]), leaf = strict_hash(c["leafHash"]);
        const auto proof = strict_proof(c["proof"]);
        const bool held =
            index && size && root && leaf && proof && verify_inclusion(*index, *size, *leaf, *proof, *root);
        EXPECT_EQ(held, !c["wantErr"].get<bool>()) << file;
        ++(c["wantErr"].get<bool>() ? bad : good);
    }
    EXPECT_GE(good, 5);
    EXPECT_GT(bad, 80);
}

TEST_F(Vectors, ConsistencyProofsGoodAndBad) {
    int good = 0, bad = 0;
    for (const auto& file : below("merkle-proofs/consistency")) {
        // Its roots are no hashes; "no matter what" is not for a parser that demands 32 bytes.
        if (file.filename() == "sizes-are-equal-one-and-proof-is-empty.json") continue;
        const auto c = json::parse(read_file(file).value());
        const auto old_size = strict_size(c["size1"]), size = strict_size(c["size2"]);
        const auto old_root = strict_hash(c["root1"]), root = strict_hash(c["root2"]);
        const auto proof = strict_proof(c["proof"]);
        const bool held = old_size && size && old_root && root && proof &&
                          verify_consistency(*old_size, *old_root, *size, *root, *proof);
        // The vectors call every proof from an empty tree useless; witnesses need it: empty proof, empty root.
        if (old_size == 0 && proof && proof->empty() && old_root == empty_root()) continue;
        EXPECT_EQ(held, !c["wantErr"].get<bool>()) << file;
        ++(c["wantErr"].get<bool>() ? bad : good);
    }
    EXPECT_GE(good, 5);
    EXPECT_GT(bad, 80);
}

TEST_F(Vectors, VerifierKeys) {
    const auto vectors = read("note-vectors.json");
    for (const auto& key : vectors["keys"]) {
        const auto vkey = key["vkey"].get<std::string>();
        const auto parsed = parse_vkey(vkey);
        ASSERT_TRUE(parsed) << vkey;
        EXPECT_EQ(to_string(*parsed), vkey);
        EXPECT_EQ(json(parsed->name), key["name"]);
        for (std::size_t begin = 0; begin < vkey.size(); ++begin)
            for (std::size_t count = 0; count < vkey.size() - begin; ++count) {
                if (begin == 0 && count == vkey.size()) continue;
                EXPECT_FALSE(parse_vkey(vkey.substr(begin, count))) << vkey.substr(begin, count);
            }
        for (std::size_t i = 0; i < vkey.size(); ++i) {
            auto changed = vkey;
            ++changed[i];
            EXPECT_FALSE(parse_vkey(changed)) << changed;
        }
    }
    for (const auto& bad : vectors["bad_vkeys"]) EXPECT_FALSE(parse_vkey(bad.get<std::string>())) << bad;
}

TEST_F(Vectors, Notes) {
    const auto vectors = read("note-vectors.json");
    const auto keys_of = [](const json& list) {
        std::vector<VerifierKey> keys;
        for (const auto& vkey : list) keys.push_back(parse_vkey(vkey.get<std::string>()).value());
        return keys;
    };
    for (const auto& c : vectors["valid"]) {
        const auto note = parse_note(c["note"].get<std::string>());
        ASSERT_TRUE(note) << c["desc"];
        const auto opened = open_note(*note, keys_of(c["verifiers"]));
        ASSERT_TRUE(opened) << c["desc"] << render(opened.error(), Lang::en);
        std::vector<std::string> names;
        for (const auto& good : *opened) names.push_back(good.key.name);
        EXPECT_EQ(json(names), c["verified"]) << c["desc"];
    }
    for (const auto& c : vectors["invalid"]) {
        // JSON holds no broken UTF-8: such a note is given as its bytes.
        std::string text = c.value("note", "");
        if (c.contains("note_prefix_hex"))
            text =
                std::string(crypto::as_text(crypto::parse_hex(c["note_prefix_hex"].get<std::string>()).value())) + text;
        const auto note = parse_note(text);
        EXPECT_FALSE(note && open_note(*note, keys_of(c.value("verifiers", json::array())))) << c["desc"];
    }
}

TEST_F(Vectors, CheckpointBodies) {
    const auto vectors = read("checkpoint-body-parse.json");
    for (const auto& c : vectors["valid"]) {
        const auto parsed = parse_checkpoint(c["body"].get<std::string>());
        ASSERT_TRUE(parsed) << c;
        EXPECT_EQ(json(parsed->origin), c["origin"]);
        EXPECT_EQ(json(parsed->size), c["size"]);
        EXPECT_EQ(json(to_text(*parsed)), c["body"]);
    }
    for (const auto& body : vectors["invalid"]) EXPECT_FALSE(parse_checkpoint(body.get<std::string>())) << body;
}

TEST_F(Vectors, ProofFiles) {
    const auto vectors = read("tlog-proof-parse.json");
    for (const auto& c : vectors["valid"]) {
        const auto parsed = parse_tlog_proof(c["text"].get<std::string>());
        ASSERT_TRUE(parsed) << c;
        EXPECT_EQ(json(parsed->index), c["index"]);
        EXPECT_EQ(json(to_string(*parsed)), c["text"]);
    }
    for (const auto& text : vectors["invalid"]) EXPECT_FALSE(parse_tlog_proof(text.get<std::string>())) << text;
}

TEST_F(Vectors, TilePaths) {
    const auto vectors = read("tile-paths.json");
    for (const auto& c : vectors["c2sp"]) {
        const Tile tile{c["level"], c["n"], c["width"]};
        EXPECT_EQ(json(tile_path(tile)), c["path"]);
        EXPECT_EQ(parse_tile_path(c["path"].get<std::string>()).value(), tile);
    }
    for (const auto& c : vectors["entries"]) {
        const Tile tile{entries_level, c["n"], c["width"]};
        EXPECT_EQ(json(tile_path(tile)), c["path"]);
        EXPECT_EQ(parse_tile_path(c["path"].get<std::string>()).value(), tile);
    }
    for (const auto& c : vectors["sizes"]) {
        std::map<std::string, int> found;
        for (const auto& tile : tiles_of(c["tree_size"])) {
            const auto level = "level" + std::to_string(tile.level);
            if (tile.whole())
                ++found[level + "_full"];
            else
                found[level + "_partial"] = tile.width;
        }
        for (const auto& [name, count] : c.items())
            if (name != "tree_size") EXPECT_EQ(json(found[name]), count) << name << " of " << c["tree_size"];
    }
}

TEST_F(Vectors, AWholeLogOfAnotherProgram) {
    const auto vkey =
        parse_vkey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx").value();
    std::vector<Hash> leaves;
    const auto bundle = bytes("tessera-testlog/tile/entries/000.p/15");
    const auto entries = parse_bundle(bundle, 15);
    ASSERT_TRUE(entries);
    for (const auto entry : *entries) leaves.push_back(leaf_hash(entry));
    std::string hashes;
    for (const auto& leaf : leaves) hashes += crypto::as_text(leaf);
    EXPECT_EQ(hashes, bytes("tessera-testlog/tile/0/000.p/15"));
    const auto nodes = nodes_over(leaves);
    std::vector<Hash> roots;
    for (int size = 0; size <= 15; ++size) {
        const auto opened = open_checkpoint(bytes("tessera-testlog/checkpoint." + std::to_string(size)), vkey);
        ASSERT_TRUE(opened) << size;
        EXPECT_EQ(opened->checkpoint.size, size);
        EXPECT_EQ(opened->checkpoint.root, tree_root(size, nodes).value());
        roots.push_back(opened->checkpoint.root);
        for (int old_size = 0; old_size <= size; ++old_size)
            EXPECT_TRUE(verify_consistency(old_size, roots[std::size_t(old_size)], size, roots.back(),
                                           consistency_proof(old_size, size, nodes).value()));
        for (int index = 0; index < size; ++index)
            EXPECT_TRUE(verify_inclusion(index, size, leaves[std::size_t(index)],
                                         inclusion_proof(index, size, nodes).value(), roots.back()));
    }
}

TEST_F(Vectors, CosignaturesOfOtherWitnesses) {
    for (const auto& [keys, note] :
         std::vector<std::pair<std::string, std::string>>{{"witness.v0.json", "witnessed-checkpoint"},
                                                          {"witness2.v0.json", "witness2-checkpoint"},
                                                          {"mirror.v0.json", "mirror/checkpoint"}}) {
        const auto key = parse_vkey(read("sunlight-cosigned/" + keys)["verifier_keys"][0].get<std::string>()).value();
        const auto parsed = parse_note(bytes("sunlight-cosigned/" + note)).value();
        const auto opened = open_note(parsed, {&key, 1});
        ASSERT_TRUE(opened) << note;
        EXPECT_EQ(opened->front().key, key);
        EXPECT_GT(opened->front().at, parse_utc("2025-01-01T00:00:00Z").value());
        auto changed = parsed;
        changed.text[changed.text.size() - 3] ^= 1;
        EXPECT_EQ(open_note(changed, {&key, 1}).error().code, Code::corrupt);
    }
    // 300 leaves, "record <i>", as tiles.
    std::vector<Hash> leaves;
    for (int i = 0; i < 300; ++i) leaves.push_back(leaf_hash("record " + std::to_string(i)));
    const auto checkpoint =
        parse_checkpoint(parse_note(bytes("sunlight-cosigned/mirror/checkpoint")).value().text).value();
    EXPECT_EQ(tree_root(300, nodes_over(leaves)).value(), checkpoint.root);
}

}  // namespace
}  // namespace tilsyn::log
