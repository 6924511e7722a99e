// Signatures through their one gate, on both engines, with the real kind.
#include "schedule/sign_off.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "support/scheduling.hpp"
#include "support/temporary.hpp"

namespace tilsyn::schedule {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Outcome = checks::Outcome;

constexpr std::string_view company_subject = company;

policy::ParamValue flag(bool on) {
    policy::ParamValue value;
    value.boolean = on;
    return value;
}
policy::ParamValue words(const std::string& text) {
    policy::ParamValue value;
    value.text = text;
    value.texts = {{text, text}};
    return value;
}
policy::ParamValue number(std::int64_t n) {
    policy::ParamValue value;
    value.integer = n;
    return value;
}

policy::Control asks(const std::string& id, const std::string& owner = "it",
                     const std::string& every = "day at 09:00") {
    auto control = test::control(id, "sign_off", every);
    control.owner = owner;
    control.params.set("steps", words("Look."));
    control.params.set("evidence", words("none"));
    control.params.set("second_person", flag(false));
    control.params.set("by_lot", flag(false));
    return control;
}

Answer passes(std::string note = {}) {
    return {"pass", std::move(note), std::nullopt, {}, {}};
}
Answer fails(std::string note) {
    return {"fail", std::move(note), std::nullopt, {}, {}};
}

class SignOffs : public testing::TestWithParam<db::Engine> {
  protected:
    SignOffs() : database_(GetParam()), schedule_(database_.location(), clock_) {
        person("anna", "it|office");
        person("bo", "it");
        person("carl", "office");
        person("dorte", "it", "left");
    }
    void person(const std::string& id, const std::string& roles, const std::string& status = "active") {
        const nlohmann::json body{{"name", "Name of " + id}, {"roles", roles}, {"status", status}};
        ASSERT_TRUE(
            schedule_.connection->execute("INSERT INTO register_row(register, id, body, version, created_at, "
                                          "updated_at, updated_by) VALUES('people', ?, ?, 1, 0, 0, 'test')",
                                          {id, body.dump()}));
    }
    void use(std::vector<policy::Control> controls) {
        policy::Policy made;
        made.hash = "test";
        made.controls = std::move(controls);
        plan_ = std::make_shared<Plan>(Plan{std::move(made), registers::builtin(),
                                            policy::Calendar(Zone::find("Europe/Copenhagen").value(), "DK"), "seed"});
        const auto synced = schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
            TRY_VOID(sync(context, *plan_));
            return {};
        });
        ASSERT_TRUE(synced) << render(synced.error(), Lang::en);
    }
    std::vector<Asked> asked_of(std::optional<std::string_view> who = std::nullopt, Duration ahead = 0s) {
        return asked(*schedule_.connection, *plan_, clock_.now(), ahead, who).value();
    }
    Result<Signed> give(const std::string& control, const std::string& who, const Answer& answer = passes(),
                        std::string_view subject = company_subject) {
        return sign(*schedule_.committer, *plan_, control, subject, who, answer);
    }
    std::string refusal(const std::string& control, const std::string& who, const Answer& answer = passes(),
                        std::string_view subject = company_subject) {
        const auto result = give(control, who, answer, subject);
        if (result) return "taken";
        EXPECT_FALSE(render(result.error(), Lang::da).empty());
        return std::string(to_string(result.error().code)) + " " + result.error().message.key;
    }
    void until(const std::string& moment) { clock_.advance(parse_utc(moment).value() - clock_.now()); }
    std::int64_t observations(const std::string& where) {
        return schedule_.number("SELECT count(*) FROM observation WHERE " + where);
    }

    ManualClock clock_{parse_utc("2026-11-23T07:00:00Z").value()};  // 08:00 in Copenhagen, a Monday
    test::FreshDatabase database_;
    test::Schedule schedule_;
    std::shared_ptr<const Plan> plan_;
};

TEST_P(SignOffs, AreAskedOfThoseWhoHoldTheRole) {
    use({asks("a", "it"), asks("b", "office", "day at 10:00"), asks("c", "everyone", "day at 11:00"),
         asks("d", "nobody", "day at 12:00")});
    EXPECT_THAT(asked_of(), IsEmpty()) << "nothing is due at eight";
    const auto all = asked_of(std::nullopt, 24h);
    ASSERT_EQ(all.size(), 4U);
    EXPECT_THAT(all[0].persons, ElementsAre("anna", "bo"));
    EXPECT_THAT(all[1].persons, ElementsAre("anna", "carl"));
    EXPECT_THAT(all[2].persons, ElementsAre("anna", "bo", "carl"));
    EXPECT_THAT(all[3].persons, IsEmpty());
    EXPECT_EQ(format_utc_seconds(all[0].planned), "2026-11-23T08:00:00Z");
    EXPECT_EQ(all[0].deadline - all[0].planned, 1h);
    EXPECT_FALSE(all[0].due);
    EXPECT_EQ(asked_of("carl", 24h).size(), 2U);
    EXPECT_EQ(asked_of("dorte", 24h).size(), 0U) << "who has left is asked nothing";
    until("2026-11-23T08:00:00Z");
    ASSERT_EQ(asked_of("bo").size(), 1U);
    EXPECT_TRUE(asked_of("bo")[0].due);
}

TEST_P(SignOffs, ASignatureIsAnObservation) {
    use({asks("a")});
    until("2026-11-23T08:30:00Z");
    const auto size = schedule_.number("SELECT size FROM log_head");
    const auto signed_ = give("a", "bo");
    ASSERT_TRUE(signed_) << render(signed_.error(), Lang::en);
    EXPECT_EQ(signed_->outcome, Outcome::pass);
    EXPECT_FALSE(signed_->waits_for_second);
    EXPECT_EQ(signed_->log_index, size);
    EXPECT_NE(schedule_.text("SELECT body FROM log_entry WHERE idx = " + std::to_string(size)).find("control.signoff"),
              std::string::npos);
    EXPECT_EQ(observations("control = 'a' AND outcome = 'pass' AND planned_at = " +
                           std::to_string(to_micros(parse_utc("2026-11-23T08:00:00Z").value()))),
              1);
    EXPECT_THAT(asked_of(), IsEmpty());
    EXPECT_EQ(refusal("a", "bo"), "conflict schedule.not-due") << "once is enough";
    EXPECT_TRUE(log::verify_all(*schedule_.connection));
}

TEST_P(SignOffs, OthersMayNotSign) {
    auto machine = test::control("m", "control_log", "1h");
    use({asks("a"), machine});
    EXPECT_EQ(refusal("a", "bo"), "conflict schedule.not-due");
    until("2026-11-23T08:00:00Z");
    EXPECT_EQ(refusal("a", "carl"), "forbidden schedule.not-asked");
    EXPECT_EQ(refusal("a", "dorte"), "forbidden schedule.not-a-person");
    EXPECT_EQ(refusal("a", "nobody"), "forbidden schedule.not-a-person");
    EXPECT_EQ(refusal("x", "bo"), "not-found schedule.no-control");
    EXPECT_EQ(refusal("a", "bo", passes(), "servers/web1"), "not-found schedule.no-subject");
    EXPECT_EQ(refusal("m", "bo"), "invalid schedule.not-signed");
    EXPECT_EQ(refusal("a", "bo", {"yes", "", std::nullopt, {}, {}}), "invalid checks.answer-decision");
    EXPECT_EQ(refusal("a", "bo", fails("")), "invalid checks.answer-note");
    EXPECT_EQ(observations("1 = 1"), 0);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%control.signoff%'"), 0);
}

TEST_P(SignOffs, ARoleThatIsAPartOfAnothersNameIsNotHeld) {
    person("erik", "audit|it-deputy");
    use({asks("a")});
    until("2026-11-23T08:00:00Z");
    EXPECT_EQ(refusal("a", "erik"), "forbidden schedule.not-asked");
}

TEST_P(SignOffs, WhatIsCountedFromLastDoneMayBeDoneEarly) {
    use({asks("a", "it", "6 months since last done")});
    ASSERT_TRUE(give("a", "bo"));
    EXPECT_EQ(format_utc_seconds(schedule_.connection->one("SELECT planned_at FROM subject_state").value()->time(0))
                  .substr(0, 10),
              "2027-05-23")
        << "counted from the signature";
    EXPECT_EQ(observations("outcome = 'pass'"), 1);
}

TEST_P(SignOffs, ARefusalIsUnknownAndOpensNothing) {
    use({asks("a")});
    until("2026-11-23T08:00:00Z");
    EXPECT_EQ(give("a", "bo", {"refuse", "no key", std::nullopt, {}, {}})->outcome, Outcome::unknown);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding"), 0);
}

TEST_P(SignOffs, TooHighACountFailsAndOpensAFinding) {
    auto counted = asks("a");
    counted.params.set("count", words("boxes"));
    counted.params.set("count_max", number(2));
    use({counted});
    until("2026-11-23T08:00:00Z");
    EXPECT_EQ(refusal("a", "bo"), "invalid checks.answer-count");
    EXPECT_EQ(give("a", "bo", {"pass", "", 3, {}, {}})->outcome, Outcome::fail);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE control = 'a' AND closed_at IS NULL"), 1);
    until("2026-11-24T08:00:00Z");
    EXPECT_EQ(give("a", "anna", {"pass", "", 2, {}, {}})->outcome, Outcome::pass);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 0);
}

// --- a second person ----------------------------------------------------------------------------------------------

class SecondPerson : public SignOffs {
  protected:
    SecondPerson() {
        auto control = asks("a");
        control.params.set("second_person", flag(true));
        use({control});
        until("2026-11-23T08:00:00Z");
        const auto first = give("a", "bo");
        EXPECT_TRUE(first && first->waits_for_second);
        EXPECT_GE(first->log_index, 0);
        EXPECT_EQ(observations("1 = 1"), 0);
    }
};

TEST_P(SecondPerson, IsAnyoneButTheFirst) {
    const auto list = asked_of();
    ASSERT_EQ(list.size(), 1U);
    EXPECT_EQ(list[0].waiting_for_second, "bo");
    EXPECT_THAT(list[0].persons, ElementsAre("anna", "carl"));
    EXPECT_EQ(refusal("a", "bo"), "forbidden schedule.second-is-first");
    EXPECT_EQ(refusal("a", "dorte"), "forbidden schedule.not-a-person");
    EXPECT_EQ(give("a", "carl")->outcome, Outcome::pass);
    EXPECT_EQ(observations("outcome = 'pass'"), 1);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM sign_off"), 0);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%control.signoff%'"), 2);
}

TEST_P(SecondPerson, WhoDoesNotConfirmDecides) {
    EXPECT_EQ(give("a", "carl", fails("a window is open"))->outcome, Outcome::fail);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM finding WHERE closed_at IS NULL"), 1);
}

TEST_P(SecondPerson, ARefusalOfTheSecondIsUnknown) {
    EXPECT_EQ(give("a", "carl", {"refuse", "was not there", std::nullopt, {}, {}})->outcome, Outcome::unknown);
    EXPECT_EQ(observations("outcome = 'pass'"), 0);
}

TEST_P(SecondPerson, TheFirstSignatureIsForItsTimeAlone) {
    until("2026-11-24T08:00:00Z");
    ASSERT_TRUE(schedule_.committer->write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(record_missed(context, *plan_));
        return {};
    }));
    EXPECT_EQ(observations("outcome = 'missed'"), 1) << "yesterday's half does not count";
    EXPECT_EQ(asked_of()[0].waiting_for_second, "");
    EXPECT_TRUE(give("a", "anna")->waits_for_second) << "and today begins anew";
}

TEST_P(SignOffs, TheHigherCountOfTwoCounts) {
    auto control = asks("a");
    control.params.set("second_person", flag(true));
    control.params.set("count", words("boxes"));
    control.params.set("count_max", number(2));
    use({control});
    until("2026-11-23T08:00:00Z");
    ASSERT_TRUE(give("a", "bo", {"pass", "", 0, {}, {}})->waits_for_second);
    EXPECT_EQ(give("a", "carl", {"pass", "", 5, {}, {}})->outcome, Outcome::fail);
}

// --- by lot -------------------------------------------------------------------------------------------------------

TEST_P(SignOffs, ALotFallsOnOneAndOnEverybodyInTime) {
    auto control = asks("a", "everyone");
    control.params.set("by_lot", flag(true));
    use({control});
    std::set<std::string> drawn;
    for (int day = 0; day < 20; ++day) {
        const auto list = asked_of(std::nullopt, 24h);
        ASSERT_EQ(list.size(), 1U);
        ASSERT_EQ(list[0].persons.size(), 1U);
        EXPECT_EQ(asked_of(std::nullopt, 24h)[0].persons, list[0].persons) << "the lot stands";
        clock_.advance(list[0].planned - clock_.now());
        const auto& chosen = list[0].persons[0];
        for (const auto* who : {"anna", "bo", "carl"})
            if (who != chosen) EXPECT_EQ(refusal("a", who), "forbidden schedule.not-asked");
        EXPECT_TRUE(give("a", chosen));
        drawn.insert(chosen);
    }
    EXPECT_THAT(drawn, ElementsAre("anna", "bo", "carl"));
}

// --- what stays out of the log --------------------------------------------------------------------------------------

TEST_P(SignOffs, NothingPersonalStandsInTheLog) {
    auto about = asks("talks", "it");
    about.subjects.register_name = "people";
    use({asks("a"), about});
    until("2026-11-23T08:00:00Z");
    ASSERT_TRUE(give("a", "bo", fails("carl left the door open")));
    ASSERT_TRUE(give("talks", "anna", passes("bo is well"), "people/carl"));
    const auto bodies = schedule_.connection->query("SELECT body FROM log_entry").value();
    EXPECT_GE(bodies.rows.size(), 5U);
    for (const auto& row : bodies.rows)
        for (const auto* word : {"anna", "\"bo", "carl", "dorte", "door", "well"})
            EXPECT_EQ(row.text(0).find(word), std::string::npos) << row.text(0);
    EXPECT_GT(schedule_.number("SELECT count(*) FROM log_entry WHERE body LIKE '%control.signoff%'"), 1);
}

INSTANTIATE_ENGINES(SignOffs);
INSTANTIATE_ENGINES(SecondPerson);

TEST(Evidence, IsKeptByWhatItHolds) {
    const test::TemporaryFolder folder;
    const std::string data = folder.path();
    const auto name = store_evidence(data, "a photo");
    ASSERT_TRUE(name);
    EXPECT_EQ(*name, crypto::hex(crypto::sha256("a photo")));
    const auto path = folder.path() / "evidence" / name->substr(0, 2) / *name;
    EXPECT_EQ(read_file(path).value(), "a photo");
    EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms::all,
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    EXPECT_EQ(store_evidence(data, "a photo").value(), *name) << "twice is once";
    EXPECT_NE(store_evidence(data, "another").value(), *name);
}

TEST(Evidence, HasABound) {
    const test::TemporaryFolder folder;
    EXPECT_EQ(store_evidence(folder.path(), "").error().message.key, "schedule.evidence-empty");
    EXPECT_EQ(store_evidence(folder.path(), std::string(evidence_limit + 1, 'x')).error().code, Code::too_large);
    EXPECT_TRUE(store_evidence(folder.path(), std::string(evidence_limit, 'x')));
}

}  // namespace
}  // namespace tilsyn::schedule
