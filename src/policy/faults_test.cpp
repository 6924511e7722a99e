// Faulty policies and the exact words said of each: tests/data/policy-faults.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/file.hpp"
#include "policy/load.hpp"
#include "policy/test_kinds.hpp"

namespace tilsyn::policy {
namespace {

namespace fs = std::filesystem;

const fs::path folder = "tests/data/policy-faults";  // tests run in the root of the source tree

std::vector<std::string> cases() {
    std::vector<std::string> names;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error))
        if (entry.is_directory() || entry.path().extension() == ".toml") names.push_back(entry.path().stem().string());
    std::ranges::sort(names);
    return names;
}

std::string diagnostics(const std::string& name, Lang lang) {
    const bool many = fs::is_directory(folder / name);
    const auto file = many ? folder / name / "policy.toml" : folder / (name + ".toml");
    const auto kinds = test::kinds();
    std::string out;
    for (const auto& fault : load(file, kinds).faults) out += render(fault, lang) + "\n";
    const auto prefix = file.parent_path().string() + "/";
    for (auto at = out.find(prefix); at != std::string::npos; at = out.find(prefix, at)) out.erase(at, prefix.size());
    return out;
}

class FaultyPolicy : public testing::TestWithParam<std::string> {};

TEST_P(FaultyPolicy, SaysExactlyWhatIsWrong) {
    const auto said = diagnostics(GetParam(), Lang::en);
    const auto expected = folder / (GetParam() + ".expected");
    if (std::getenv("TILSYN_WRITE_EXPECTED") != nullptr) {
        ASSERT_TRUE(write_file(expected, said));
    }
    EXPECT_EQ(said, read_file(expected).value());
    EXPECT_FALSE(said.empty());
}

// Danish says as much: as many lines, none of them a bare key or with a parameter left open.
TEST_P(FaultyPolicy, SaysAsMuchInDanish) {
    const auto english = diagnostics(GetParam(), Lang::en), danish = diagnostics(GetParam(), Lang::da);
    EXPECT_EQ(std::ranges::count(english, '\n'), std::ranges::count(danish, '\n'));
    EXPECT_NE(english, danish);
    for (const auto& text : {english, danish})
        for (const char* open : {"{key}", "{found}", "{id}", "{name}", "{text}", "policy.unknown", "policy.expected"})
            EXPECT_EQ(text.find(open), std::string::npos) << text;
}

TEST(FaultyPolicies, AreFortyAtLeast) {
    EXPECT_GE(cases().size(), 40U);
}

INSTANTIATE_TEST_SUITE_P(Cases, FaultyPolicy, testing::ValuesIn(cases()), [](const auto& one) {
    auto name = one.param;
    std::ranges::replace(name, '-', '_');
    return name;
});

}  // namespace
}  // namespace tilsyn::policy
