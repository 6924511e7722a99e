#include "crypto/hash.hpp"
#include "crypto/uuid.hpp"

#include <gtest/gtest.h>

namespace tilsyn::crypto {
namespace {

TEST(Hash, Sha256OfKnownTexts) {  // FIPS 180-2, appendix B
    EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256({"a", "", "bc"}), sha256("abc"));
}

TEST(Hash, Base64RoundTripsAndIsStrict) {  // RFC 4648 section 10
    for (const auto& [plain, coded] :
         {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(as_bytes(plain)), coded);
        const auto back = parse_base64(coded);
        ASSERT_TRUE(back);
        EXPECT_EQ(as_text(*back), plain);
    }
    for (const char* bad : {"Zg", "Zg=", "Zh==", "Zm9=", "Z g=", "====", "Zg==Zg==", "Zm9v\n"})
        EXPECT_FALSE(parse_base64(bad)) << bad;
    EXPECT_EQ(base64url(as_bytes("\xff\xfe")), "__4");
}

TEST(Hash, Hex) {
    EXPECT_EQ(parse_hex("00ff").value(), (std::vector<std::uint8_t>{0, 255}));
    EXPECT_FALSE(parse_hex("0"));
    EXPECT_FALSE(parse_hex("zz"));
}

TEST(Uuid, OfANameIsThatOfRfc9562) {  // appendix A.4
    constexpr Uuid dns{0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
    EXPECT_EQ(uuid_text(uuid5(dns, "www.example.com")), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(Hash, ConstantTimeEquality) {
    EXPECT_TRUE(equal_in_constant_time("key", "key"));
    EXPECT_FALSE(equal_in_constant_time("key", "kez"));
    EXPECT_FALSE(equal_in_constant_time("key", "keys"));
}

}  // namespace
}  // namespace tilsyn::crypto
