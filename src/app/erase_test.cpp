#include "app/erase.hpp"

#include <gtest/gtest.h>

#include "app/init.hpp"
#include "log/store/verify.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"

namespace tilsyn::app {
namespace {

class Erasing : public testing::TestWithParam<db::Engine> {
  protected:
    Erasing() : database_(GetParam()) {
        Options options{folder_.path() / "data", GetParam() == db::Engine::postgres ? database_.location().target : ""};
        EXPECT_TRUE(init(options, clock_));
        app_ = App::open({options.data, {}}, clock_).value();
    }
    std::int64_t number(const std::string& sql) { return (*app_->readers().get())->one(sql).value()->integer(0); }
    // Wherever in the database text is kept.
    std::int64_t mentions(const std::string& what) {
        std::int64_t sum = 0;
        for (const auto& [table, column] : std::vector<std::pair<std::string, std::string>>{
                 {"log_private", "value"},
                 {"register_change", "coalesce(before, '') || coalesce(after, '') || id || actor"},
                 {"register_row", "body || id || updated_by"},
                 {"log_entry", "body"},
                 {"finding", "subject"},
                 {"exception", "reason || granted_by"},
                 {"subject_state", "subject"},
                 {"observation", "subject"}})
            sum += number("SELECT count(*) FROM " + table + " WHERE " + column + " LIKE '%" + what + "%'");
        return sum;
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<App> app_;
};

TEST_P(Erasing, RemovesThePersonEverywhereAndTheLogStillHolds) {
    auto registers = app_->registers();
    ASSERT_TRUE(registers->add("people", "marianne", {{"name", "Marianne Holm"}, {"roles", "it"}, {"status", "active"}},
                               "init"));
    ASSERT_TRUE(
        registers->add("people", "mari", {{"name", "Mari Lund"}, {"roles", "it"}, {"status", "active"}}, "marianne"));
    ASSERT_TRUE(registers->set("people", "mari", {{"status", "active"}, {"roles", "owner"}}, "marianne"));
    EXPECT_EQ(erase_person(*app_, "marianne", "asked to", "test").error().message.key, "app.erase-in-force");
    ASSERT_TRUE(registers->remove("people", "marianne", "mari"));
    EXPECT_GT(mentions("arianne"), 0);
    const auto others = mentions("Mari Lund");
    const auto size = app_->committer().head().size;

    const auto done = erase_person(*app_, "marianne", "asked to", "test");
    ASSERT_TRUE(done) << render(done.error(), Lang::en);
    EXPECT_GT(done->values, 0);
    EXPECT_GT(done->changes, 0);
    EXPECT_TRUE(done->left.empty());
    EXPECT_EQ(mentions("arianne"), 0);
    EXPECT_GT(mentions("Mari Lund"), 0) << "of " << others << ": the other person is still there";
    const auto reader = app_->readers().get().value();
    const auto verified = log::verify_all(*reader);
    ASSERT_TRUE(verified) << render(verified.error(), Lang::en);
    EXPECT_EQ(verified->size, size + 1);
    EXPECT_EQ(done->log_index, size);
    EXPECT_EQ(erase_person(*app_, "marianne", "again", "test").error().message.key, "app.erase-unknown");
}

TEST_P(Erasing, SaysWhatStillMentionsThePerson) {
    auto registers = app_->registers();
    ASSERT_TRUE(
        registers->add("people", "bo", {{"name", "Bo Vang Pedersen"}, {"roles", "it"}, {"status", "active"}}, "init"));
    ASSERT_TRUE(registers->add("suppliers", "acme", {{"name", "Acme, kontakt: Bo Vang Pedersen"}, {"kind", "hosting"}},
                               "init"));
    ASSERT_TRUE(registers->remove("people", "bo", "init"));
    const auto done = erase_person(*app_, "bo", "left", "test");
    ASSERT_TRUE(done) << render(done.error(), Lang::en);
    EXPECT_EQ(done->left, std::vector<std::string>{"suppliers/acme"});
}

INSTANTIATE_ENGINES(Erasing);

}  // namespace
}  // namespace tilsyn::app
