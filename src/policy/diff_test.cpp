#include "policy/diff.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "policy/coverage.hpp"
#include "policy/load.hpp"
#include "policy/test_kinds.hpp"

namespace tilsyn::policy {
namespace {

using testing::ElementsAre;
using Swaps = std::vector<std::pair<std::string, std::string>>;

// The good policy with some texts swapped for others.
Policy policy(const Swaps& swaps = {}) {
    std::string text = test::good_policy;
    for (const auto& [from, to] : swaps) {
        const auto at = text.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        if (at != std::string::npos) text.replace(at, from.size(), to);
    }
    const auto kinds = test::kinds();
    const auto loaded = load({{"policy.toml", text}}, "policy.toml", kinds);
    for (const auto& fault : loaded.faults) ADD_FAILURE() << render(fault, Lang::en);
    return loaded.policy;
}

std::vector<std::string> shape(const std::vector<ThingChange>& changes) {
    std::vector<std::string> out;
    for (const auto& change : changes) {
        std::string line = std::string(to_string(change.kind)) + " " + change.id;
        for (const auto& field : change.fields)
            line += " | " + field.field + ": " + field.before + " -> " + field.after;
        out.push_back(line);
    }
    return out;
}

TEST(Diff, NothingChanged) {
    const auto same = diff(policy(), policy(), Lang::en);
    EXPECT_TRUE(same.empty());
    EXPECT_TRUE(same.bare.empty());
}

TEST(Diff, ControlsFieldByField) {
    const auto difference = diff(policy(),
                                 policy({{"every = \"1 day\"", "every = \"12 hours\""},
                                         {"max_age = \"2 days\"\n", ""},
                                         {"FROM data_sets", "FROM data_sets WHERE 1 = 0"},
                                         {"[control.round]", "[control.walk]"}}),
                                 Lang::en);
    EXPECT_THAT(shape(difference.controls),
                ElementsAre("changed fresh | check.sql: SELECT id AS subject\nFROM data_sets\n -> SELECT id AS "
                            "subject\nFROM data_sets WHERE 1 = 0\n"
                            " | every: 1 day -> 12 hours | max_age: 2d -> ",
                            "added walk", "removed round"));
    EXPECT_TRUE(difference.sentences.empty());
    EXPECT_TRUE(difference.bare.empty());
}

TEST(Diff, TextPromisesRolesAndSettings) {
    const auto difference =
        diff(policy(),
             policy({{"We back up our data to a fixed plan {B1}.", "We copy our data to a fixed plan {B1}."},
                     {"strength = \"main_rule\"", "strength = \"endeavour\""},
                     {"company = \"Eksempel ApS\"", "company = \"Andet A/S\""},
                     {"[section.backup]", "[role.hr]\ntitle = { da = \"HR\", en = \"HR\" }\n[section.backup]"}}),
             Lang::en);
    ASSERT_EQ(difference.sentences.size(), 2U);
    EXPECT_EQ(difference.sentences[0].kind, ChangeKind::added);
    EXPECT_EQ(difference.sentences[0].text, "We copy our data to a fixed plan.");
    EXPECT_EQ(difference.sentences[1].kind, ChangeKind::removed);
    EXPECT_EQ(difference.sentences[1].text, "We back up our data to a fixed plan.");
    EXPECT_THAT(
        shape(difference.promises),
        ElementsAre("changed B1 | text.en: We back up our data to a fixed plan. -> We copy our data to a fixed plan.",
                    "changed B2a | strength: main_rule -> endeavour"));
    EXPECT_THAT(shape(difference.settings), ElementsAre("changed company | company: Eksempel ApS -> Andet A/S"));
    EXPECT_THAT(shape(difference.roles), ElementsAre("added hr"));
    EXPECT_EQ(to_json(difference)["promises"].size(), 2U);
}

TEST(Diff, SentencesThatLostTheirControl) {
    const auto difference =
        diff(policy(),
             policy({{"promises = [\"B1\", \"B2a\"]", "promises = [\"B2a\"]"},
                     {"our own {B2b}.\n\"\"\"\n\n[promise", "our own {B2b}. New words.\n\"\"\"\n\n[promise"}}),
             Lang::en);
    ASSERT_EQ(difference.bare.size(), 2U);
    EXPECT_EQ(difference.bare[0].text, "We back up our data to a fixed plan.");
    EXPECT_TRUE(difference.bare[0].lost);
    EXPECT_EQ(difference.bare[1].text, "New words.");
    EXPECT_FALSE(difference.bare[1].lost);
}

TEST(Coverage, CountsSentencesPromisesAndMachines) {
    const auto kinds = test::kinds();
    const auto full = coverage(policy(), kinds, Lang::da);
    EXPECT_EQ(full.count(Cover::covered), 2U);
    EXPECT_THAT(full.machine, ElementsAre("B1", "B2a"));  // B2b is signed by a person
    EXPECT_DOUBLE_EQ(full.machine_share(), 2.0 / 3);

    const auto partial =
        coverage(policy({{"promises = [\"B1\", \"B2a\"]", "promises = [\"B2a\"]"},
                         {"our own {B2b}.\n\"\"\"\n\n[promise",
                          "our own {B2b}, and more. We wish you well {-}. New words.\n\"\"\"\n\n[promise"}}),
                 kinds, Lang::en);
    ASSERT_EQ(partial.sections.size(), 1U);
    std::vector<std::string> states;
    for (const auto& sentence : partial.sections[0].sentences) states.emplace_back(to_string(sentence.state));
    EXPECT_THAT(states, ElementsAre("uncovered", "partly", "no_promise", "uncovered"));
    EXPECT_THAT(partial.sections[0].sentences[0].without_control, ElementsAre("B1"));
    EXPECT_THAT(partial.sections[0].sentences[1].unmarked, ElementsAre("and more."));
    EXPECT_THAT(partial.not_kept, ElementsAre("B1"));
    const auto json = to_json(partial);
    EXPECT_EQ(json["sentences"]["uncovered"], 2);
    EXPECT_EQ(json["promises"], 3);
    EXPECT_EQ(json["sections"][0]["sentences"][1]["state"], "partly");
    EXPECT_EQ(coverage(Policy{}, kinds, Lang::en).machine_share(), 0.0);
}

}  // namespace
}  // namespace tilsyn::policy
