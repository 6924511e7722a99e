#include "crypto/timestamp.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/command.hpp"
#include "support/tsa.hpp"

namespace tilsyn::crypto {
namespace {

using test::Tsa;
using testing::HasSubstr;

const std::string note = "example.com/log\n1234\nQUJD\n";

StampTrust trust(const Tsa& tsa) {
    return StampTrust::parse(tsa.ca()).value();
}

// The key of the refusal, and in English what it says.
template <class T>
std::string why(const Result<T>& result) {
    return result ? "holds" : result.error().message.key;
}
template <class T>
std::string words(const Result<T>& result) {
    return result ? "holds" : render(result.error(), Lang::en);
}

class Stamps : public testing::TestWithParam<std::string> {
  protected:
    Tsa::Options options() const {
        Tsa::Options out;
        out.key = GetParam();
        return out;
    }
};
INSTANTIATE_TEST_SUITE_P(Keys, Stamps, testing::Values("ec", "rsa"), [](const auto& given) { return given.param; });

TEST_P(Stamps, AStampHoldsForItsRequestAndLaterForTheDataAlone) {
    const Tsa tsa(options());
    const auto request = request_stamp(note);
    const auto before = std::chrono::system_clock::now() - std::chrono::seconds(2);
    const auto stamp = tsa.reply(request.der);
    const auto now = verify_stamp(stamp, request, trust(tsa));
    ASSERT_TRUE(now) << words(now);
    EXPECT_GE(now->at, before);
    EXPECT_LE(now->at, std::chrono::system_clock::now() + std::chrono::seconds(2));
    EXPECT_EQ(now->accuracy, std::optional<Duration>(1'500'100));
    EXPECT_EQ(now->policy, "1.2.3.4.1");
    EXPECT_EQ(now->serial, "4711");
    EXPECT_EQ(now->tsa, "CN=Test stamps");
    EXPECT_EQ(verify_stamp(stamp, note, trust(tsa)).value(), *now);
    EXPECT_EQ(read_stamp(stamp).value(), *now);
    EXPECT_EQ(tsa.openssl_refuses(stamp, note), "");
}

TEST_P(Stamps, AnotherImprintIsRefused) {
    const Tsa tsa(options());
    const auto stamp = tsa.reply(request_stamp("something else").der);
    EXPECT_EQ(words(verify_stamp(stamp, note, trust(tsa))), "the time stamp is over something else");
    EXPECT_EQ(why(verify_stamp(stamp, request_stamp(note), trust(tsa))), "stamp.wrong-imprint");
    EXPECT_NE(tsa.openssl_refuses(stamp, note), "");
    // The same data under another hash function: not what was asked for.
    const auto& folder = tsa.folder();
    ASSERT_TRUE(write_file(folder / "data", note));
    ASSERT_EQ(
        test::run_command("cd " + folder.string() + " && openssl ts -query -data data -sha512 -out q 2>&1").status, 0);
    const auto other = tsa.reply(read_file(folder / "q").value());
    EXPECT_EQ(why(verify_stamp(other, note, trust(tsa))), "stamp.wrong-imprint");
}

TEST_P(Stamps, AnAnswerToAnotherRequestIsRefused) {
    const Tsa tsa(options());
    const auto first = request_stamp(note), second = request_stamp(note);
    EXPECT_NE(first.nonce, second.nonce);
    EXPECT_EQ(words(verify_stamp(tsa.reply(first.der), second, trust(tsa))), "the time stamp answers another request");
    EXPECT_EQ(why(verify_stamp(tsa.forge({.data = note}), first, trust(tsa))), "stamp.wrong-nonce")
        << "no nonce at all";
    EXPECT_EQ(why(verify_stamp(tsa.forge({.data = note, .nonce = hex(as_bytes(first.nonce))}), first, trust(tsa))),
              "holds");
}

TEST_P(Stamps, OnlyATrustedRootVouches) {
    const Tsa tsa(options()), stranger(options());
    const auto stamp = tsa.reply(request_stamp(note).der);
    const auto refused = verify_stamp(stamp, note, trust(stranger));
    EXPECT_THAT(words(refused), HasSubstr("no trusted certificate vouches for the time stamp by CN=Test stamps"));
    EXPECT_NE(stranger.openssl_refuses(stamp, note), "");
    // Both in one file: each is found.
    const auto both = StampTrust::parse(stranger.ca() + "some words between\n" + tsa.ca()).value();
    EXPECT_EQ(why(verify_stamp(stamp, note, both)), "holds");
}

TEST_P(Stamps, ACertificateIsJudgedAsOfTheStampAndNotAsOfNow) {
    auto given = options();
    given.from = "20200101000000Z";
    given.to = "20210101000000Z";
    const Tsa tsa(given);
    const auto then = verify_stamp(tsa.forge({.data = note, .time = "20200601120000.25Z"}), note, trust(tsa));
    ASSERT_TRUE(then) << words(then);
    EXPECT_EQ(format_utc(then->at), "2020-06-01T12:00:00.250Z");
    EXPECT_EQ(tsa.openssl_refuses(tsa.forge({.data = note, .time = "20200601120000Z"}), note, "-attime 1591012800"),
              "");
    const auto late = verify_stamp(tsa.reply(request_stamp(note).der), note, trust(tsa));
    EXPECT_THAT(words(late), HasSubstr("the certificate of CN=Test stamps was not valid at"));
    EXPECT_THAT(words(late), HasSubstr("it is from 2020-01-01 to 2021-01-01"));
    EXPECT_EQ(why(verify_stamp(tsa.forge({.data = note, .time = "20191231235959Z"}), note, trust(tsa))),
              "stamp.not-valid-then");
}

TEST_P(Stamps, ACertificateMustBeMadeForStamping) {
    auto given = options();
    given.for_stamping = false;
    const Tsa tsa(given);
    const auto stamp = tsa.forge({.data = note});
    EXPECT_EQ(words(verify_stamp(stamp, note, trust(tsa))),
              "the certificate of CN=Test stamps is not made for time stamping");
    EXPECT_NE(tsa.openssl_refuses(stamp, note), "");
}

TEST_P(Stamps, ASignatureMustBeOverWhatIsSaid) {
    const Tsa tsa(options());
    auto stamp = tsa.reply(request_stamp(note).der);
    const auto serial = stamp.find("\x02\x02\x47\x11");  // 4711, as an INTEGER
    ASSERT_NE(serial, stamp.npos);
    stamp[serial + 3] = '\x12';
    EXPECT_THAT(words(verify_stamp(stamp, note, trust(tsa))),
                HasSubstr("the signature of the time stamp by CN=Test stamps is wrong"));
    EXPECT_NE(tsa.openssl_refuses(stamp, note), "");
}

TEST_P(Stamps, AWeakHashIsRefused) {
    auto given = options();
    given.digest = "sha1";
    const Tsa tsa(given);
    EXPECT_THAT(words(verify_stamp(tsa.reply(request_stamp(note).der), note, trust(tsa))),
                HasSubstr("a hash that is no longer safe"));
}

TEST(Stamp, ARefusalIsGivenInTheAuthoritysOwnWords) {
    Tsa::Options options;
    options.accepts = "sha512";
    const Tsa tsa(options);
    const auto refused = verify_stamp(tsa.reply(request_stamp(note).der), note, trust(tsa));
    EXPECT_EQ(words(refused),
              "the time-stamp authority gave no stamp: rejection, badAlg, Message digest algorithm is not supported.");
    EXPECT_EQ(refused.error().code, Code::unavailable);
    // Words that would do something to a terminal do not.
    const std::string rude("\x30\x0f\x30\x0d\x02\x01\x02\x30\x08\x0c\x06\x1b[2J\n!", 17);
    EXPECT_EQ(words(read_stamp(rude)), "the time-stamp authority gave no stamp: rejection,  [2J !");
}

TEST(Stamp, WithoutItsCertificateAStampCannotBeChecked) {
    const Tsa tsa;
    const auto& folder = tsa.folder();
    ASSERT_TRUE(write_file(folder / "data", note));
    ASSERT_EQ(
        test::run_command("cd " + folder.string() + " && openssl ts -query -data data -sha256 -out q 2>&1").status, 0);
    const auto stamp = tsa.reply(read_file(folder / "q").value());
    EXPECT_EQ(words(verify_stamp(stamp, note, trust(tsa))),
              "the time stamp does not hold the certificate it was signed with");
    EXPECT_EQ(read_stamp(stamp).value().tsa, "");
}

TEST(Stamp, AccuracyMayBeGivenInParts) {
    const Tsa tsa;
    const auto accuracy = [&](const std::string& fields) {
        return verify_stamp(tsa.forge({.data = note, .accuracy = fields}), note, trust(tsa));
    };
    EXPECT_EQ(accuracy("").value().accuracy, std::nullopt);
    EXPECT_EQ(accuracy("a=INTEGER:2").value().accuracy, std::chrono::seconds(2));
    EXPECT_EQ(accuracy("a=IMPLICIT:0,INTEGER:999").value().accuracy, std::chrono::milliseconds(999));
    EXPECT_EQ(accuracy("a=IMPLICIT:1,INTEGER:7").value().accuracy, std::chrono::microseconds(7));
    EXPECT_EQ(why(accuracy("a=IMPLICIT:0,INTEGER:1000")), "stamp.malformed");
    EXPECT_EQ(why(accuracy("a=INTEGER:-1")), "stamp.malformed");
    EXPECT_EQ(why(accuracy("a=INTEGER:99999999999")), "stamp.malformed");
}

TEST(Stamp, ATimeHasOneForm) {
    const Tsa tsa;
    for (const std::string time : {"20260102030405+0100", "202601020304Z", "20260102030405", "20260230030405Z"}) {
        // openssl itself declines to write some of them, so they are put in afterwards, as long as they fit.
        auto stamp = tsa.forge({.data = note, .time = "20260102030405.1234Z"});
        const auto at = stamp.find("20260102030405.1234Z");
        ASSERT_NE(at, stamp.npos);
        stamp.replace(at, 20, (time + std::string(20, ' ')).substr(0, 20));
        EXPECT_EQ(why(read_stamp(stamp)), "stamp.malformed") << time;
    }
}

TEST(Stamp, WhatIsNotAStampIsSaidToBeNone) {
    const Tsa tsa;
    const auto good = tsa.reply(request_stamp(note).der);
    for (const std::string& bytes :
         {std::string(), std::string("<html>busy</html>"), std::string(1000, '0'), good + '\0', good.substr(1), note})
        EXPECT_THAT(words(verify_stamp(bytes, note, trust(tsa))),
                    HasSubstr("this is not a time stamp (TimeStampResp of RFC 3161)"));
    for (std::size_t size = 0; size < good.size(); size += 7)
        EXPECT_EQ(why(read_stamp(good.substr(0, size))), "stamp.malformed") << size;
    EXPECT_EQ(why(read_stamp(std::string(most_stamp_bytes + 1, '0'))), "stamp.too-large");
}

TEST(Stamp, NoFlippedBitMakesItSayAnythingElse) {
    const Tsa tsa;
    const auto good = tsa.reply(request_stamp(note).der);
    const auto trusted = trust(tsa);
    const auto says = verify_stamp(good, note, trusted).value();
    int passed = 0;
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        auto bad = good;
        bad[bit / 8] = char(bad[bit / 8] ^ (1 << (bit % 8)));
        if (const auto read = verify_stamp(bad, note, trusted)) {
            EXPECT_EQ(*read, says) << "bit " << bit;
            ++passed;
        }
    }
    // What nothing signs and nobody needs: "granted with modifications", versions, names of algorithms told twice.
    EXPECT_LT(passed, 200);
}

TEST(Stamp, TrustNeedsCertificatesThatCanBeRead) {
    const Tsa tsa;
    EXPECT_EQ(why(StampTrust::parse("")), "stamp.bad-ca");
    EXPECT_EQ(why(StampTrust::parse("hello")), "stamp.bad-ca");
    auto broken = tsa.ca();
    broken.replace(broken.find("\nMII") + 10, 4, "!!!!");
    EXPECT_EQ(why(StampTrust::parse(broken)), "stamp.bad-ca");
    EXPECT_EQ(why(StampTrust::parse(tsa.ca() + broken)), "stamp.bad-ca") << "half of a file is not enough";
    EXPECT_EQ(why(StampTrust::parse(std::string(most_ca_bytes + 1, '\n'))), "stamp.bad-ca");
}

}  // namespace
}  // namespace tilsyn::crypto
