// Whatever a kind does, every subject gets a judgement, and none is better than what was seen.
#include <gtest/gtest.h>

#include <stdexcept>

#include "checks/check_fixture.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;

Judgement by_size(const policy::Control&, const Facts& facts, Timestamp) {
    if (facts.seen.value("throws", false)) throw std::runtime_error("a bug, with /a/path in it");
    Judgement judgement;
    judgement.outcome = facts.seen.at("good").get<bool>() ? Outcome::pass : Outcome::fail;
    return judgement;
}

std::vector<Judgement> run_with(Result<std::vector<Facts>> (*collect)(const CollectRequest&), std::size_t subjects) {
    static policy::KindSpec spec;
    spec.name = "made_up";
    const Kind kind{&spec, collect, by_size};
    const policy::Control control;
    const ManualClock clock{Timestamp{}};
    Environment environment;
    environment.clock = &clock;
    std::vector<Subject> all(subjects);
    for (std::size_t i = 0; i < subjects; ++i) all[i].id = "servers/" + std::to_string(i);
    return run(kind, {&control, all, {}, Deadline::in(std::chrono::seconds(1)), &environment, nullptr});
}

TEST(Run, JudgesEachSubjectByItsOwnFacts) {
    const auto got = run_with(
        [](const CollectRequest& request) -> Result<std::vector<Facts>> {
            std::vector<Facts> facts(request.subjects.size());
            for (std::size_t i = 0; i < facts.size(); ++i) facts[i].seen = {{"good", i == 1}};
            return facts;
        },
        3);
    ASSERT_EQ(got.size(), 3U);
    EXPECT_EQ(got[0].outcome, Outcome::fail);
    EXPECT_EQ(got[1].outcome, Outcome::pass);
    EXPECT_EQ(got[2].outcome, Outcome::fail);
}

TEST(Run, AnErrorIsUnknownForAllWithItsOwnWords) {
    const auto got = run_with(
        [](const CollectRequest&) -> Result<std::vector<Facts>> { return fail(Code::timeout, "checks.query-timeout"); },
        2);
    ASSERT_EQ(got.size(), 2U);
    for (const auto& judgement : got) EXPECT_EQ(said(judgement), "unknown: the query was not done in time");
}

TEST(Run, WhatWasNotMeasuredIsNotJudged) {
    const auto got = run_with(
        [](const CollectRequest&) -> Result<std::vector<Facts>> {
            return std::vector<Facts>{
                {json{{"good", true}}, msg("checks.field-not-set", {{"subject", "servers/0"}, {"field", "url"}})},
                {json{{"good", true}}, std::nullopt}};
        },
        2);
    EXPECT_EQ(said(got[0]), "unknown: servers/0 has no “url” in its register");
    EXPECT_EQ(got[1].outcome, Outcome::pass);
}

TEST(Run, AnExceptionIsUnknownAndSaysNothingOfTheInside) {
    const auto collecting =
        run_with([](const CollectRequest&) -> Result<std::vector<Facts>> { throw std::runtime_error("/a/path"); }, 2);
    ASSERT_EQ(collecting.size(), 2U);
    EXPECT_EQ(said(collecting[1]), "unknown: the check “made_up” failed because of a fault in Tilsyn itself");
    const auto judging = run_with(
        [](const CollectRequest&) -> Result<std::vector<Facts>> {
            return std::vector<Facts>{{json{{"throws", true}}, std::nullopt}, {json{{"good", true}}, std::nullopt}};
        },
        2);
    EXPECT_EQ(said(judging[0]), "unknown: the check “made_up” failed because of a fault in Tilsyn itself");
    EXPECT_EQ(judging[1].outcome, Outcome::pass) << "the others are judged all the same";
}

TEST(Run, FactsThatDoNotFitAreUnknown) {
    const auto got = run_with(
        [](const CollectRequest&) -> Result<std::vector<Facts>> {
            return std::vector<Facts>{{json{{"good", "yes"}}, std::nullopt}};
        },
        1);
    EXPECT_EQ(got.at(0).outcome, Outcome::unknown);
}

TEST(Run, ASubjectWithoutFactsIsUnknown) {
    const auto got = run_with(
        [](const CollectRequest&) -> Result<std::vector<Facts>> {
            return std::vector<Facts>{{json{{"good", true}}, std::nullopt}};
        },
        2);
    ASSERT_EQ(got.size(), 2U);
    EXPECT_EQ(got[0].outcome, Outcome::pass);
    EXPECT_EQ(said(got[1]), "unknown: the check “made_up” gave no answer for this subject");
}

TEST(Outcomes, AreReadAsTheyAreWritten) {
    for (const auto outcome :
         {Outcome::pass, Outcome::fail, Outcome::unknown, Outcome::stale, Outcome::missed, Outcome::not_applicable})
        EXPECT_EQ(parse_outcome(to_string(outcome)), outcome);
    EXPECT_EQ(parse_outcome("passed"), std::nullopt);
    EXPECT_EQ(parse_outcome(""), std::nullopt);
}

}  // namespace
}  // namespace tilsyn::checks
