// The table, what is made of it, and how mistakes are answered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "app/cli/document.hpp"
#include "app/cli/invocation.hpp"
#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Result<int> nothing(Invocation&) {
    return 0;
}

const Table& table() {
    static const Table commands{
        {.path = "status",
         .summary = "cli.status",
         .arguments = {{.name = "CONTROL", .help = "cli.status-control", .arity = Arity::optional}},
         .handler = nothing},
        {.path = "register", .summary = "cli.register"},
        {.path = "register import",
         .summary = "cli.register-import",
         .help = "cli.register-import-help",
         .arguments = {{.name = "REGISTER", .help = "cli.register-name"},
                       {.name = "FILE", .help = "cli.import-file", .values = Values::file}},
         .options = {{.name = "format", .value = "FORMAT", .help = "cli.option-format", .choices = {"csv", "json"}},
                     {.name = "dry-run", .help = "cli.option-dry-run"}},
         .exits = {{1, "cli.exit-import"}},
         .handler = nothing},
        {.path = "register set",
         .summary = "cli.register-set",
         .arguments = {{.name = "FIELD=VALUE", .help = "cli.fields", .arity = Arity::several}},
         .options = {{.name = "reason", .value = "TEXT", .help = "cli.option-reason", .required = true}},
         .handler = nothing},
    };
    return commands;
}

Terminal quiet() {
    static std::ostringstream out, err;
    Terminal terminal;
    terminal.out = &out;
    terminal.err = &err;
    return terminal;
}

Result<std::variant<Invocation, std::string>> asked(Parsed parsed) {
    parsed.values["lang"] = {parsed.values.contains("lang") ? parsed.values["lang"].front() : "en"};
    return interpret(table(), parsed, quiet());
}

std::string complaint(Parsed parsed) {
    const auto result = asked(std::move(parsed));
    return result ? "no complaint" : render(result.error(), Lang::en);
}

TEST(Invocation, CarriesWhatWasAsked) {
    const auto result = asked({.path = "register import",
                               .values = {{"REGISTER", {"servers"}},
                                          {"FILE", {"a.csv"}},
                                          {"dry-run", {}},
                                          {"data", {"/d"}},
                                          {"json", {}},
                                          {"lang", {"da"}}},
                               .extras = {}});
    ASSERT_TRUE(result);
    const auto& call = std::get<Invocation>(*result);
    EXPECT_EQ(call.command->path, "register import");
    EXPECT_EQ(call.get("FILE"), "a.csv");
    EXPECT_EQ(call.get("format", "csv"), "csv");
    EXPECT_TRUE(call.has("dry-run"));
    EXPECT_TRUE(call.json);
    EXPECT_EQ(call.lang, Lang::da);
    EXPECT_EQ(call.data, "/d");
}

TEST(Invocation, TheDataFolderIsTheOptionElseTheEnvironmentElseHere) {
    ::unsetenv("TILSYN_DATA");
    EXPECT_EQ(std::get<Invocation>(*asked({.path = "status", .values = {}, .extras = {}})).data, "data");
    ::setenv("TILSYN_DATA", "/srv/t", 1);
    EXPECT_EQ(std::get<Invocation>(*asked({.path = "status", .values = {}, .extras = {}})).data, "/srv/t");
    EXPECT_EQ(std::get<Invocation>(*asked({.path = "status", .values = {{"data", {"x"}}}, .extras = {}})).data, "x");
    ::unsetenv("TILSYN_DATA");
}

TEST(Invocation, NamesTheNearestCommandAndOption) {
    EXPECT_THAT(complaint({.path = "", .values = {}, .extras = {"statsu"}}), HasSubstr("did you mean tilsyn status?"));
    EXPECT_THAT(complaint({.path = "register", .values = {}, .extras = {"imprt"}}),
                HasSubstr("did you mean tilsyn register import?"));
    EXPECT_THAT(complaint({.path = "register import", .values = {}, .extras = {"--dry-rnu"}}),
                HasSubstr("did you mean --dry-run?"));
    EXPECT_THAT(complaint({.path = "register import", .values = {}, .extras = {"--colour-me"}}),
                HasSubstr("tilsyn register import --help"));
    EXPECT_THAT(complaint({.path = "", .values = {}, .extras = {"zzzzzzzzz"}}), HasSubstr("see tilsyn --help"));
}

TEST(Invocation, SaysWhatIsMissingOrTooMuch) {
    EXPECT_THAT(complaint({.path = "register import", .values = {{"REGISTER", {"servers"}}}, .extras = {}}),
                HasSubstr("FILE is missing"));
    EXPECT_THAT(complaint({.path = "register set", .values = {{"FIELD=VALUE", {"a=b"}}}, .extras = {}}),
                HasSubstr("--reason TEXT is missing"));
    EXPECT_THAT(complaint({.path = "register set", .values = {{"reason", {"x"}}}, .extras = {}}),
                HasSubstr("FIELD=VALUE is missing"));
    EXPECT_THAT(complaint({.path = "status", .values = {{"CONTROL", {"a"}}}, .extras = {"b"}}),
                HasSubstr("“b” is one argument too many"));
    EXPECT_THAT(complaint({.path = "register import",
                           .values = {{"REGISTER", {"s"}}, {"FILE", {"f"}}, {"format", {"cvs"}}},
                           .extras = {}}),
                HasSubstr("did you mean csv?"));
    EXPECT_THAT(complaint({.path = "status", .values = {{"data", {"a", "b"}}}, .extras = {}}),
                HasSubstr("--data is given twice"));
}

TEST(Invocation, HelpComesBeforeAnythingMissing) {
    const auto result = asked({.path = "register import", .values = {{"help", {}}}, .extras = {}});
    ASSERT_TRUE(result);
    const auto& text = std::get<std::string>(*result);
    EXPECT_THAT(text, HasSubstr("tilsyn register import [--format FORMAT] [--dry-run] REGISTER FILE"));
    EXPECT_THAT(text, HasSubstr("  1  a line is faulty, and nothing was imported"));
    EXPECT_THAT(text, HasSubstr("(csv, json)"));
}

TEST(Terminal, PaintsOnlyWhenAsked) {
    Terminal terminal;
    EXPECT_EQ(terminal.red("x"), "x");
    terminal.color = true;
    EXPECT_EQ(terminal.red("x"), "\033[31mx\033[0m");
}

TEST(Columns, AlignByWhatIsSeenNotByBytes) {
    Terminal terminal;
    Columns columns({"navn", "antal", "note"});
    columns.add({"Blåbærgrød", "1", "a"});
    columns.add({"x", "20", ""});
    EXPECT_EQ(columns.render(terminal), "navn        antal  note\nBlåbærgrød  1      a\nx           20\n");
}

TEST(Columns, NeverWiderThanTheTerminal) {
    Terminal terminal;
    terminal.width = 40;
    Columns columns({"id", "what", "more"});
    columns.add({std::string(60, 'a'), std::string(60, 'b'), std::string(60, 'c')});
    std::istringstream lines(columns.render(terminal));
    for (std::string line; std::getline(lines, line);) EXPECT_LE(display_width(line), 40u) << line;
}

TEST(Progress, SaysNothingWhereNobodyLooks) {
    std::ostringstream err;
    Terminal terminal;
    terminal.err = &err;
    {
        Progress progress(terminal, "Working");
        progress.update(1, 2);
    }
    EXPECT_EQ(err.str(), "");
}

TEST(Pages, ManPagesEscapeWhatRoffReads) {
    const auto pages = man_pages(table(), Lang::en, "1.2.3", "2026-11-23");
    std::vector<std::string> names;
    for (const auto& [name, text] : pages) names.push_back(name);
    EXPECT_THAT(names, ElementsAre("tilsyn.1", "tilsyn-status.1", "tilsyn-register.1"));
    const auto& text = pages.back().second;
    EXPECT_THAT(text, HasSubstr(".TH TILSYN\\-REGISTER 1 2026-11-23 \"Tilsyn 1.2.3\""));
    EXPECT_THAT(text, HasSubstr("\\-\\-dry\\-run"));
    EXPECT_THAT(text, HasSubstr("exit code 1"));
    EXPECT_THAT(text, Not(HasSubstr("--")));
}

TEST(Pages, TheMarkdownNamesEveryCommandOnce) {
    const auto page = markdown(table());
    for (const auto& command : table()) {
        if (!command.handler) continue;
        const auto head = "### tilsyn " + command.path + "\n";
        const auto first = page.find(head);
        ASSERT_NE(first, page.npos) << head;
        EXPECT_EQ(page.find(head, first + 1), page.npos) << head;
    }
}

// Runs the script in bash itself and asks it as a person at the keyboard would.
std::vector<std::string> completed(const std::vector<std::string>& words) {
    std::string script = completion(table(), "bash", Lang::en) + "\nCOMP_WORDS=(";
    for (const auto& word : words) script += " '" + word + "'";
    script += ")\nCOMP_CWORD=" + std::to_string(words.size() - 1) + "\n_tilsyn\nprintf '%s\\n' \"${COMPREPLY[@]}\"\n";
    std::string quoted;
    for (const char c : script) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    FILE* pipe = ::popen(("bash -euc '" + quoted + "' 2>&1").c_str(), "r");
    std::string answer;
    for (char block[4096]; pipe != nullptr && std::fgets(block, sizeof block, pipe) != nullptr;) answer += block;
    if (pipe == nullptr || ::pclose(pipe) != 0) return {"bash failed: " + answer};
    std::vector<std::string> lines;
    for (const auto line : split(answer, '\n'))
        if (!line.empty()) lines.emplace_back(line);
    return lines;
}

TEST(Completion, BashOffersWhatFits) {
    EXPECT_THAT(completed({"tilsyn", ""}), ElementsAre("status", "register"));
    EXPECT_THAT(completed({"tilsyn", "register", "im"}), ElementsAre("import"));
    EXPECT_THAT(completed({"tilsyn", "--data", "/tmp", "register", "s"}), ElementsAre("set"));
    EXPECT_THAT(completed({"tilsyn", "register", "import", "--dr"}), ElementsAre("--dry-run"));
    EXPECT_THAT(completed({"tilsyn", "register", "import", "--format", ""}), ElementsAre("csv", "json"));
    EXPECT_THAT(completed({"tilsyn", "status", "--lang", "d"}), ElementsAre("da"));
}

TEST(Completion, OtherShellsNameEveryCommandAndOption) {
    for (const auto& shell : {"zsh", "fish"}) {
        const auto script = completion(table(), shell, Lang::en);
        for (const auto& command : table()) {
            EXPECT_THAT(script, HasSubstr(std::string(command.name()))) << shell;
            for (const auto& option : command.options) EXPECT_THAT(script, HasSubstr(option.name)) << shell;
        }
    }
}

}  // namespace
}  // namespace tilsyn::cli
