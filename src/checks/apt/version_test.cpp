// The order of versions, against dpkg itself.
#include "checks/apt/version.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "base/text.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
namespace {

TEST(Versions, AreOrderedAsDpkgOrdersThem) {
    constexpr std::string_view nasty_text =
        "0 0-0 0:0 00 1 01 1.0 1.00 1.0-0 1.0-1 1.0-1~ 1.0-1~~ 1.0-1~bpo12+1 1.0-1+deb12u1 1.0-1+deb12u10 "
        "1.0-1+deb12u9 1.0~ 1.0~~ 1.0~~a 1.0~a 1.0~rc1 1.0~rc1-1 1.0a 1.0A 1.0+ 1.0. 1.0-a 1.0-1-1 1.0-1.1 "
        "1:0 1:1.0 1:1.0~ 2:0.1 10:0 0:1.0 1.0+b1 1.0-1+b1 1.0-1build1 1.0-1ubuntu0.1 1.0.0 1.0.0.0 1.10 1.9 "
        "1.009 9999999999999999999999 10000000000000000000000 1.99999999999999999999 1a2b3c 1a2b10c 1~1 1~-1 "
        "1+~ 1+-1 20230311+deb12u1 20250419~deb12u2 5.10.0-8 3.0.11-1~deb12u2 3.0.2-0ubuntu1.10 "
        "2.36-9+deb12u13 1.0-0~ 1z 1Z 1.z 1+z 1~z";
    const auto nasty = split(nasty_text, ' ');
    std::vector<std::pair<std::string, std::string>> pairs;
    for (std::size_t i = 0; i < nasty.size(); ++i)
        for (std::size_t j = i; j < nasty.size(); j += 1 + (i * 7 + j * 3) % 5)
            pairs.emplace_back(std::string(nasty[i]), std::string(nasty[j]));
    test::TemporaryFolder folder;
    std::string script;
    for (const auto& [a, b] : pairs)
        script += "if dpkg --compare-versions '" + a + "' lt '" + b +
                  "'; then echo lt; elif dpkg --compare-versions '" + a + "' eq '" + b +
                  "'; then echo eq; else echo gt; fi\n";
    std::ofstream(folder.path() / "ask.sh") << script;
    // dpkg says lt to nothing that it refuses as a version, and warns: every one of these must be a version.
    const auto answer = test::run_command("LC_ALL=C sh " + (folder.path() / "ask.sh").string() + " 2>&1");
    ASSERT_EQ(answer.status, 0);
    const auto lines = split(trim(answer.output), '\n');
    ASSERT_EQ(lines.size(), pairs.size()) << answer.output.substr(0, 2000);
    EXPECT_GE(pairs.size(), 400u);
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const auto& [a, b] = pairs[i];
        seen.insert(lines[i]);
        const auto order = apt::compare_versions(a, b);
        EXPECT_EQ(std::string_view(order < 0 ? "lt" : order > 0 ? "gt" : "eq"), lines[i]) << a << " and " << b;
        EXPECT_TRUE(apt::compare_versions(b, a) == (0 <=> order)) << a << " and " << b;
    }
    EXPECT_EQ(seen.size(), 3u);  // all three answers were asked for
}

}  // namespace
}  // namespace tilsyn::checks
