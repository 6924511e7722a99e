// The outbox on both databases, with a real control log beside it.
#include "notify/outbox.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "findings/findings.hpp"
#include "notify/news.hpp"
#include "policy/types.hpp"
#include "support/databases.hpp"

namespace tilsyn::notify {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Outbox : public testing::TestWithParam<db::Engine> {
  protected:
    void SetUp() override {
        connection_ = db::open(database_.location(), db::Access::read_write).value();
        std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
        all.insert(all.end(), findings::migrations().begin(), findings::migrations().end());
        all.insert(all.end(), migrations().begin(), migrations().end());
        ASSERT_TRUE(db::migrate(*connection_, all, clock_.now()));
        // What the schedule writes, as far as it is read here.
        ASSERT_TRUE(connection_->script(
            "CREATE TABLE subject_state(control TEXT, subject TEXT, state BIGINT, planned_at BIGINT, outcome TEXT, "
            "observed_at BIGINT, fresh_until BIGINT, idx BIGINT)"));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
        policy_.company = "Bogholderi ApS";
        policy_.timezone = "Europe/Copenhagen";
        policy_.controls.push_back({.id = "page", .title = {"The page answers", "Siden svarer"}, .owner = "ops"});
        policy_.roles.push_back({"ops", {"Operations", "Driften"}, {}});
    }
    void finding(const std::string& id, const std::string& severity = "high", Duration age = 0s) {
        ASSERT_TRUE(connection_->execute(
            "INSERT INTO finding(id, control, subject, severity, owner, opened_at, due_at) VALUES(?, 'page', ?, ?, "
            "'ops', ?, ?)",
            {id, "subject of " + id, severity, to_micros(clock_.now() - age), to_micros(clock_.now() + 24h)}));
    }
    void close(const std::string& id) {
        ASSERT_TRUE(
            connection_->execute("UPDATE finding SET closed_at = ? WHERE id = ?", {to_micros(clock_.now()), id}));
    }
    Notice notice(const std::string& id, const std::string& channel = "mail") {
        return {.id = id, .channel = channel, .kind = "findings", .made = clock_.now(), .state = "waiting"};
    }
    std::optional<Notice> take_one(const std::string& channel = "mail") {
        auto taken = take(*committer_, *connection_, channel, clock_.now(), 90s, "here");
        EXPECT_TRUE(taken);
        return taken ? *taken : std::nullopt;
    }
    std::vector<std::string> logged() {
        std::vector<std::string> out;
        for (const auto& row : connection_->query("SELECT body FROM log_entry ORDER BY idx")->rows)
            out.push_back(nlohmann::json::parse(row.text(0))["k"]);
        return out;
    }

    test::FreshDatabase database_{GetParam()};
    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<log::Committer> committer_;
    policy::Policy policy_;
};

TEST_P(Outbox, HandsOnInOrderAndOnceUntilItIsTaken) {
    ASSERT_TRUE(put(*committer_, notice("a"), "k1", {}));
    clock_.advance(1s);
    ASSERT_TRUE(put(*committer_, notice("b"), "k2", {}));
    const auto first = take_one();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->id, "a");
    EXPECT_FALSE(take_one()) << "somebody has it, and what is behind it waits";
    ASSERT_TRUE(mark_sent(*committer_, *first));
    EXPECT_EQ(take_one()->id, "b");
    EXPECT_FALSE(take_one("other"));
    EXPECT_THAT(logged(), ElementsAre("alert.sent"));
}
TEST_P(Outbox, WhatWasBeingSentWhenTheProcessDiedIsSentAgain) {
    ASSERT_TRUE(put(*committer_, notice("a"), "k1", {}));
    ASSERT_TRUE(take_one());
    clock_.advance(89s);
    EXPECT_FALSE(take_one());
    clock_.advance(2s);
    const auto again = take_one();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, "a");  // the same one, under the same name
    EXPECT_EQ(again->attempts, 2);
    // A service that begins knows that it is not at it any more; what others have, it leaves to them.
    ASSERT_TRUE(give_back(*committer_, "elsewhere"));
    EXPECT_FALSE(take_one());
    ASSERT_TRUE(give_back(*committer_, "here"));
    EXPECT_EQ(take_one()->attempts, 3);
}
TEST_P(Outbox, TriesAgainLaterAndLaterAndGivesUpAloud) {
    ASSERT_TRUE(put(*committer_, notice("a"), "k1", {}));
    std::vector<std::int64_t> waits;
    const auto begun = clock_.now();
    for (int i = 0; i < 200; ++i) {
        const auto taken = take_one();
        if (!taken) {
            clock_.advance(10s);
            --i;
            if (clock_.now() - begun > 100h) break;
            continue;
        }
        waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - begun).count());
        ASSERT_TRUE(mark_failed(*committer_, *taken, "away"));
    }
    EXPECT_THAT(std::vector(waits.begin(), waits.begin() + 4), ElementsAre(0, 20, 60, 140));
    EXPECT_LT(waits.size(), 100u);
    EXPECT_EQ(recent(*connection_, 5)->front().state, "given_up");
    EXPECT_THAT(logged(), ElementsAre("alert.undelivered"));
    ASSERT_TRUE(put(*committer_, notice("b"), "k2", {}));
    EXPECT_EQ(take_one()->id, "b") << "what was given up does not hold up the others";
}
TEST_P(Outbox, OneThatIsNeverTakenDoesNotHoldUpTheOthersForLong) {
    ASSERT_TRUE(put(*committer_, notice("a"), "k1", {}));
    clock_.advance(1s);
    ASSERT_TRUE(put(*committer_, notice("b"), "k2", {}));
    for (int i = 0; i < 5; ++i) {
        const auto taken = take_one();
        ASSERT_TRUE(taken);
        EXPECT_EQ(taken->id, "a") << i;
        ASSERT_TRUE(mark_failed(*committer_, *taken, "not that one"));
        if (i < 4) clock_.advance(1h);
    }
    EXPECT_EQ(take_one()->id, "b");
}
TEST_P(Outbox, OneForAKeyEver) {
    ASSERT_TRUE(put(*committer_, notice("a"), "digest-2026-11-23", {}));
    EXPECT_EQ(put(*committer_, notice("b"), "digest-2026-11-23", {}).error().code, Code::conflict);
    EXPECT_TRUE(put(*committer_, notice("c", "chat"), "digest-2026-11-23", {}));
    ASSERT_TRUE(put(*committer_, notice("d"), "k", {{"F1", Event::opened}}));
    EXPECT_EQ(put(*committer_, notice("e"), "l", {{"F1", Event::opened}}).error().code, Code::conflict);
    ASSERT_TRUE(put(*committer_, notice("f"), "m", {{"F1", Event::closed}}));
    EXPECT_EQ(put(*committer_, notice("g"), "n", {{"F1", Event::closed}}).error().code, Code::conflict);
    EXPECT_EQ(recent(*connection_, 9)->size(), 4u);
}
TEST_P(Outbox, ToldIsWhatIsNewOnceAndWhatIsOver) {
    const Channel channel{.id = "mail", .lang = Lang::en};
    const auto gathered = [&] {
        return gather(*committer_, *connection_, policy_, channel, clock_.now()).value_or(-1);
    };
    EXPECT_EQ(gathered(), 0);
    finding("F1");
    finding("F2", "low");
    EXPECT_EQ(gathered(), 0) << "others may follow";
    clock_.advance(1s);
    finding("F3", "critical");
    clock_.advance(1s);
    EXPECT_EQ(gathered(), 1);
    EXPECT_EQ(gathered(), 0);
    const auto one = take_one();
    EXPECT_THAT(one->subject, HasSubstr("2 things are not in order, among them The page answers: subject of F1"));
    EXPECT_THAT(one->body, AllOf(HasSubstr("F3"), HasSubstr("critical, since 2026-11-23 05:05; Operations"),
                                 Not(HasSubstr("F2")), HasSubstr("Bogholderi ApS")));
    const auto payload = nlohmann::json::parse(one->payload);
    EXPECT_EQ(payload["counts"]["opened"], 2);
    EXPECT_EQ(payload["opened"][1]["id"], "F3");
    ASSERT_TRUE(mark_sent(*committer_, *one));
    close("F1");
    close("F2");  // of which nobody was told
    clock_.advance(6s);
    EXPECT_EQ(gathered(), 1);
    const auto two = take_one();
    EXPECT_THAT(two->subject, HasSubstr("In order again: The page answers: subject of F1"));
    EXPECT_THAT(two->body, Not(HasSubstr("F2")));
    EXPECT_EQ(gathered(), 0);
}
TEST_P(Outbox, AStormIsOneNotice) {
    for (int i = 0; i < 1000; ++i) finding("F" + std::to_string(1000 + i));
    clock_.advance(6s);
    const Channel channel{.id = "mail", .lang = Lang::da};
    EXPECT_EQ(gather(*committer_, *connection_, policy_, channel, clock_.now()).value_or(-1), 1);
    const auto storm = take_one();
    EXPECT_THAT(storm->body,
                AllOf(HasSubstr("1000 ting er ikke i orden"), HasSubstr("og 980 mere"),
                      HasSubstr("Siden svarer: subject of F1000"), HasSubstr("høj, siden"), Not(HasSubstr("F1020"))));
    EXPECT_EQ(gather(*committer_, *connection_, policy_, channel, clock_.now()).value_or(-1), 0);
}
TEST_P(Outbox, TheDigestComesOnceADayWhenThereIsSomething) {
    Channel channel{.id = "mail", .lang = Lang::en, .at_once = policy::Severity::critical};
    channel.digest = 8h;
    const auto gathered = [&] {
        return gather(*committer_, *connection_, policy_, channel, clock_.now()).value_or(-1);
    };
    clock_.jump(parse_utc("2026-11-23T06:59:00Z").value() - clock_.now());  // 07:59 in Copenhagen
    finding("F1", "low", 24h);
    finding("F2", "medium", 48h);
    EXPECT_EQ(gathered(), 0);
    clock_.advance(2min);
    EXPECT_EQ(gathered(), 1);
    EXPECT_EQ(gathered(), 0);
    const auto digest = take_one();
    EXPECT_EQ(digest->subject, "Today: 2 things are not in order");
    EXPECT_LT(digest->body.find("F2"), digest->body.find("F1")) << "the worse one first";
    ASSERT_TRUE(mark_sent(*committer_, *digest));
    close("F1");
    close("F2");
    clock_.advance(24h);
    EXPECT_EQ(gathered(), 0);
    finding("F3", "low");
    clock_.advance(1h);
    EXPECT_EQ(gathered(), 0) << "of today there was nothing: tomorrow";
    clock_.advance(23h);
    EXPECT_EQ(gathered(), 1);
}
TEST_P(Outbox, WhatAChannelIsLike) {
    ASSERT_TRUE(put(*committer_, notice("a"), "k1", {}));
    ASSERT_TRUE(put(*committer_, notice("b", "chat"), "k1", {}));
    ASSERT_TRUE(mark_failed(*committer_, *take_one(), "away"));
    ASSERT_TRUE(mark_sent(*committer_, *take_one("chat")));
    const auto states = channel_states(*connection_).value();
    ASSERT_EQ(states.size(), 2u);
    EXPECT_EQ(states[0].channel, "chat");
    EXPECT_EQ(states[0].last_sent, clock_.now());
    EXPECT_EQ(states[1].waiting, 1);
    EXPECT_EQ(states[1].error, "away");
    EXPECT_EQ(states[1].waiting_since, clock_.now());
}

INSTANTIATE_ENGINES(Outbox);

}  // namespace
}  // namespace tilsyn::notify
