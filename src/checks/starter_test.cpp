// The policy that ships: loads without a fault, with and without each pack, and keeps every promise it has to make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/query/lint.hpp"
#include "policy/load.hpp"

namespace tilsyn::checks {
namespace {

using testing::IsEmpty;
using testing::Not;
using Files = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view folder = "starter/";

Files shipped() {
    Files files;
    for (const auto& file : embedded::policy_files())
        if (file.name.starts_with(folder)) files.emplace_back(file.name.substr(folder.size()), file.content);
    return files;
}

// The packs whose line in policy.toml has its # removed.
policy::Loaded load_with(const std::vector<std::string>& packs) {
    auto files = shipped();
    const auto main = std::ranges::find(files, "policy.toml", &Files::value_type::first);
    EXPECT_NE(main, files.end());
    for (const auto& pack : packs) {
        const auto line = main->second.find("# \"" + pack + "\"");
        EXPECT_NE(line, std::string::npos) << pack << " is not offered in policy.toml";
        if (line != std::string::npos) main->second.erase(line, 2);
    }
    return policy::load(files, "policy.toml", kind_specs());
}

std::vector<std::string> packs() {
    std::vector<std::string> out;
    for (const auto& [name, content] : shipped())
        if (name.starts_with("packs/") && name.ends_with(".toml")) out.push_back(name);
    return out;
}

std::vector<std::string> rendered(const std::vector<policy::Fault>& faults) {
    std::vector<std::string> out;
    for (const auto& fault : faults) out.push_back(render(fault, Lang::en));
    return out;
}

std::set<std::string> kept(const policy::Policy& policy) {
    std::set<std::string> out;
    for (const auto& control : policy.controls) out.insert(control.promises.begin(), control.promises.end());
    return out;
}

TEST(StarterPolicy, LoadsWithoutAFault) {
    const auto loaded = load_with({});
    EXPECT_THAT(rendered(loaded.faults), IsEmpty());
    EXPECT_THAT(rendered(loaded.warnings), IsEmpty());
}

TEST(StarterPolicy, KeepsEveryPromise) {
    const auto list = read_file("tests/data/promise_ids.txt");
    ASSERT_TRUE(list) << "run from the source folder";
    const auto loaded = load_with({});
    const auto& policy = loaded.policy;
    const auto controlled = kept(policy);
    std::set<std::string> wanted;
    for (const auto line : split(*list, '\n'))
        if (!trim(line).empty()) wanted.emplace(trim(line));
    EXPECT_EQ(wanted.size(), 126U);
    for (const auto& id : wanted) {
        const auto* promise = policy.promise(id);
        ASSERT_NE(promise, nullptr) << id << " is not in the policy";
        EXPECT_FALSE(promise->text.da.empty()) << id;
        EXPECT_FALSE(promise->text.en.empty()) << id;
        EXPECT_TRUE(controlled.contains(id)) << id << " has no control";
    }
    for (const auto& promise : policy.promises)
        EXPECT_TRUE(wanted.contains(promise.id)) << promise.id << " is not on the list";
}

TEST(StarterPolicy, EveryControlSaysHowItIsDone) {
    const auto files = shipped();
    const auto loaded = load_with(packs());
    for (const auto& control : loaded.policy.controls) {
        EXPECT_TRUE(std::ranges::count(files, control.procedure, &Files::value_type::first) == 1) << control.id;
        EXPECT_FALSE(control.title.da.empty() || control.title.en.empty()) << control.id;
        if (control.kind == "sign_off") {
            EXPECT_FALSE(control.params.get("steps").texts.empty()) << control.id;
        }
    }
}

TEST(StarterPolicy, EveryQueryIsInThePortableSubset) {
    int queries = 0;
    for (const auto& control : load_with(packs()).policy.controls) {
        if (control.kind != "query") continue;
        ++queries;
        for (const auto& fault : lint_sql(control.params.get("sql").text))
            ADD_FAILURE() << control.id << ": " << render(fault.message, Lang::en);
    }
    EXPECT_GT(queries, 100);  // that they also run: src/app/starter_test.cpp
}

TEST(StarterPolicy, EachPackLoadsByItself) {
    ASSERT_THAT(packs(), Not(IsEmpty()));
    for (const auto& pack : packs()) {
        const auto loaded = load_with({pack});
        EXPECT_THAT(rendered(loaded.faults), IsEmpty()) << pack;
        EXPECT_THAT(rendered(loaded.warnings), IsEmpty()) << pack;
        EXPECT_GT(loaded.policy.promises.size(), 126U) << pack << " promises nothing";
        const auto controlled = kept(loaded.policy);
        for (const auto& promise : loaded.policy.promises)
            EXPECT_TRUE(controlled.contains(promise.id)) << pack << ": " << promise.id << " has no control";
    }
}

TEST(StarterPolicy, AllPacksLoadTogether) {
    const auto loaded = load_with(packs());
    EXPECT_THAT(rendered(loaded.faults), IsEmpty());
    EXPECT_THAT(rendered(loaded.warnings), IsEmpty());
}

}  // namespace
}  // namespace tilsyn::checks
