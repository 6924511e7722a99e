// sign_off: what a signature must hold, and what it comes to. Who may sign is the schedule's:
// src/schedule/sign_off_test.cpp.
#include <gtest/gtest.h>

#include "checks/check_fixture.hpp"
#include "checks/sign_off.hpp"

namespace tilsyn::checks {
namespace {

using nlohmann::json;

const std::string steps = "kind = \"sign_off\"\nsteps = [ { da = \"Gå.\", en = \"Walk.\" } ]\n";
const std::string hash(64, 'a');

std::string judged(const std::string& more, const json& answer) {
    return said(judge_facts("sign_off", control_of(steps + more), answer));
}

std::string wanting(const std::string& more, const json& answer) {
    std::string out;
    for (const auto& fault : check_answer(control_of(steps + more).params, answer))
        out += (out.empty() ? "" : " ") + fault.message.key;
    return out;
}

TEST(SignOff, PassesWhenSignedAsInOrder) {
    const json answer{{"decision", "pass"},
                      {"note", ""},
                      {"answers", json::array()},
                      {"evidence", json::array()},
                      {"signed_by", "eva"}};
    EXPECT_EQ(judged("", answer), "pass: signed as in order");
    EXPECT_EQ(wanting("", answer), "");
}

TEST(SignOff, FailsWithItsNote) {
    EXPECT_EQ(judged("", {{"decision", "fail"}, {"note", "a window stood open"}}),
              "fail: signed as not in order: a window stood open");
    EXPECT_EQ(wanting("", {{"decision", "fail"}, {"note", " "}}), "checks.answer-note");
}

TEST(SignOff, ARefusalIsUnknownAndNeedsOnlyItsReason) {
    const std::string much = "count = { da = \"kasser\", en = \"boxes\" }\nevidence = \"photo\"\n";
    EXPECT_EQ(judged(much, {{"decision", "refuse"}, {"note", "no access"}}),
              "unknown: the person asked could not do it: no access");
    EXPECT_EQ(wanting(much, {{"decision", "refuse"}, {"note", "no access"}}), "");
    EXPECT_EQ(wanting(much, {{"decision", "refuse"}, {"note", ""}}), "checks.answer-note");
}

TEST(SignOff, ASignatureThatLacksSomethingIsNone) {
    const std::string count = "count = { da = \"kasser\", en = \"boxes\" }\n";
    EXPECT_EQ(judged(count, {{"decision", "pass"}}), "unknown: a number is asked for: boxes");
    EXPECT_EQ(wanting(count, {{"decision", "pass"}, {"count", -1}}), "checks.answer-count");
    EXPECT_EQ(wanting(count, {{"decision", "pass"}, {"count", "3"}}), "checks.answer-count");
    EXPECT_EQ(wanting(count, {{"decision", "pass"}, {"count", 0}}), "");
    const std::string questions = "questions = [ { da = \"A?\", en = \"A?\" }, { da = \"B?\", en = \"B?\" } ]\n";
    EXPECT_EQ(judged(questions, {{"decision", "pass"}, {"answers", {"yes", " "}}}),
              "unknown: 2 questions must be answered; 1 are");
    EXPECT_EQ(wanting(questions, {{"decision", "pass"}, {"answers", {"a", "b", "c"}}}), "checks.answer-questions");
    EXPECT_EQ(wanting(questions, {{"decision", "fail"}, {"note", "x"}}), "checks.answer-questions")
        << "also of what is not in order";
    EXPECT_EQ(wanting(questions, {{"decision", "pass"}, {"answers", {"a", "b"}}}), "");
    EXPECT_EQ(wanting("evidence = \"photo\"\n", {{"decision", "pass"}}), "checks.answer-photo");
    EXPECT_EQ(wanting("evidence = \"file\"\n", {{"decision", "pass"}, {"evidence", json::array()}}),
              "checks.answer-file");
    EXPECT_EQ(wanting("evidence = \"file\"\n", {{"decision", "pass"}, {"evidence", {hash}}}), "");
}

TEST(SignOff, EvidenceIsNamedByItsHash) {
    for (const auto& name : {std::string("photo.jpg"), std::string(64, 'A'), std::string(63, 'a'), std::string(64, 'g'),
                             "../" + std::string(61, 'a')})
        EXPECT_EQ(wanting("", {{"decision", "pass"}, {"evidence", {name}}}), "checks.answer-evidence-hash") << name;
    EXPECT_EQ(wanting("", {{"decision", "pass"}, {"evidence", {7}}}), "checks.answer-evidence-hash");
}

TEST(SignOff, OnlyThreeDecisionsExist) {
    for (const json& answer :
         {json{{"decision", "ok"}}, json{{"decision", 1}}, json::object(), json::array(), json("pass"), json()}) {
        EXPECT_NE(wanting("", answer).find("checks.answer-decision"), std::string::npos) << answer.dump();
        EXPECT_EQ(judge_facts("sign_off", control_of(steps), answer.is_object() ? answer : json::object()).outcome,
                  Outcome::unknown);
    }
}

TEST(SignOff, TextsHaveABound) {
    EXPECT_EQ(wanting("", {{"decision", "pass"}, {"note", std::string(10'000, 'x')}}), "");
    EXPECT_EQ(wanting("", {{"decision", "pass"}, {"note", std::string(10'001, 'x')}}), "checks.answer-too-long");
}

TEST(SignOff, TooHighACountFailsWhateverWasDecided) {
    const std::string limited = "count = { da = \"kasser\", en = \"boxes\" }\ncount_max = 2\n";
    EXPECT_EQ(judged(limited, {{"decision", "pass"}, {"count", 2}}), "pass: signed as in order");
    EXPECT_EQ(judged(limited, {{"decision", "pass"}, {"count", 3}}), "fail: 3 counted; at most 2 is right");
    EXPECT_EQ(judged(limited, {{"decision", "pass"}}), "unknown: a number is asked for: boxes")
        << "no count is not a count of nought";
}

TEST(SignOff, ASecondPersonIsAnother) {
    const std::string two = "second_person = true\n";
    EXPECT_EQ(judged(two, {{"decision", "pass"}, {"signed_by", "eva"}}), "unknown: a second person has not signed yet");
    EXPECT_EQ(judged(two, {{"decision", "pass"}, {"signed_by", "eva"}, {"second_by", "ole"}}),
              "pass: signed as in order");
    EXPECT_EQ(judged(two, {{"decision", "pass"}, {"signed_by", "eva"}, {"second_by", "eva"}}),
              "unknown: the second person must be another than the first");
    EXPECT_EQ(judged(two, {{"decision", "fail"}, {"note", "no"}, {"signed_by", "eva"}, {"second_by", "ole"}}),
              "fail: signed as not in order: no");
}

TEST(SignOff, DetailsHoldTheAnswerAndNobodysName) {
    const auto judgement = judge_facts("sign_off", control_of(steps + "count = { da = \"k\", en = \"b\" }\n"),
                                       {{"decision", "pass"},
                                        {"note", "well"},
                                        {"count", 4},
                                        {"evidence", {hash}},
                                        {"signed_by", "eva"},
                                        {"second_by", "ole"}});
    EXPECT_EQ(
        judgement.details,
        (json{{"decision", "pass"}, {"note", "well"}, {"count", 4}, {"evidence", {hash}}, {"answers", json::array()}}));
}

TEST(SignOff, ThePolicyMustSayWhatToDo) {
    EXPECT_EQ(faults_of_check("kind = \"sign_off\"\nsteps = []\n"), "2:9 checks.no-steps");
    EXPECT_EQ(faults_of_check(steps + "count_max = 3\n"), "3:13 checks.count-max-alone");
    EXPECT_EQ(faults_of_check(steps + "evidence = \"video\"\n").empty(), false);
    EXPECT_EQ(find_kind("sign_off")->spec->mode, policy::Mode::person);
}

}  // namespace
}  // namespace tilsyn::checks
