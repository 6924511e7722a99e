#include "policy/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "base/file.hpp"
#include "policy/test_kinds.hpp"
#include "support/temporary.hpp"

namespace tilsyn::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Files = std::vector<std::pair<std::string, std::string>>;

Loaded load_text(const std::string& text) {
    const auto kinds = test::kinds();
    return load(Files{{"policy.toml", text}}, "policy.toml", kinds);
}

std::string rendered(const std::vector<Fault>& faults) {
    std::string out;
    for (const auto& fault : faults) out += render(fault, Lang::en) + "\n";
    return out;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    if (at != std::string::npos) text.replace(at, from.size(), to);
    return text;
}

TEST(Load, ReadsAWholePolicy) {
    const auto loaded = load_text(test::good_policy);
    ASSERT_EQ(rendered(loaded.faults), "");
    EXPECT_EQ(rendered(loaded.warnings), "");
    const auto& policy = loaded.policy;
    EXPECT_EQ(policy.id, "starter");
    EXPECT_EQ(policy.title.da, "Sikkerhedspolitik");
    EXPECT_EQ(policy.timezone, "Europe/Copenhagen");
    EXPECT_EQ(policy.hash.size(), 64U);
    ASSERT_EQ(policy.extra_holidays.size(), 1U);
    EXPECT_FALSE(policy.calendar()->working_day(policy.extra_holidays[0]));

    ASSERT_EQ(policy.sections.size(), 1U);
    const auto& section = policy.sections[0];
    ASSERT_EQ(section.en.size(), 2U);
    EXPECT_EQ(section.en[1].text(), "The plan covers customers' data and our own.");
    ASSERT_EQ(section.en[1].phrases.size(), 2U);
    EXPECT_THAT(section.en[1].phrases[0].promises, ElementsAre("B2a"));

    const auto* promise = policy.promise("B2a");
    ASSERT_NE(promise, nullptr);
    EXPECT_EQ(promise->section, "backup");
    EXPECT_EQ(promise->text.da, "Planen gælder kundernes data");
    EXPECT_EQ(promise->strength, Strength::main_rule);
    EXPECT_EQ(policy.promise("B1")->references.at("iso27001"), "A.8.13");

    const auto* control = policy.control("fresh");
    ASSERT_NE(control, nullptr);
    EXPECT_EQ(control->where, (Position{"policy.toml", 25, 10}));
    EXPECT_EQ(control->subjects.register_name, "data-sets");
    EXPECT_THAT(control->subjects.where.at("class"), ElementsAre("customer"));
    EXPECT_EQ(control->cadence.interval, std::chrono::hours(24));
    EXPECT_EQ(control->window, std::chrono::hours(2));
    EXPECT_EQ(control->grace, std::chrono::hours(1));
    EXPECT_EQ(control->severity, Severity::high);
    EXPECT_EQ(control->params.get("sql").text, "SELECT id AS subject\nFROM data_sets\n");
    EXPECT_EQ(control->params.get("limit").integer, 100);                   // the kind's default
    EXPECT_EQ(policy.control("round")->grace, std::chrono::hours(24 * 7));  // a person is asked
    EXPECT_EQ(policy.control("round")->params.get("steps").texts.at(0).da, "Gå");
    EXPECT_EQ(
        policy.control("round")->definition,
        R"({"check":{"evidence":"none","kind":"sign_off","second_person":false,"steps":[{"da":"Gå","en":"Walk"}]},)"
        R"("every":"1st working day of the month at 09:00","grace":"1w","id":"round","owner":"it","promises":["B2b"],)"
        R"("retries":0,"retry_after":"10s","severity":"medium","timeout":"30s",)"
        R"("title":{"da":"Runden er gået","en":"The round is made"},"when_empty":"unknown","window":"0s"})");
    EXPECT_EQ(policy.control("nothing"), nullptr);
}

TEST(Load, TellsEveryFaultAtOnceInOrder) {
    auto text = replaced(test::good_policy, "company = \"Eksempel ApS\"", "compny = \"Eksempel ApS\"");
    text = replaced(text, "owner = \"it\"", "owner = \"ti\"");
    text = replaced(text, "window = \"2h\"", "window = 2");
    text = replaced(text, "kind = \"sign_off\"", "kind = \"signoff\"");
    const auto loaded = load_text(text);
    EXPECT_EQ(rendered(loaded.faults),
              "policy.toml:4:1: there is no key “compny”\n"
              "  did you mean “company”?\n"
              "policy.toml:30:10: “control.fresh.window” must be a length of time in quotes, such as \"2h\"; found 2\n"
              "policy.toml:32:9: there is no role “ti”\n"
              "  did you mean “it”?\n"
              "policy.toml:46:18: there is no kind of check “signoff”\n"
              "  did you mean “sign_off”?\n");
}

TEST(Load, PlacesFaultsInsideTexts) {
    // In the middle of a text in triple quotes, after letters of two bytes: columns count bytes.
    const auto marks = load_text(
        replaced(test::good_policy, "Planen gælder kundernes data {B2a}", "Planen gælder kundernes data {B2x}"));
    EXPECT_THAT(
        rendered(marks.faults),
        HasSubstr("policy.toml:13:95: the text marks promise “B2x”, which is not declared\n  did you mean “B2a”?"));
    const auto sql = load_text(replaced(test::good_policy, "FROM data_sets", "FROM x; drop data_sets"));
    EXPECT_THAT(rendered(sql.faults), HasSubstr("policy.toml:38:9: there is no key “drop”"));
    const auto escaped = load_text(replaced(test::good_policy, "\"\"\"\nSELECT id AS subject\nFROM data_sets\n\"\"\"",
                                            "\"\\u00e6 \\\"x\\\" drop\""));
    EXPECT_THAT(rendered(escaped.faults), HasSubstr("policy.toml:36:21: there is no key “drop”"));
}

TEST(Load, GoesOnAfterAFileThatIsNotToml) {
    const auto kinds = test::kinds();
    const Files files{
        {"policy.toml", replaced(test::good_policy, "company", "include = [\"a.toml\", \"b.toml\"]\ncompany")},
        {"a.toml", "[role.hr]\ntitle = \n"},
        {"b.toml", "[role.hr]\ntitel = { da = \"HR\", en = \"HR\" }\n"}};
    const auto loaded = load(files, "policy.toml", kinds);
    const auto text = rendered(loaded.faults);
    EXPECT_THAT(text, HasSubstr("a.toml:2:"));
    EXPECT_THAT(text, HasSubstr("this is not valid TOML: "));
    EXPECT_THAT(text, HasSubstr("b.toml:2:1: there is no key “role.hr.titel”\n  did you mean “title”?"));
}

TEST(Load, RefusesWhatIsNotText) {
    const auto kinds = test::kinds();
    EXPECT_EQ(rendered(load(Files{{"p.toml", "id = \"\xC3\x28\"\n"}}, "p.toml", kinds).faults),
              "p.toml:1:7: byte 0xC3 is not UTF-8 text\n  save the file as UTF-8\n");
    EXPECT_EQ(rendered(load(Files{{"p.toml", "id = \"a\\u0000\"\n"}}, "p.toml", kinds).faults),
              "p.toml:1:6: a text holds the character NUL, which no register or page can show\n");
    EXPECT_EQ(rendered(load(Files{{"p.toml", std::string((1 << 20) + 1, '#')}}, "p.toml", kinds).faults),
              "p.toml: p.toml is larger than 1024 KiB, the most a policy file may be\n");
    std::string dots = "a";
    for (int i = 0; i < 100000; ++i) dots += ".a";
    EXPECT_THAT(rendered(load(Files{{"p.toml", dots + " = 1\n"}}, "p.toml", kinds).faults),
                HasSubstr("p.toml:1:50: this is not valid TOML: a name with too many dots"));
    // toml++ 3.3 asserts on these.
    for (const char* broken : {"[=]", "[[ =", "[\n", "[a.=]", "x = {=}", "\xEF\xB8\x8F = 1", "a = \xEF\xBB\xBD"})
        EXPECT_THAT(rendered(load(Files{{"p.toml", broken}}, "p.toml", kinds).faults),
                    HasSubstr("this is not valid TOML"))
            << broken;
    EXPECT_THAT(
        rendered(load(Files{{"p.toml", "id = \"a\"\n\n[role.a]\n[=\n\nx = 1\n"}}, "p.toml", kinds).faults),
        HasSubstr("p.toml:4:1: this is not valid TOML: unexpected text\n  the heading of a table stands in brackets"));
    EXPECT_THAT(rendered(load(Files{}, "p.toml", kinds).faults), HasSubstr("there is no file “p.toml”"));
}

class OnDisk : public testing::Test {
  protected:
    void write(const std::string& name, std::string_view content) {
        const auto path = folder_.path() / name;
        std::filesystem::create_directories(path.parent_path());
        ASSERT_TRUE(write_file(path, content));
    }
    Loaded loaded() {
        const auto kinds = test::kinds();
        return load(folder_.path() / "policy.toml", kinds);
    }
    std::string faults() {
        auto text = rendered(loaded().faults);
        const auto prefix = folder_.path().string() + "/";
        for (auto at = text.find(prefix); at != std::string::npos; at = text.find(prefix))
            text.erase(at, prefix.size());
        return text;
    }
    static std::string with_include(std::string_view list) {
        return replaced(test::good_policy, "company", "include = [" + std::string(list) + "]\ncompany");
    }
    tilsyn::test::TemporaryFolder folder_;
};

TEST_F(OnDisk, IncludesFilesInOrderAndOnce) {
    write("policy.toml", with_include("\"sections/b.toml\", \"sections/*.toml\", \"registers/*.toml\""));
    write("sections/b.toml", "[role.b]\ntitle = { da = \"B\", en = \"B\" }\n");
    write("sections/a.toml", "[role.a]\ntitle = { da = \"A\", en = \"A\" }\n");
    write("sections/.hidden.toml", "not toml");
    write(
        "registers/x.toml",
        "[register.wine-cellar]\ntitle = { da = \"Vinkælder\", en = \"Wine cellar\" }\n"
        "[[register.wine-cellar.field]]\nname = \"name\"\ntype = \"text\"\nlabel = { da = \"Navn\", en = \"Name\" }\n");
    const auto result = loaded();
    EXPECT_EQ(rendered(result.faults), "");
    std::vector<std::string> names;
    for (const auto& [name, content] : result.policy.files) names.push_back(name);
    EXPECT_THAT(names, ElementsAre("policy.toml", "sections/b.toml", "sections/a.toml", "registers/x.toml"));
    EXPECT_EQ(result.policy.roles.size(), 3U);
    EXPECT_NE(result.registers.find("wine-cellar"), nullptr);
    // From memory, as an applied version is kept: the same policy.
    const auto kinds = test::kinds();
    const auto again = load(result.policy.files, "policy.toml", kinds);
    EXPECT_EQ(rendered(again.faults), "");
    EXPECT_EQ(again.policy.hash, result.policy.hash);
    EXPECT_EQ(again.policy.controls[0].definition, result.policy.controls[0].definition);
}

TEST_F(OnDisk, NothingOutsideTheFolderIsRead) {
    tilsyn::test::TemporaryFolder elsewhere;
    ASSERT_TRUE(write_file(elsewhere.path() / "secret.toml", "[role.x]\ntitle = 1\n"));
    write("policy.toml",
          with_include(
              "\"../secret.toml\", \"/etc/passwd\", \"link.toml\", \"linked/*.toml\", \"no-such.toml\", \"sections\""));
    write("sections/a.toml", "");
    std::filesystem::create_symlink(elsewhere.path() / "secret.toml", folder_.path() / "link.toml");
    std::filesystem::create_directory_symlink(elsewhere.path(), folder_.path() / "linked");
    EXPECT_EQ(faults(),
              "policy.toml:4:12: “../secret.toml” lies outside the policy's folder\n"
              "  name it from the policy's own folder, without a leading “/” and without “..”\n"
              "policy.toml:4:30: “/etc/passwd” lies outside the policy's folder\n"
              "  name it from the policy's own folder, without a leading “/” and without “..”\n"
              "policy.toml:4:45: “link.toml” lies outside the policy's folder\n"
              "policy.toml:4:58: “linked/secret.toml” lies outside the policy's folder\n"
              "policy.toml:4:75: there is no file “no-such.toml” in the policy's folder\n"
              "  known here: link.toml, policy.toml\n"
              "policy.toml:4:91: “sections” is not an ordinary file\n");
}

TEST_F(OnDisk, ProceduresBelongToThePolicy) {
    write("policy.toml", replaced(test::good_policy, "severity = \"high\"",
                                  "severity = \"high\"\nprocedure = \"procedures/backup.md\""));
    write("procedures/backups.md", "# Backup\n");
    EXPECT_EQ(faults(),
              "policy.toml:34:13: there is no file “procedures/backup.md” in the policy's folder\n  did you mean "
              "“procedures/backups.md”?\n");
    write("procedures/backup.md", "# Backup\n");
    const auto before = loaded();
    EXPECT_EQ(rendered(before.faults), "");
    EXPECT_EQ(before.policy.files.back().first, "procedures/backup.md");
    write("procedures/backup.md", "# Backup, better\n");
    EXPECT_NE(loaded().policy.hash, before.policy.hash);
}

TEST(Hash, IsTheOneThatIsDocumented) {
    // printf 'tilsyn-policy/v1\0a.toml\0003\0x=1' | sha256sum
    const auto loaded = load(Files{{"b.toml", ""}, {"a.toml", "x=1"}}, "a.toml", {});
    EXPECT_EQ(loaded.policy.files.size(), 1U);
    EXPECT_EQ(loaded.policy.hash, "354b52e6917ef1900e093338e08e1073435cfa63cad26c3548d1a9108e4ffbd9");
}

}  // namespace
}  // namespace tilsyn::policy
