// control_log on a real log, whole and tampered with, on both engines.
#include <gtest/gtest.h>

#include "checks/check_fixture.hpp"
#include "log/store/committer.hpp"
#include "support/databases.hpp"

namespace tilsyn::checks {
namespace {

class ControlLog : public testing::TestWithParam<db::Engine> {
  protected:
    ControlLog() : database_(GetParam()), readers_(database_.location(), db::Access::read_only, 2) {
        connection_ = db::open(database_.location(), db::Access::read_write).value();
        EXPECT_TRUE(db::migrate(*connection_, log::migrations(), clock_.now()));
    }
    void append(int count) {
        const auto committer = log::Committer::start({database_.location()}, clock_).value();
        for (int i = 0; i < count; ++i)
            ASSERT_TRUE(committer->write([](log::WriteContext& context) -> Result<void> {
                context.append(log::Entry("test.note").text("what", "something happened"));
                return {};
            }));
    }
    // What somebody with the whole database could do: the log itself refuses to be changed.
    void tamper(const std::string& sql) {
        const bool sqlite = GetParam() == db::Engine::sqlite;
        EXPECT_FALSE(connection_->execute(sql));
        ASSERT_TRUE(connection_->script(sqlite ? "DROP TRIGGER log_entry_fixed; DROP TRIGGER log_entry_kept"
                                               : "DROP TRIGGER log_entry_fixed ON log_entry"));
        ASSERT_TRUE(connection_->execute(sql));
    }
    Judgement look() {
        Environment environment;
        environment.clock = &clock_;
        environment.readers = &readers_;
        const Subject company{"company", {}};
        const auto control = control_of("kind = \"control_log\"");
        return run(*find_kind("control_log"),
                   {&control, {&company, 1}, {}, Deadline::in(std::chrono::seconds(20)), &environment, nullptr})
            .at(0);
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    db::Pool readers_;
};

TEST_P(ControlLog, PassesWhenItIsWhole) {
    append(1);
    EXPECT_EQ(said(look()), "pass: 1 entry, each as it was written");
    append(4);
    const auto judgement = look();
    EXPECT_EQ(said(judgement), "pass: 5 entries, each as it was written");
    EXPECT_EQ(judgement.details["size"], 5);
    EXPECT_EQ(judgement.details["root"].get<std::string>().size(), 64U);
}

TEST_P(ControlLog, FailsWhenAnEntryWasChanged) {
    append(5);
    tamper("UPDATE log_entry SET body = replace(body, 'happened', 'did not!') WHERE idx = 3");
    const auto judgement = look();
    EXPECT_EQ(judgement.outcome, Outcome::fail);
    EXPECT_EQ(judgement.details["fault"]["params"]["index"], "3") << judgement.details.dump();
    EXPECT_NE(render(judgement.why, Lang::en).find('3'), std::string::npos);
}

TEST_P(ControlLog, FailsWhenAnEntryIsGone) {
    append(5);
    tamper("DELETE FROM log_entry WHERE idx = 2");
    EXPECT_EQ(look().outcome, Outcome::fail);
}

TEST_P(ControlLog, FailsWhenTheNewestEntriesAreGone) {
    append(5);
    tamper("DELETE FROM log_entry WHERE idx = 4");
    EXPECT_EQ(look().outcome, Outcome::fail);
}

TEST_P(ControlLog, WhatCannotBeReadIsUnknown) {
    append(1);
    ASSERT_TRUE(connection_->script("ALTER TABLE log_entry RENAME TO elsewhere"));
    EXPECT_EQ(look().outcome, Outcome::unknown);
}

INSTANTIATE_ENGINES(ControlLog);

TEST(ControlLogKind, TakesNoParameters) {
    EXPECT_NE(faults_of_check("kind = \"control_log\"\nsql = \"select 1\""), "");
    EXPECT_EQ(faults_of_check("kind = \"control_log\""), "");
}

}  // namespace
}  // namespace tilsyn::checks
