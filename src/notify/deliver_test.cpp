// A notice as mail, read back by Python's own parser of mail.
#include "notify/deliver.hpp"

#include <gmock/gmock.h>

#include "base/file.hpp"
#include "notify/channels.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn::notify {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const Timestamp now = parse_utc("2026-11-24T09:08:07Z").value();

TEST(MailMessage, IsReadByOthersAsItWasMeant) {
    const test::TemporaryFolder folder;
    const Channel channel{.id = "mail", .from = "tilsyn@example.com", .to = {"a@example.com", "b@example.com"}};
    std::string subject = "3 ting er ikke i orden, blandt andet Bogføringens sikkerhedskopi på server »æøå«: ";
    for (int i = 0; i < 40; ++i) subject += "blåbærgrød ";
    subject.pop_back();
    std::string body = "Linje 1\n.\nFrom me\n";
    for (int i = 0; i < 300; ++i) body += "æøå ";
    const auto message = mail_message({.id = "n1", .subject = subject, .body = body + "\n"}, channel, now);
    for (std::size_t at = 0, end = 0; (end = message.find("\r\n", at)) != message.npos; at = end + 2)
        EXPECT_LE(end - at, 78u) << message.substr(at, end - at);
    EXPECT_EQ(message.find('\n', message.find("\r\n\r\n")), message.find("\r\n", message.find("\r\n\r\n")) + 1);
    ASSERT_TRUE(write_file(folder.path() / "m", message));
    const auto read = test::run_command(
        "python3 -c 'import sys, email, email.policy\n"
        "m = email.message_from_bytes(open(sys.argv[1], \"rb\").read(), policy=email.policy.default)\n"
        "assert not m.defects, m.defects\n"
        "print(m[\"subject\"]); print(m[\"date\"].datetime.isoformat()); print(m[\"message-id\"]); print(m[\"to\"])\n"
        "print(m.get_content(), end=\"\")' '" +
        (folder.path() / "m").string() + "'");
    EXPECT_EQ(read.status, 0) << read.output;
    EXPECT_EQ(read.output,
              subject + "\n2026-11-24T09:08:07+00:00\n<n1@example.com>\na@example.com, b@example.com\n" + body + "\n");
}

class Channels : public testing::Test {
  protected:
    test::TemporaryFolder folder_;
    Result<std::vector<Channel>> read(const std::string& text, const std::string& secrets = "") {
        EXPECT_TRUE(write_file(folder_.path() / "channels.toml", text));
        std::filesystem::create_directories(folder_.path() / "secrets");
        if (!secrets.empty()) EXPECT_TRUE(write_file(folder_.path() / "secrets/channel-ops.toml", secrets, 0600));
        return read_channels(folder_.path());
    }
};

TEST_F(Channels, AreReadWithTheirSecrets) {
    EXPECT_TRUE(read_channels(folder_.path())->empty());
    const auto channels = read(
        "[channel.ops]\ntype = \"mail\"\nserver = \"smtp.example.com:587\"\nfrom = \"t@example.com\"\n"
        "to = [\"a@example.com\"]\nlanguage = \"da\"\nat_once = \"low\"\ndigest = \"08:30\"\n"
        "[channel.phone]\ntype = \"ntfy\"\nurl = \"https://ntfy.example.com/x\"\n",
        "user = \"me\"\npassword = \"secret\"\n");
    ASSERT_TRUE(channels) << render(channels.error(), Lang::en);
    ASSERT_EQ(channels->size(), 2u);
    EXPECT_EQ(channels->at(0).lang, Lang::da);
    EXPECT_EQ(channels->at(0).digest, std::chrono::minutes(510));
    EXPECT_EQ(channels->at(0).password, "secret");
    EXPECT_EQ(channels->at(1).at_once, policy::Severity::high);
    EXPECT_FALSE(channels->at(1).digest);
}
TEST_F(Channels, WhatIsWrongIsSaidWithItsPlace) {
    const std::string mail =
        "[channel.ops]\ntype = \"mail\"\nserver = \"smtp.example.com\"\nfrom = \"t@example.com\"\nto = "
        "[\"a@example.com\"]\n";
    for (const auto& [text, said] :
         {std::pair{std::string("[channel.ops\n"), "is not TOML"},
          {"[channel.ops]\nserver = \"x\"\n", "lacks type"},
          {"[channel.ops]\ntype = \"pigeon\"\n", "type cannot be that"},
          {"[channel.ops]\ntype = \"mail\"\n", "lacks server"},
          {"[channel.ops]\ntype = \"chat\"\n", "lacks url"},
          {"[channel.ops]\ntype = \"webhook\"\nurl = \"http://example.com/\"\n", "url cannot be that"},
          {"[channel.ops]\ntype = \"webhook\"\nurl = \"file:///etc/passwd\"\n", "url cannot be that"},
          {"[channel.\"../x\"]\ntype = \"chat\"\n", "channel cannot be that"},
          {"[channels.ops]\n", "no channel has channels"},
          {mail + "tls = false\n", "over TLS only"},
          {mail + "digest = \"8\"\n", "digest cannot be that"},
          {mail + "at_once = \"all\"\n", "at_once cannot be that"},
          {mail + "too = 1\n", "no channel has too"},
          {"[channel.ops]\ntype = \"mail\"\nfrom = \"a\\r\\nBcc: b@example.com\"\n", "from cannot be that"},
          {"[channel.ops]\ntype = \"mail\"\nto = [\"a@example.com, b@example.com\"]\n", "to cannot be that"}}) {
        const auto channels = read(text);
        ASSERT_FALSE(channels) << text;
        EXPECT_THAT(render(channels.error(), Lang::en), AllOf(HasSubstr("channels.toml:"), HasSubstr(said)));
    }
}
TEST_F(Channels, SecretsThatOthersCanReadAreNotUsed) {
    ASSERT_TRUE(read("[channel.ops]\ntype = \"chat\"\n", "url = \"https://hooks.example.com/s3cret\"\n"));
    std::filesystem::permissions(folder_.path() / "secrets/channel-ops.toml", std::filesystem::perms(0644));
    const auto channels = read_channels(folder_.path());
    ASSERT_FALSE(channels);
    EXPECT_EQ(channels.error().code, Code::forbidden);
    ASSERT_TRUE(write_file(folder_.path() / "secrets/channel-ops.toml", "pass = \"s3cret\"\n", 0600));
    std::filesystem::permissions(folder_.path() / "secrets/channel-ops.toml", std::filesystem::perms(0600));
    const auto wrong = read_channels(folder_.path());
    EXPECT_THAT(render(wrong.error(), Lang::en), AllOf(HasSubstr("known: user"), testing::Not(HasSubstr("s3cret"))));
}

}  // namespace
}  // namespace tilsyn::notify
