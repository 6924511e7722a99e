#include "policy/sentences.hpp"

#include <gtest/gtest.h>

namespace tilsyn::policy {
namespace {

// Sentences on lines, phrases as text[ids], for reading.
std::string shape(std::string_view text) {
    std::string out;
    for (const auto& sentence : split_text(text).sentences) {
        for (const auto& phrase : sentence.phrases) {
            out += phrase.text;
            if (phrase.no_promise) out += "[-]";
            for (const auto& id : phrase.promises) out += "[" + id + "]";
            out += " / ";
        }
        out.resize(out.size() - 3);
        out += '\n';
    }
    return out;
}

TEST(Sentences, EndAtFullStops) {
    EXPECT_EQ(shape("One. Two! Three? Four"), "One.\nTwo!\nThree?\nFour\n");
    EXPECT_EQ(shape("Version 2.5 is out. It is 3.14.15 at example.com/a.b now."),
              "Version 2.5 is out.\nIt is 3.14.15 at example.com/a.b now.\n");
    EXPECT_EQ(shape("Vi bruger f.eks. USB, bl.a. til kopier, ca. 3 stk. Og nr. 4. Færdig."),
              "Vi bruger f.eks. USB, bl.a. til kopier, ca. 3 stk. Og nr. 4.\nFærdig.\n");
    EXPECT_EQ(shape("E.g. this, i.e. that. Disks, phones etc. are ours. Disks etc. Others are not."),
              "E.g. this, i.e. that.\nDisks, phones etc. are ours.\nDisks etc.\nOthers are not.\n");
    EXPECT_EQ(shape("Senest den 1. marts og den 2. Ål spises. Ærligt."),
              "Senest den 1. marts og den 2.\nÅl spises.\nÆrligt.\n");
    EXPECT_EQ(shape("(It is so.) And \"so.\" Then."), "(It is so.)\nAnd \"so.\"\nThen.\n");
}

TEST(Sentences, EndAtBlankLinesAndListItems) {
    EXPECT_EQ(shape("We will:\n- keep it running {A1}\n- keep it\n  safe {A2}\n\nThat\nis all"),
              "We will:\nkeep it running[A1]\nkeep it safe[A2]\nThat is all\n");
    EXPECT_EQ(shape("1. First thing. 2. Second thing."), "1. First thing.\n2. Second thing.\n");
    EXPECT_EQ(shape(""), "");
    EXPECT_EQ(shape("\n \n\t\n"), "");
}

TEST(Sentences, MarkersStandBeforeOrAfterTheFullStop) {
    EXPECT_EQ(shape("We back up {B1}. We test {B2a B2b}, and say so {B3}."),
              "We back up.[B1]\nWe test,[B2a][B2b] / and say so.[B3]\n");
    EXPECT_EQ(shape("We back up. {B1} We test.{B2}\nMore {-}."), "We back up.[B1]\nWe test.[B2]\nMore.[-]\n");
    EXPECT_EQ(shape("Some {A1} and the rest."), "Some[A1] / and the rest.\n");
    EXPECT_EQ(shape("Two {A1} {A2} marks."), "Two[A1][A2] / marks.\n");
}

TEST(Sentences, FaultsHaveTheirPlace) {
    const auto fault = [](std::string_view text) {
        const auto parts = split_text(text);
        return parts.faults.size() == 1 ? std::to_string(parts.faults[0].offset) + " " + parts.faults[0].message.key
                                        : std::to_string(parts.faults.size()) + " faults";
    };
    EXPECT_EQ(fault("A b {B1 c."), "4 policy.marker-not-closed");
    EXPECT_EQ(fault("A b {B1 {B2} c."), "4 policy.marker-not-closed");
    EXPECT_EQ(fault("A b B1} c."), "6 policy.marker-not-opened");
    EXPECT_EQ(fault("A b {}."), "4 policy.marker-empty");
    EXPECT_EQ(fault("A b {B1, B2}."), "7 policy.marker-comma");
    EXPECT_EQ(fault("{B1} A b."), "0 policy.marker-without-text");
    EXPECT_EQ(fault("A b {B1 -}."), "4 policy.marker-both");
    EXPECT_EQ(fault("First.\n\nA æ {B1 B2}. Fine"), "0 faults");
    const auto marks = split_text("æ {B1}\n- x {B2}").marks;
    ASSERT_EQ(marks.size(), 2U);
    EXPECT_EQ(marks[0].offset, 4U);
    EXPECT_EQ(marks[1].offset, 13U);
}

}  // namespace
}  // namespace tilsyn::policy
