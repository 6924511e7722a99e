// The commands as they are typed: arguments in, exit code and text out, on a data folder of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/cli/document.hpp"
#include "base/file.hpp"
#include "commands.hpp"
#include "log/checkpoint.hpp"
#include "log/proofs.hpp"
#include "log/tlog_proof.hpp"
#include "support/temporary.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

struct Answer {
    int code = 0;
    std::string out, err;
    json read() const { return json::parse(out); }
};

Answer tilsyn(std::vector<std::string> arguments) {
    std::ostringstream out, err;
    cli::Terminal terminal;
    terminal.out = &out;
    terminal.err = &err;
    arguments.insert(arguments.end(), {"--lang", "en"});
    Answer answer;
    answer.code = run(arguments, terminal);
    answer.out = out.str();
    answer.err = err.str();
    return answer;
}

// --- the table ----------------------------------------------------------------------------------------------------

TEST(Table, EveryTextExistsInBothLanguages) {
    const auto expect = [](const std::string& key, const std::string& where) {
        for (const auto lang : {Lang::en, Lang::da})
            if (!key.empty()) EXPECT_NE(tr(lang, key), key) << where;
    };
    const auto expect_options = [&](const std::vector<cli::Option>& options, const std::string& where) {
        for (const auto& option : options) {
            EXPECT_FALSE(option.help.empty()) << where << " --" << option.name;
            expect(option.help, where);
        }
    };
    expect_options(cli::common_options(), "every command");
    for (const auto& command : table()) {
        EXPECT_FALSE(command.summary.empty()) << command.path;
        expect(command.summary, command.path);
        expect(command.help, command.path);
        expect_options(command.options, command.path);
        for (const auto& argument : command.arguments) expect(argument.help, command.path);
        for (const auto& exit : cli::exit_codes(command)) expect(exit.meaning, command.path);
    }
}

TEST(Table, ThePageOfCommandsIsUpToDate) {
    const auto page = cli::markdown(table());
    if (std::getenv("TILSYN_WRITE_EXPECTED") != nullptr) ASSERT_TRUE(write_file("docs/commands.md", page));
    const auto kept = read_file("docs/commands.md");
    ASSERT_TRUE(kept);
    EXPECT_EQ(*kept, page) << "docs/commands.md does not follow the table of commands; write it anew with: ./dev docs";
}

// --- splitting arguments ------------------------------------------------------------------------------------------

TEST(Parse, FindsTheDeepestCommandAndItsValues) {
    const auto parsed =
        cli::parse(table(), {"register", "set", "servers", "web1", "name=A b", "note=", "--as", "eva", "--data=/d"});
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->path, "register set");
    EXPECT_THAT(parsed->values.at("FIELD=VALUE"), ElementsAre("name=A b", "note="));
    EXPECT_THAT(parsed->values.at("as"), ElementsAre("eva"));
    EXPECT_THAT(parsed->values.at("data"), ElementsAre("/d"));
    EXPECT_TRUE(parsed->extras.empty());
}

TEST(Parse, TakesCommonOptionsAnywhere) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"--json", "policy", "versions"}, {"policy", "--json", "versions"}, {"policy", "versions", "--json"}}) {
        const auto parsed = cli::parse(table(), arguments);
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->path, "policy versions");
        EXPECT_TRUE(parsed->values.contains("json"));
    }
}

TEST(Parse, LeavesValuesInBracketsWhole) {
    const auto parsed = cli::parse(table(), {"exception", "grant", "a", "--reason", "[a, b]", "--until", "2026-12-31"});
    ASSERT_TRUE(parsed);
    EXPECT_THAT(parsed->values.at("reason"), ElementsAre("[a, b]"));
}

TEST(Parse, GivesBackWhatHasNoPlace) {
    const auto parsed = cli::parse(table(), {"policy", "versions", "--nonsense", "x"});
    ASSERT_TRUE(parsed);
    EXPECT_THAT(parsed->extras, ElementsAre("--nonsense", "x"));
    EXPECT_FALSE(cli::parse(table(), {"status", "--data"}));
    EXPECT_FALSE(cli::parse(table(), {"status", "--json=yes"}));
}

TEST(Parse, AWordIsACommandOnlyWhereOneMayStand) {
    const auto shown = cli::parse(table(), {"register", "show", "status", "check"});
    ASSERT_TRUE(shown);
    EXPECT_EQ(shown->path, "register show");
    EXPECT_THAT(shown->values.at("REGISTER"), ElementsAre("status"));
    EXPECT_THAT(shown->values.at("ID"), ElementsAre("check"));
    const auto behind_a_value = cli::parse(table(), {"--data", "register", "status", "--", "--json"});
    ASSERT_TRUE(behind_a_value);
    EXPECT_EQ(behind_a_value->path, "status");
    EXPECT_THAT(behind_a_value->values.at("CONTROL"), ElementsAre("--json"));
    EXPECT_FALSE(behind_a_value->values.contains("json"));
}

// --- commands -----------------------------------------------------------------------------------------------------

TEST(Commands, OverviewAndMistakes) {
    EXPECT_EQ(tilsyn({}).code, 0);
    EXPECT_THAT(tilsyn({}).out, HasSubstr("register"));
    EXPECT_THAT(tilsyn({"--version"}).out, HasSubstr(std::string(app::version)));
    EXPECT_EQ(tilsyn({"policy"}).code, 2);
    EXPECT_EQ(tilsyn({"policy", "--help"}).code, 0);
    const auto wrong = tilsyn({"polcy", "check"});
    EXPECT_EQ(wrong.code, 2);
    EXPECT_THAT(wrong.err, HasSubstr("did you mean tilsyn policy?"));
}

TEST(Commands, WithoutADataFolderSayWhatToDo) {
    const test::TemporaryFolder folder;
    const auto answer = tilsyn({"status", "--data", (folder.path() / "none").string()});
    EXPECT_EQ(answer.code, 2);
    EXPECT_THAT(answer.err, HasSubstr("tilsyn init --data"));
}

// One data folder for the rest: making it takes a second.
class WithData : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        folder_ = new test::TemporaryFolder;
        const auto made = tilsyn({"init", "--data", data(), "--json"});
        ASSERT_EQ(made.code, 0) << made.err;
        key_ = made.read().at("key");
    }
    static void TearDownTestSuite() {
        delete folder_;
        folder_ = nullptr;
    }
    static std::string data() { return (folder_->path() / "data").string(); }
    static std::string file(const std::string& name, std::string_view content) {
        const auto path = folder_->path() / name;
        std::ofstream(path, std::ios::binary) << content;
        return path.string();
    }
    static Answer on_data(std::vector<std::string> arguments) {
        arguments.insert(arguments.end(), {"--data", data()});
        return tilsyn(std::move(arguments));
    }

    static inline test::TemporaryFolder* folder_ = nullptr;
    static inline std::string key_;
};

TEST_F(WithData, InitRefusesToDoItTwice) {
    const auto again = on_data({"init"});
    EXPECT_EQ(again.code, 2);
    EXPECT_THAT(again.err, HasSubstr("holds a Tilsyn data folder already"));
}

TEST_F(WithData, PolicyCheckNamesPlaceAndCount) {
    const auto good = on_data({"policy", "check"});
    EXPECT_EQ(good.code, 0) << good.err;
    EXPECT_THAT(good.out, HasSubstr("no faults"));
    const auto bad = tilsyn({"policy", "check", file("bad.toml", "schema = 1\nid = 7\n")});
    EXPECT_EQ(bad.code, 1);
    EXPECT_THAT(bad.err, HasSubstr("bad.toml:2:"));
    const auto machine = tilsyn({"policy", "check", file("bad.toml", "schema = 1\nid = 7\n"), "--json"});
    EXPECT_EQ(machine.code, 1);
    EXPECT_EQ(machine.read().at("faults").at(0).at("line"), 1);  // what is missing is missing from the start
}

TEST_F(WithData, PolicyDiffFollowsAnEdit) {
    EXPECT_THAT(on_data({"policy", "diff"}).out, HasSubstr("nothing differs"));
    const auto path = data() + "/policy/policy.toml";
    const auto before = read_file(path).value();
    auto edited = before;
    const auto company = edited.find("company = ");
    ASSERT_NE(company, edited.npos);
    edited.replace(company, edited.find('\n', company) - company, "company = \"Nordlys ApS\"");
    ASSERT_TRUE(write_file(path, edited));
    const auto diff = on_data({"policy", "diff"});
    EXPECT_EQ(diff.code, 1);
    EXPECT_THAT(diff.out, HasSubstr("Nordlys ApS"));
    EXPECT_EQ(on_data({"policy", "apply", "--as", "eva"}).code, 0);
    EXPECT_EQ(on_data({"policy", "diff"}).code, 0);
    EXPECT_EQ(on_data({"policy", "diff", "--version", "1"}).code, 1);
    const auto versions = on_data({"policy", "versions", "--json"}).read();
    EXPECT_EQ(versions.at(0).at("applied_by"), "eva");
    EXPECT_THAT(on_data({"policy", "apply"}).out, HasSubstr("nothing has changed"));
}

TEST_F(WithData, PolicyCoverageHasEveryPromise) {
    const auto answer = on_data({"policy", "coverage"});
    EXPECT_EQ(answer.code, 0) << answer.out;
    EXPECT_THAT(answer.out, HasSubstr("126 of 126 promises have a control"));
}

TEST_F(WithData, RegisterRowsFromTheKeyboard) {
    EXPECT_THAT(on_data({"register", "list"}).out, HasSubstr("servers"));
    const auto added = on_data({"register", "add", "premises", "north", "name=Nord", "kind=office", "--as", "eva"});
    ASSERT_EQ(added.code, 0) << added.err;
    EXPECT_THAT(on_data({"register", "show", "premises", "north"}).out, HasSubstr("Nord"));
    EXPECT_EQ(on_data({"register", "set", "premises", "north", "name=Nordhavn", "--version", "1"}).code, 0);
    EXPECT_EQ(on_data({"register", "set", "premises", "north", "name=X", "--version", "1"}).code, 2)
        << "the row has moved on";
    const auto history = on_data({"register", "history", "premises", "north", "--json"}).read();
    EXPECT_EQ(history.size(), 2u);
    EXPECT_THAT(on_data({"register", "history", "premises", "north"}).out, HasSubstr("+ name = Nordhavn"));
    EXPECT_THAT(on_data({"register", "set", "premises", "north", "name"}).err, HasSubstr("field=value"));
    EXPECT_EQ(on_data({"register", "remove", "premises", "north"}).code, 0);
    EXPECT_EQ(on_data({"register", "show", "premises", "north"}).code, 2);
    EXPECT_THAT(on_data({"register", "list", "serverz"}).err, HasSubstr("servers"));
}

TEST_F(WithData, RegisterImportIsPreviewedAndAllOrNothing) {
    const auto good = file("p.csv", "id;name;kind\nsouth;Syd;office\neast;Øst;office\n");
    const auto preview = on_data({"register", "import", "premises", good, "--dry-run"});
    EXPECT_EQ(preview.code, 0) << preview.err;
    EXPECT_THAT(preview.out, HasSubstr("+ south"));
    EXPECT_THAT(preview.out, HasSubstr("2 new"));
    EXPECT_EQ(on_data({"register", "show", "premises", "south"}).code, 2) << "a preview changes nothing";
    const auto bad =
        on_data({"register", "import", "premises", file("q.csv", "id,name,kind\nwest,Vest,office\nBAD ID,x,office\n")});
    EXPECT_EQ(bad.code, 1);
    EXPECT_THAT(bad.err, HasSubstr("q.csv:3"));
    EXPECT_EQ(on_data({"register", "show", "premises", "west"}).code, 2) << "all or nothing";
    EXPECT_EQ(on_data({"register", "import", "premises", good}).code, 0);
    EXPECT_THAT(on_data({"register", "export", "premises"}).out, HasSubstr("Øst"));
    EXPECT_THAT(on_data({"register", "export", "premises", "--excel"}).out, testing::StartsWith("\xEF\xBB\xBF"));
}

TEST_F(WithData, KeysAreShownOnceAndRevoked) {
    const auto made = on_data({"key", "add", "monitoring", "--json"}).read().at("key").get<std::string>();
    EXPECT_THAT(made, testing::StartsWith("tilsyn_"));
    const auto keys = on_data({"key", "list", "--json"});
    EXPECT_THAT(keys.out, Not(HasSubstr(made)));
    std::string id;
    for (const auto& key : keys.read())
        if (key.at("name") == "monitoring") id = key.at("id");
    EXPECT_EQ(on_data({"key", "revoke", id}).code, 0);
    EXPECT_EQ(on_data({"key", "revoke", id}).code, 2);
    EXPECT_EQ(on_data({"key", "add", "x", "--role", "root"}).code, 2);
}

TEST_F(WithData, TheLogIsWholeAndSaysSo) {
    const auto verified = on_data({"log", "verify", "--json"});
    EXPECT_EQ(verified.code, 0) << verified.err;
    EXPECT_EQ(verified.read().at("root"), on_data({"log", "head", "--json"}).read().at("root"));
}

TEST_F(WithData, TheLogIsProvedToThoseWhoKnowItsKey) {
    const auto key = on_data({"log", "key", "--json"}).read();
    const auto vkey = key.at("vkeys").at(0).get<std::string>();
    const auto known = log::parse_vkey(vkey).value();
    EXPECT_THAT(on_data({"log", "key"}).out, HasSubstr("Not witnessed"));
    const auto note = on_data({"log", "checkpoint"});
    const auto opened = log::open_checkpoint(note.out, known);
    ASSERT_TRUE(opened) << render(opened.error(), Lang::en);
    const auto size = opened->checkpoint.size;

    const auto proof = log::parse_tlog_proof(on_data({"log", "prove", "3"}).out).value();
    EXPECT_TRUE(log::verify_inclusion(3, size, log::leaf_hash(proof.extra), proof.hashes, opened->checkpoint.root));
    EXPECT_EQ(on_data({"log", "prove", "x"}).code, 2);
    EXPECT_EQ(on_data({"log", "prove", "999999"}).code, 2);
    EXPECT_EQ(on_data({"log", "consistency", "2", std::to_string(size)}).code, 0);
    EXPECT_EQ(on_data({"log", "consistency", "9", "3"}).code, 2);
    const auto folder = (folder_->path() / "exported").string();
    EXPECT_EQ(on_data({"log", "export", folder}).code, 0);
    EXPECT_EQ(read_file(folder + "/checkpoint").value(), note.out);
    EXPECT_EQ(on_data({"log", "recover"}).code, 0) << "nothing to settle";
    EXPECT_EQ(on_data({"log", "recover", "--from", folder}).code, 0) << "nothing was lost";

    // A change of keys: both sign, then the new one alone.
    EXPECT_EQ(on_data({"log", "rotate", "--finish"}).code, 2) << "none has begun";
    ASSERT_EQ(on_data({"log", "rotate"}).code, 0);
    EXPECT_EQ(on_data({"log", "rotate"}).code, 2);
    const auto both = on_data({"log", "checkpoint"}).out;
    EXPECT_TRUE(log::open_checkpoint(both, known));
    const auto newer = on_data({"log", "key", "--json"}).read().at("vkeys").at(0).get<std::string>();
    EXPECT_TRUE(log::open_checkpoint(both, log::parse_vkey(newer).value()));
    ASSERT_EQ(on_data({"log", "rotate", "--finish"}).code, 0);
    EXPECT_FALSE(log::open_checkpoint(on_data({"log", "checkpoint"}).out, known));
    EXPECT_EQ(on_data({"log", "verify"}).code, 0);
}

TEST_F(WithData, EvidenceIsMadeAndChecked) {
    const auto pack = (folder_->path() / "pack.zip").string();
    const auto kept = file("kept", on_data({"log", "checkpoint"}).out);
    const auto made = on_data({"evidence", "--from", "2020-01-01", "--to", "2100-01-01", "--output", pack});
    ASSERT_EQ(made.code, 0) << made.err;
    const auto good = tilsyn({"verify", pack, "--kept", kept});
    EXPECT_EQ(good.code, 0) << good.out;
    EXPECT_THAT(good.out, HasSubstr("whole log"));
    EXPECT_EQ(tilsyn({"verify", pack, pack}).code, 0);
    // Kept from before the keys were changed: the log itself vouches for the key that signed it.
    const auto first = (folder_->path() / "exported/checkpoint").string();
    ASSERT_FALSE(log::open_checkpoint(
        read_file(first).value(),
        log::parse_vkey(on_data({"log", "key", "--json"}).read().at("vkeys").at(0).get<std::string>()).value()));
    EXPECT_EQ(tilsyn({"verify", pack, "--kept", first}).code, 0);
    const std::string text = "x\n1\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n";
    const log::Note forged{text, {log::sign_note(text, "x", crypto::SigningKey::generate())}};
    EXPECT_EQ(tilsyn({"verify", pack, "--kept", file("forged", log::to_string(forged))}).code, 1);
    EXPECT_EQ(tilsyn({"verify", kept}).code, 2) << "no pack at all";
    auto bytes = read_file(pack).value();
    bytes[bytes.find("log/checkpoint") + 40] ^= 1;
    EXPECT_NE(tilsyn({"verify", file("bad.zip", bytes)}).code, 0);
    EXPECT_EQ(on_data({"evidence", "--from", "yesterday", "--to", "2100-01-01", "--output", pack}).code, 2);
}

TEST_F(WithData, ExceptionsHaveAnEnd) {
    const auto control = on_data({"status", "--json"}).read().at("controls").at(0).at("id").get<std::string>();
    EXPECT_EQ(on_data({"exception", "grant", control, "--reason", "a new server is on its way"}).code, 2) << "no end";
    EXPECT_EQ(on_data({"exception", "grant", control, "--reason", "x", "--until", "2020-01-01"}).code, 2)
        << "over already";
    const auto granted = on_data(
        {"exception", "grant", control, "--reason", "a new server is on its way", "--until",
         format_date(std::chrono::floor<std::chrono::days>(SystemClock().now()) + std::chrono::days(30)), "--json"});
    ASSERT_EQ(granted.code, 0) << granted.err;
    EXPECT_THAT(on_data({"exception", "list"}).out, HasSubstr(control));
    EXPECT_EQ(on_data({"exception", "revoke", granted.read().at("id").get<std::string>()}).code, 0);
    EXPECT_THAT(on_data({"exception", "list"}).out, HasSubstr("no exception is in force"));
}

TEST_F(WithData, StatusOfOneControlAndOfNone) {
    const auto all = on_data({"status", "--json"}).read();
    const auto id = all.at("controls").at(0).at("id").get<std::string>();
    const auto one = on_data({"status", id});
    EXPECT_THAT(one.out, HasSubstr(id));
    const auto none = on_data({"status", id + "x"});
    EXPECT_EQ(none.code, 2);
    EXPECT_THAT(none.err, HasSubstr("did you mean " + id));
}

}  // namespace
}  // namespace tilsyn::commands
