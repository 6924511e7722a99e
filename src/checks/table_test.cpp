// The table of kinds, the folder kinds/, its tests and the pages in docs/checks: they must tell of the same kinds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/reference.hpp"

namespace tilsyn::checks {
namespace {

namespace fs = std::filesystem;
using testing::ContainerEq;

const std::string begin_mark = "<!-- written from the declaration, do not edit -->\n";
const std::string end_mark = "<!-- end of what is written -->\n";

std::set<std::string> table() {
    std::set<std::string> names;
    for (const auto& kind : kinds()) names.insert(kind.spec->name);
    return names;
}

std::set<std::string> files(const std::string& folder, const std::string& ending) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) {
        const auto name = entry.path().filename().string();
        if (name.ends_with(ending)) names.insert(name.substr(0, name.size() - ending.size()));
    }
    return names;
}

TEST(Table, NamesEveryKindOnceAndInOrder) {
    EXPECT_EQ(table().size(), kinds().size());
    EXPECT_TRUE(std::ranges::is_sorted(kinds(), {}, [](const Kind& kind) { return kind.spec->name; }));
    EXPECT_EQ(find_kind("no_such_kind"), nullptr);
    EXPECT_TRUE(std::ranges::equal(kinds(), kind_specs(), {}, &Kind::spec));
    for (const auto& kind : kinds()) EXPECT_EQ(find_kind(kind.spec->name), &kind);
}

TEST(Table, AgreesWithTheFolderItsTestsAndItsPages) {
    ASSERT_TRUE(fs::exists("src/checks/kinds")) << "run from the source folder";
    auto sources = files("src/checks/kinds", ".cpp");
    std::erase_if(sources, [](const auto& name) { return name.ends_with("_test"); });
    EXPECT_THAT(sources, ContainerEq(table())) << "src/checks/kinds and the table in src/checks/kinds.cpp";
    EXPECT_THAT(files("src/checks/kinds", "_test.cpp"), ContainerEq(table())) << "a kind without its test";
    auto pages = files("docs/checks", ".md");
    pages.erase("README");
    EXPECT_THAT(pages, ContainerEq(table())) << "a kind without its page";
}

// Puts `wanted`, marks and all, in the place of what stands between the marks. With TILSYN_WRITE_EXPECTED=1 (./dev
// docs) alone.
void write_between_marks(const std::string& path, std::string page, const std::string& wanted) {
    const auto first = page.find(begin_mark), last = page.find(end_mark);
    // A page that has just been begun holds this instead.
    const auto fresh = page.find("\nPARAMETERS\n");
    if (first != page.npos && last != page.npos)
        page.replace(first, last + end_mark.size() - first, wanted);
    else if (fresh != page.npos)
        page.replace(fresh + 1, 11, wanted);
    ASSERT_TRUE(write_file(path, page));
}

void expect_between_marks(const std::string& path, const std::string& table) {
    const auto wanted = begin_mark + table + end_mark;
    if (std::getenv("TILSYN_WRITE_EXPECTED") != nullptr) write_between_marks(path, read_file(path).value(), wanted);
    const auto page = read_file(path);
    ASSERT_TRUE(page) << path;
    EXPECT_NE(page->find(wanted), page->npos)
        << path << " does not follow the declaration; write it anew with: ./dev docs";
}

TEST(Table, TheListOfPagesNamesEveryKind) {
    std::string list = "| kind | what it checks | how |\n|---|---|---|\n";
    for (const auto& kind : kinds()) {
        const auto& spec = *kind.spec;
        list += "| [" + spec.name + "](" + spec.name + ".md) | " + spec.title.en + " | " +
                (spec.mode == policy::Mode::person ? "a person is asked" : "by machine") + " |\n";
    }
    expect_between_marks("docs/checks/README.md", list);
}

void expect_both(const Text& text, const std::string& what) {
    EXPECT_FALSE(trim(text.en).empty()) << what << " in English";
    EXPECT_FALSE(trim(text.da).empty()) << what << " in Danish";
    EXPECT_NE(text.en, text.da) << what << " is not translated";
}

TEST(Table, EveryKindDescribesItselfInBothLanguages) {
    for (const auto& kind : kinds()) {
        const auto& spec = *kind.spec;
        expect_both(spec.title, spec.name + " title");
        expect_both(spec.summary, spec.name + " summary");
        EXPECT_NE(spec.summary.en.find(' '), std::string::npos) << spec.name;
        std::set<std::string> seen;
        for (const auto& param : spec.params) {
            const auto what = spec.name + "." + param.name;
            EXPECT_TRUE(seen.insert(param.name).second) << what << " is declared twice";
            expect_both(param.help, what + " help");
            EXPECT_FALSE(param.required && !param.default_value.empty()) << what << " needs no default";
            EXPECT_EQ(param.type == policy::ParamType::choice, !param.choices.empty()) << what;
        }
    }
}

TEST(Table, EveryKindCanBeRunAsItsModeSays) {
    for (const auto& kind : kinds()) {
        EXPECT_NE(kind.judge, nullptr) << kind.spec->name;
        EXPECT_EQ(!kind.by_machine(), kind.spec->mode == policy::Mode::person) << kind.spec->name;
        EXPECT_FALSE(kind.collect != nullptr && kind.prepare != nullptr) << kind.spec->name;
        EXPECT_EQ(kind.prepare != nullptr, kind.facts != nullptr) << kind.spec->name;
        EXPECT_EQ(kind.prepare != nullptr, kind.spec->watched) << kind.spec->name;
        EXPECT_GT(kind.spec->max_concurrent, 0) << kind.spec->name;
        EXPECT_GT(kind.spec->default_timeout, Duration(0)) << kind.spec->name;
    }
}

TEST(Table, EveryPageHoldsTheTableOfItsParameters) {
    for (const auto& kind : kinds())
        expect_between_marks("docs/checks/" + kind.spec->name + ".md", kind_reference(*kind.spec));
}

TEST(Reference, SaysTypeBoundsDefaultAndMeaning) {
    policy::KindSpec spec;
    EXPECT_EQ(kind_reference(spec), "No parameters.\n");
    EXPECT_EQ(kind_reference(spec, Lang::da), "Ingen parametre.\n");
    spec.params = {{.name = "wait",
                    .type = policy::ParamType::duration,
                    .help = {"How long | at most.", "Hvor længe."},
                    .min = 0.5,
                    .max = 90,
                    .example = "\"5 s\""},
                   {.name = "mode",
                    .type = policy::ParamType::choice,
                    .default_value = "\"a\"",
                    .help = {"Which.", "Hvilken."},
                    .choices = {"a", "b"}},
                   {.name = "n",
                    .type = policy::ParamType::integer,
                    .required = true,
                    .help = {"A number.", "Et tal."},
                    .min = 2}};
    EXPECT_EQ(kind_reference(spec),
              "| parameter | type | default | meaning | example |\n|---|---|---|---|---|\n"
              "| `wait` | length of time, 500ms to 1m30s |  | How long \\| at most. | `\"5 s\"` |\n"
              "| `mode` | one of `a`, `b` | `\"a\"` | Which. |  |\n"
              "| `n` | whole number, at least 2 | required | A number. |  |\n");
    EXPECT_NE(kind_reference(spec, Lang::da).find("| `n` | heltal, mindst 2 | skal angives | Et tal. |"),
              std::string::npos);
}

}  // namespace
}  // namespace tilsyn::checks
