#include "schedule/engine.hpp"

#include <gtest/gtest.h>

#include <latch>

#include "findings/verdict.hpp"
#include "schedule/nodes.hpp"
#include "support/scheduling.hpp"

namespace tilsyn::schedule {
namespace {

using namespace std::chrono_literals;
using findings::Verdict;
using test::control;

class Running : public testing::TestWithParam<db::Engine> {
  protected:
    Running() : database_(GetParam()), schedule_(database_.location(), clock_) {}

    void run() {
        auto engine = schedule_.engine();
        const auto done = engine->run_due(Deadline::in(20s));
        ASSERT_TRUE(done) << render(done.error(), Lang::en);
        engine->stop(5s);
    }
    std::int64_t count(const std::string& where) {
        return schedule_.number("SELECT count(*) FROM observation WHERE " + where);
    }
    findings::ControlVerdict verdict(std::size_t index = 0) {
        return findings::verdicts(*schedule_.connection, schedule_.plan->policy, clock_.now()).value().at(index);
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::FreshDatabase database_;
    test::Schedule schedule_;
};

TEST_P(Running, EverySubjectIsLookedAtOnceEachTime) {
    schedule_.add_rows("servers", 50);
    schedule_.use({control("a", "null", "1h", "servers"), control("b", "null", "1 day")});
    run();
    EXPECT_EQ(count("control = 'a' AND outcome = 'pass'"), 50);
    EXPECT_EQ(count("control = 'b'"), 1);
    EXPECT_EQ(verdict().verdict, Verdict::pass);
    EXPECT_EQ(verdict().population, 50);
    run();
    EXPECT_EQ(count("1 = 1"), 51) << "nothing was due";
    clock_.advance(1h);
    run();
    EXPECT_EQ(count("control = 'a'"), 100);
    EXPECT_EQ(log::verify_all(*schedule_.connection)->size, schedule_.number("SELECT size FROM log_head"));
}

TEST_P(Running, EveryControlOfASubjectSeesItsRow) {
    schedule_.add_rows("servers", 20);
    schedule_.use({control("a", "null", "1h", "servers"), control("b", "null", "1h", "servers")});
    run();
    EXPECT_EQ(count("outcome = 'pass'"), 40);
    EXPECT_EQ(count("outcome = 'fail'"), 0);
}

TEST_P(Running, WhatWasClaimedAndCouldNotBeReadIsRunAllTheSame) {
    schedule_.add_rows("servers", 50);
    schedule_.use({control("a", "null", "1h", "servers")});
    auto engine = schedule_.engine();
    ASSERT_TRUE(engine->join());
    // The database answers the claim, and not what comes after it.
    ASSERT_TRUE(schedule_.connection->script("ALTER TABLE register_row RENAME TO away"));
    EXPECT_FALSE(engine->run_due(Deadline::in(20s)));
    ASSERT_GT(schedule_.number("SELECT count(*) FROM subject_state WHERE state = 1"), 0) << "claimed by a live node";
    ASSERT_TRUE(schedule_.connection->script("ALTER TABLE away RENAME TO register_row"));
    const auto done = engine->run_due(Deadline::in(20s));
    ASSERT_TRUE(done) << render(done.error(), Lang::en);
    EXPECT_EQ(count("outcome = 'pass'"), 50);
    EXPECT_EQ(engine->stats().in_flight, 0);
    engine->stop(5s);
    EXPECT_EQ(schedule_.number("SELECT max(attempt) FROM observation"), 1) << "nothing of it had begun";
}

TEST_P(Running, ABatchIsOneLookAtAllSubjects) {
    schedule_.add_rows("servers", 30);
    schedule_.use({control("m", "many", "1h", "servers")});
    const int before = test::looks;
    run();
    EXPECT_EQ(test::looks - before, 1);
    EXPECT_EQ(verdict().counts[Verdict::fail], 3);
    EXPECT_EQ(verdict().counts[Verdict::pass], 27);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 3);
}

TEST_P(Running, RetriesAreLoggedOneByOne) {
    auto flaky = control("f", "flaky", "1h");
    flaky.retries = 2;
    flaky.retry_after = 1ms;
    schedule_.use({flaky});
    run();
    EXPECT_EQ(count("outcome = 'fail' AND attempt = 1"), 1);
    EXPECT_EQ(count("outcome = 'pass' AND attempt = 2"), 1);
    EXPECT_EQ(verdict().verdict, Verdict::pass);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding"), 0)
        << "a failed attempt that a retry mends opens nothing";
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%\"k\":\"control.attempt\"%'"), 1);
}

TEST_P(Running, AFailureOpensAFindingAndAPassClosesIt) {
    schedule_.use({control("f", "flaky", "1h")});
    run();
    EXPECT_EQ(verdict().verdict, Verdict::fail);
    const auto open = findings::list(*schedule_.connection, findings::Which::open).value();
    ASSERT_EQ(open.size(), 1U);
    EXPECT_EQ(open[0].owner, "it");
    EXPECT_EQ(format_utc_seconds(open[0].due_at), "2026-11-30T15:00:00Z") << "five working days, 16:00 in Copenhagen";
    clock_.advance(1h);
    run();
    EXPECT_EQ(verdict().verdict, Verdict::pass);
    EXPECT_EQ(findings::list(*schedule_.connection, findings::Which::closed).value().at(0).close_reason, "pass");
}

TEST_P(Running, AnExceptionIsAcceptedUntilItEnds) {
    schedule_.use({control("x", "broken", "1h")});
    run();
    const auto granted = findings::grant(*schedule_.committer, schedule_.plan->policy, "x", "company",
                                         "not before spring", clock_.now() + 48h, "anna");
    ASSERT_TRUE(granted);
    EXPECT_EQ(verdict().verdict, Verdict::accepted);
    EXPECT_EQ(findings::list(*schedule_.connection, findings::Which::open)->size(), 0U);
    clock_.advance(49h);
    EXPECT_EQ(verdict().verdict, Verdict::fail);
    EXPECT_EQ(
        schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%not before spring%' OR body LIKE '%anna%'"),
        0)
        << "persons and reasons stay out of the log";
}

TEST_P(Running, APassGrowsStale) {
    schedule_.use({control("a", "null", "1h")});
    run();
    clock_.advance(59min);
    EXPECT_EQ(verdict().verdict, Verdict::pass) << "the next run may still come in time";
    clock_.advance(62min);
    EXPECT_EQ(verdict().verdict, Verdict::stale);
}

TEST_P(Running, WhatWasDueWhileDownIsMissedEachByItself) {
    schedule_.use({control("daily", "null", "day at 07:00"), control("often", "null", "5m"),
                   control("signed", "ask", "monday at 09:00")});
    run();
    clock_.advance(std::chrono::hours(7 * 24));
    run();
    // 24 to 29 November at 07:00; the 30th is within its hour of grace or has just been run.
    EXPECT_EQ(count("control = 'daily' AND outcome = 'missed'"), 6);
    EXPECT_EQ(count("control = 'often' AND outcome = 'missed'"), 6) << "five, and one that sums the rest up";
    const auto summary =
        schedule_.text("SELECT body FROM log_entry WHERE body LIKE '%\"c\":\"often\"%' AND body LIKE '%\"until\"%'");
    EXPECT_NE(summary.find("\"count\":199"), summary.npos) << summary;
    EXPECT_EQ(count("control = 'often' AND outcome = 'pass'"), 2) << "and it is looked at again at once";
    EXPECT_EQ(verdict(1).verdict, Verdict::pass);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE control = 'often' AND closed_at IS NOT NULL"), 1);
}

TEST_P(Running, AHungCheckIsCutOffAndOthersGoOn) {
    test::hold_hanging();
    auto hanging = control("h", "hang", "1h");
    hanging.timeout = 10ms;
    schedule_.use({hanging, control("a", "null", "1h")});
    EngineOptions options;
    options.cut_off_after = 0s;
    auto engine = schedule_.engine(options);
    ASSERT_TRUE(engine->run_due(Deadline::in(20s)));
    EXPECT_EQ(engine->stats().cut_off, 1);
    EXPECT_EQ(count("control = 'h' AND outcome = 'unknown'"), 1);
    EXPECT_EQ(count("control = 'a' AND outcome = 'pass'"), 1);
    test::release_hanging();
    engine->stop(5s);
    EXPECT_EQ(count("control = 'h'"), 1) << "the late answer is dropped";
}

TEST_P(Running, MoreHungChecksThanItCanLoseAreAReasonToBeStartedAnew) {
    test::hold_hanging();
    auto hanging = control("h", "hang", "1h");
    hanging.timeout = 10ms;
    schedule_.use({hanging});
    EngineOptions options;
    options.cut_off_after = 0s;
    options.cut_off_limit = 0;
    std::atomic<bool> said = false;
    auto engine = schedule_.engine(options, [&said](const Error& error) {
        if (error.message.key == "schedule.too-many-hung") said = true;
    });
    ASSERT_TRUE(engine->join());
    engine->start();
    const auto deadline = Deadline::in(20s);
    while (!said && !deadline.passed()) std::this_thread::yield();
    EXPECT_TRUE(said);
    test::release_hanging();
    engine->stop(5s);
}

TEST_P(Running, ARunThatANodeDiedWithIsInterruptedAndRunAgain) {
    schedule_.use({control("a", "null", "1h")});
    Nodes dead("node-dead");
    ASSERT_TRUE(schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(dead.join(context, "0"));
        // As a process of this machine that is gone: its start time is not what it was.
        TRY_VOID(context.db().execute("UPDATE schedule_node SET pid_start = 1"));
        TRY(const auto claims, claim(context, "null", "node-dead", context.now(), 10));
        EXPECT_EQ(claims.size(), 1U);
        return {};
    }));
    run();
    EXPECT_EQ(count("outcome = 'pass' AND attempt = 2"), 1);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%control.interrupted%'"), 1);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM schedule_node"), 0);
}

TEST_P(Running, ANodeThatWasDeclaredDeadRecordsNothing) {
    schedule_.use({control("a", "null", "1h")});
    auto engine = schedule_.engine();
    ASSERT_TRUE(schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(release_dead_node(context, *schedule_.plan, engine->node()));
        return {};
    }));
    EXPECT_EQ(engine->run_due(Deadline::in(5s)).error().message.key, "schedule.declared-dead");
    EXPECT_EQ(count("1 = 1"), 0);
}

TEST_P(Running, AClockThatJumpsIsLogged) {
    schedule_.use({control("a", "null", "1h")});
    auto engine = schedule_.engine();
    ASSERT_TRUE(engine->run_due(Deadline::in(5s)));
    clock_.jump(-30min);
    ASSERT_TRUE(engine->run_due(Deadline::in(5s)));
    EXPECT_EQ(
        schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%clock.step%' AND body LIKE '%-1800000%'"),
        1);
    engine->stop(1s);
}

TEST_P(Running, TwoNodesDoEachRunOnce) {
    schedule_.add_rows("servers", 2000);
    schedule_.use({control("a", "null", "1h", "servers")});
    auto one = schedule_.engine();
    test::Schedule other(database_.location(), clock_);
    other.plan = schedule_.plan;
    auto two = other.engine();
    std::thread first([&] { EXPECT_TRUE(one->run_due(Deadline::in(30s))); });
    EXPECT_TRUE(two->run_due(Deadline::in(30s)));
    first.join();
    EXPECT_EQ(count("1 = 1"), 2000);
    EXPECT_EQ(schedule_.number("SELECT count(DISTINCT subject) FROM observation"), 2000);
    EXPECT_EQ(one->stats().runs + two->stats().runs, 2000);
    one->stop(5s);
    two->stop(5s);
}

TEST_P(Running, WhatWasBegunInAnEarlierLifeIsNotRecordedInALaterOne) {
    test::hold_hanging();
    schedule_.use({control("h", "hang", "1h")});
    EngineOptions options;
    options.heartbeat = 0s;  // in every round
    auto engine = schedule_.engine(options);
    ASSERT_TRUE(engine->join());
    const int before = test::looks;
    const auto until = [&](const std::function<bool()>& holds) {
        const auto deadline = Deadline::in(20s);
        while (!holds() && !deadline.passed()) std::this_thread::yield();
        return holds();
    };
    engine->start();
    ASSERT_TRUE(until([&] { return test::looks > before; }));
    // Paused for long, it is declared dead, and what it holds is due again. Then it finds out, and joins anew.
    ASSERT_TRUE(schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(release_dead_node(context, *schedule_.plan, engine->node()));
        return {};
    }));
    EXPECT_TRUE(until([&] { return test::looks > before + 1; })) << "run anew, while the first look still hangs";
    test::release_hanging();
    EXPECT_TRUE(until([&] { return count("control = 'h'") > 0 && engine->stats().in_flight == 0; }));
    engine->stop(5s);
    EXPECT_EQ(count("control = 'h'"), 1);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%\"k\":\"control.outcome\"%'"), 1);
}

TEST_P(Running, AsPopulationsChangeSoDoesThePlan) {
    schedule_.add_rows("servers", 3);
    schedule_.use({control("a", "broken", "1h", "servers")});
    run();
    ASSERT_TRUE(schedule_.connection->script("DELETE FROM register_row WHERE id = 's000001'"));
    schedule_.use({control("a", "broken", "2h", "servers"), control("b", "null", "1h")});
    EXPECT_EQ(verdict().population, 2);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE close_reason = 'retired'"), 1);
    schedule_.use({control("b", "null", "1h")});
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM subject_state WHERE control = 'a'"), 0);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 0);
}

TEST_P(Running, NothingToLookAtIsNotAPass) {
    schedule_.use({control("a", "null", "1h", "servers")});
    run();
    EXPECT_EQ(verdict().verdict, Verdict::unknown);
    EXPECT_EQ(verdict().population, 0);
}

INSTANTIATE_ENGINES(Running);

}  // namespace
}  // namespace tilsyn::schedule
