// Keys: who may call, and that nothing of a secret is kept.
#include "app/keys.hpp"

#include <gtest/gtest.h>

#include "app/app.hpp"
#include "crypto/hash.hpp"
#include "support/databases.hpp"

namespace tilsyn::app {
namespace {

class Keys : public testing::TestWithParam<db::Engine> {
  protected:
    Keys() : database_(GetParam()) {
        connection_ = db::open(database_.location(), db::Access::read_write).value();
        EXPECT_TRUE(db::migrate(*connection_, migrations(), clock_.now()));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
    }
    std::string make(const std::string& name, KeyRole role = KeyRole::read) {
        return create_key(*committer_, name, role, "eva").value();
    }
    std::string check(std::string_view key) {
        const auto found = check_key(*connection_, key);
        return found ? found->name + " " + std::string(to_string(found->role))
                     : std::string(to_string(found.error().code)) + " " + found.error().message.key;
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<log::Committer> committer_;
};

TEST_P(Keys, AreKnownByTheirSecret) {
    const auto reader = make("reader"), chief = make("chief", KeyRole::admin), worker = make("worker", KeyRole::write);
    EXPECT_EQ(check(reader), "reader read");
    EXPECT_EQ(check(worker), "worker write");
    EXPECT_EQ(check(chief), "chief admin");
    EXPECT_EQ(reader.size(), std::string("tilsyn_").size() + 8 + 1 + 64);
    EXPECT_NE(reader, make("reader")) << "two keys of one name are two keys";
}

TEST_P(Keys, AnythingElseIsRefusedInTheSameWords) {
    const auto key = make("reader");
    const auto other = make("other");
    auto wrong_secret = key;
    wrong_secret.back() = wrong_secret.back() == '0' ? '1' : '0';
    auto upper = key;
    for (auto& c : upper)
        if (c >= 'a' && c <= 'f' && &c > &upper[16]) c = char(c - 32);
    const auto id_of_other = other.substr(0, 16) + key.substr(16);
    for (const auto& bad :
         {wrong_secret, id_of_other, key.substr(0, key.size() - 1), key + "0", key.substr(7),
          "tilsyn_" + std::string(8, '0') + "_" + std::string(64, '0'), std::string("tilsyn__"), std::string("tilsyn_"),
          std::string(), std::string("tilsyn_' OR 1=1 --_") + std::string(64, 'a'), key + "_x", " " + key})
        EXPECT_EQ(check(bad), "unauthorized app.bad-key") << bad;
    if (upper != key) EXPECT_EQ(check(upper), "unauthorized app.bad-key");
    EXPECT_EQ(check(key), "reader read");
}

TEST_P(Keys, AreGoodUntilRevoked) {
    const auto key = make("reader"), kept = make("kept");
    const auto id = key.substr(7, 8);
    clock_.advance(std::chrono::hours(1));
    ASSERT_TRUE(revoke_key(*committer_, id, "eva"));
    EXPECT_EQ(check(key), "unauthorized app.bad-key");
    EXPECT_EQ(check(kept), "kept read");
    EXPECT_EQ(revoke_key(*committer_, id, "eva").error().code, Code::not_found) << "once";
    EXPECT_EQ(revoke_key(*committer_, "no-such", "eva").error().message.key, "app.no-key");
    const auto list = list_keys(*connection_).value();
    ASSERT_EQ(list.size(), 2U);
    for (const auto& found : list) {
        EXPECT_EQ(found.revoked_at.has_value(), found.id == id);
        EXPECT_EQ(format_utc_seconds(found.created_at), "2026-11-23T08:00:00Z");
    }
}

TEST_P(Keys, NeedAName) {
    EXPECT_EQ(create_key(*committer_, " ", KeyRole::read, "eva").error().message.key, "app.key-name");
    EXPECT_EQ(create_key(*committer_, std::string(101, 'x'), KeyRole::read, "eva").error().code, Code::invalid);
    EXPECT_EQ(create_key(*committer_, "\xff", KeyRole::read, "eva").error().code, Code::invalid);
    EXPECT_TRUE(list_keys(*connection_)->empty());
}

// Every text of every table: neither the secret, nor a part of it, nor who made the key in the log's own bytes.
TEST_P(Keys, LeaveNoSecretBehind) {
    const auto key = make("reader");
    const auto secret = key.substr(16);
    const bool sqlite = GetParam() == db::Engine::sqlite;
    const auto tables = connection_
                            ->query(sqlite ? "SELECT name FROM sqlite_master WHERE type = 'table'"
                                           : "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
                            .value();
    bool hash_found = false;
    for (const auto& table : tables.rows)
        for (const auto& row : connection_->query("SELECT * FROM " + table.text(0)).value().rows)
            for (std::size_t i = 0; i < row.size(); ++i) {
                auto text = row.text(i);
                for (const auto byte : row.blob(i)) text += char(byte);
                EXPECT_EQ(text.find(secret.substr(0, 16)), text.npos) << table.text(0);
                hash_found = hash_found || text.find(crypto::hex(crypto::sha256(secret))) != text.npos;
            }
    EXPECT_TRUE(hash_found);
    const auto entry = connection_->one("SELECT body FROM log_entry WHERE body LIKE '%key.add%'").value()->text(0);
    EXPECT_NE(entry.find(key.substr(7, 8)), entry.npos);
    for (const auto* word : {"reader", "eva"}) EXPECT_EQ(entry.find(word), entry.npos) << entry;
}

INSTANTIATE_ENGINES(Keys);

TEST(KeyRoles, AreReadAsTheyAreWritten) {
    for (const auto role : {KeyRole::read, KeyRole::write, KeyRole::admin})
        EXPECT_EQ(parse_key_role(to_string(role)), role);
    EXPECT_EQ(parse_key_role("root"), std::nullopt);
    EXPECT_EQ(parse_key_role(""), std::nullopt);
}

}  // namespace
}  // namespace tilsyn::app
