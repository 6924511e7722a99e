// The policy that ships: loads without a fault, with and without each pack, and keeps every promise it has to make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "policy/load.hpp"

namespace tilsyn::policy {
namespace {

using testing::IsEmpty;
using testing::Not;
using Files = std::vector<std::pair<std::string, std::string>>;

constexpr std::string_view folder = "starter/";

KindSpec kind(std::string name, Mode mode, std::vector<ParamSpec> params) {
    KindSpec spec;
    spec.title = {name, name};
    spec.name = std::move(name);
    spec.mode = mode;
    spec.params = std::move(params);
    return spec;
}

ParamSpec param(std::string name, ParamType type, bool required = false, std::vector<std::string> choices = {}) {
    ParamSpec spec;
    spec.name = std::move(name);
    spec.type = type;
    spec.required = required;
    spec.choices = std::move(choices);
    return spec;
}

// The kinds as docs/policy.md describes them to those who write a policy: the slice of checks stands above this one.
std::vector<const KindSpec*> documented_kinds() {
    using enum ParamType;
    static const std::vector<KindSpec> specs{
        kind("query", Mode::batch, {param("sql", sql, true)}),
        kind("sign_off", Mode::person,
             {param("steps", bilingual_list, true), param("questions", bilingual_list), param("count", bilingual),
              param("count_max", integer), param("evidence", choice, false, {"none", "photo", "file"}),
              param("second_person", boolean), param("by_lot", boolean)}),
        kind("http", Mode::machine,
             {param("url", text, true), param("method", text), param("status", integer_list),
              param("body_contains", text), param("body_lacks", text), param("header_contains", map),
              param("follow_redirects", boolean), param("max_first_byte", duration)}),
        kind("tcp", Mode::machine,
             {param("host", text, true), param("port", text, true), param("expect", choice, false, {"open", "closed"}),
              param("max_connect", duration)}),
        kind("updates", Mode::machine,
             {param("max_age_of_lists", duration), param("critical_within", duration),
              param("security_origins", text_list)}),
        kind("control_log", Mode::machine, {}),
    };
    std::vector<const KindSpec*> out;
    for (const auto& spec : specs) out.push_back(&spec);
    return out;
}

Files shipped() {
    Files files;
    for (const auto& file : embedded::policy_files())
        if (file.name.starts_with(folder)) files.emplace_back(file.name.substr(folder.size()), file.content);
    return files;
}

// The packs whose line in policy.toml has its # removed.
Loaded load_with(const std::vector<std::string>& packs) {
    auto files = shipped();
    const auto main = std::ranges::find(files, "policy.toml", &Files::value_type::first);
    EXPECT_NE(main, files.end());
    for (const auto& pack : packs) {
        const auto line = main->second.find("# \"" + pack + "\"");
        EXPECT_NE(line, std::string::npos) << pack << " is not offered in policy.toml";
        if (line != std::string::npos) main->second.erase(line, 2);
    }
    return load(files, "policy.toml", documented_kinds());
}

std::vector<std::string> packs() {
    std::vector<std::string> out;
    for (const auto& [name, content] : shipped())
        if (name.starts_with("packs/") && name.ends_with(".toml")) out.push_back(name);
    return out;
}

std::vector<std::string> rendered(const std::vector<Fault>& faults) {
    std::vector<std::string> out;
    for (const auto& fault : faults) out.push_back(render(fault, Lang::en));
    return out;
}

std::set<std::string> kept(const Policy& policy) {
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
    const auto policy = load_with({}).policy;
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
}  // namespace tilsyn::policy
