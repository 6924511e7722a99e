// Each folder explains itself, files stay readable, links lead somewhere, and a kind of check is whole.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>

#include "house/source_tree.hpp"

namespace tilsyn::house {
namespace {

constexpr int most_lines = 600;

TEST(Order, EveryFolderHasAReadme) {
    std::set<std::string> folders;
    for (const auto& file : tree())
        if (file.cpp() && (file.below("src/") || file.below("bin/") || file.below("tests/") || file.below("fuzz/") ||
                           file.below("bench/")))
            folders.insert(file.folder());
    std::vector<std::string> faults;
    for (const auto& folder : folders)
        if (!exists(folder + "/README.md") && folder != "src/checks/kinds")
            faults.push_back(folder + ": no README.md (what it is for, what it may use, where to start reading)");
    EXPECT_GT(folders.size(), 10u);
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST(Order, NoSourceFileIsTooLongToRead) {
    std::vector<std::string> faults;
    for (const auto& file : tree()) {
        const auto lines = std::ranges::count(file.text, '\n');
        if (file.cpp() && lines > most_lines)
            faults.push_back(file.path + ": " + std::to_string(lines) + " lines; more than " +
                             std::to_string(most_lines) + " are hard to hold in one's head");
    }
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST(Order, EveryHeaderIsIncludedOnce) {
    for (const auto& file : tree())
        if (file.ends_with(".hpp"))
            EXPECT_NE(file.text.find("#pragma once\n"), std::string::npos) << file.path << ": no #pragma once";
}

// [text](path#part), relative to the page; and `docs/page.md` in running text, relative to the root.
TEST(Order, EveryLinkInThePagesLeadsSomewhere) {
    static const std::regex link("\\]\\(([^)#\\s]+)(#[^)]*)?\\)");
    static const std::regex named(
        "`((?:src|bin|docs|tests|tools|i18n|fuzz|bench|api|packaging|cmake)/[a-z0-9_./-]+\\.[a-z]+)`");
    std::vector<std::string> faults;
    std::size_t looked_at = 0;
    for (const auto& file : tree()) {
        if (!file.ends_with(".md") || file.below("policies/")) continue;
        const auto check = [&](const std::regex& pattern, bool from_page) {
            for (std::sregex_iterator i(file.text.begin(), file.text.end(), pattern), end; i != end; ++i) {
                const std::string target = (*i)[1];
                if (target.find("://") != target.npos || target.starts_with("mailto:")) continue;
                ++looked_at;
                const auto path =
                    from_page ? (std::filesystem::path(file.folder()) / target).lexically_normal().generic_string()
                              : target;
                if (!exists(path))
                    faults.push_back(file.path + ":" + std::to_string(line_of(file.text, std::size_t(i->position()))) +
                                     ": there is no " + path);
            }
        };
        check(link, true);
        check(named, false);
    }
    EXPECT_GT(looked_at, 0u);
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

// One source, one test, one page: a kind that lacks one of them is not finished.
TEST(Order, EveryKindOfCheckIsWhole) {
    std::set<std::string> names;
    for (const auto& file : tree()) {
        if (file.folder() != "src/checks/kinds" || !file.ends_with(".cpp")) continue;
        const auto name = std::filesystem::path(file.path).stem().string();
        names.insert(name.ends_with("_test") ? name.substr(0, name.size() - 5) : name);
    }
    std::vector<std::string> faults;
    for (const auto& name : names) {
        if (!exists("src/checks/kinds/" + name + ".cpp")) faults.push_back(name + ": a test without its source");
        if (!exists("src/checks/kinds/" + name + "_test.cpp"))
            faults.push_back(name + ": no src/checks/kinds/" + name + "_test.cpp");
        if (!exists("docs/checks/" + name + ".md")) faults.push_back(name + ": no docs/checks/" + name + ".md");
    }
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

}  // namespace
}  // namespace tilsyn::house
