#include <gtest/gtest.h>

#include "crypto/hash.hpp"
#include "log/entry.hpp"
#include "log/merkle.hpp"

namespace tilsyn::log {
namespace {

// The roots that every RFC 6962 implementation gives for the eight leaves of the Certificate Transparency test tree.
TEST(Merkle, RootsOfTheReferenceTree) {
    const std::string leaves[] = {"",
                                  std::string("\x00", 1),
                                  "\x10",
                                  "\x20\x21",
                                  "\x30\x31",
                                  "\x40\x41\x42\x43",
                                  "\x50\x51\x52\x53\x54\x55\x56\x57",
                                  "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
    const char* roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                           "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                           "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                           "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                           "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                           "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                           "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                           "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    Frontier frontier;
    EXPECT_EQ(frontier.root(), crypto::sha256(""));
    for (std::size_t i = 0; i < std::size(leaves); ++i) {
        frontier.append(leaf_hash(leaves[i]));
        EXPECT_EQ(crypto::hex(frontier.root()), roots[i]);
    }
}

TEST(Merkle, AFrontierSurvivesItsBytes) {
    Frontier frontier;
    for (int i = 0; i < 100; ++i) {
        frontier.append(leaf_hash(std::to_string(i)));
        const auto again = Frontier::from_bytes(frontier.size(), frontier.to_bytes());
        ASSERT_TRUE(again);
        EXPECT_EQ(*again, frontier);
    }
    EXPECT_FALSE(Frontier::from_bytes(3, std::vector<std::uint8_t>(32)));
    EXPECT_FALSE(Frontier::from_bytes(-1, {}));
}

TEST(Entry, HoldsCommitmentsNotPersons) {
    Entry entry("control.signoff");
    entry.control("clean-desk").integer("count", 0).private_text("by", "Anna Jensen");
    const auto bytes = entry.bytes(parse_utc("2026-11-23T04:05:06.789Z").value(), 3, 17);
    EXPECT_EQ(bytes.find("Anna"), bytes.npos);
    EXPECT_NE(bytes.find(R"("k":"control.signoff","c":"clean-desk","cseq":3,"prev":17,"count":0,"by":")"), bytes.npos)
        << bytes;
    const auto& secret = entry.private_fields().at(0);
    EXPECT_NE(bytes.find(crypto::base64(commitment(secret.salt, "by", "Anna Jensen"))), bytes.npos);
    EXPECT_NE(entry.bytes({}, 3, 17), entry.bytes({}, 3, 17)) << "the nonce makes equal entries differ";
}

TEST(Entry, EscapesText) {
    const auto bytes = Entry("x").text("f", "a\"b\\c\n\x01ø").bytes({}, 0, -1);
    EXPECT_NE(bytes.find(R"("f":"a\"b\\c\n\u0001ø")"), bytes.npos) << bytes;
}

}  // namespace
}  // namespace tilsyn::log
