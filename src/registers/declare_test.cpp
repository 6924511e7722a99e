#include <gtest/gtest.h>

#include "registers/types.hpp"

namespace tilsyn::registers {
namespace {

constexpr std::string_view servers = R"(
[register.suppliers]
title = { da = "Leverandører", en = "Suppliers" }
singular = { da = "leverandør", en = "supplier" }
retention = "5 years"
ended_by = "ended_on"
[[register.suppliers.field]]
name = "country"
type = "country"
label = { da = "Land", en = "Country" }
required = true
[[register.suppliers.field]]
name = "ended_on"
type = "date"
label = "Ophørt"

[register.servers]
title = { da = "Servere", en = "Servers" }
[[register.servers.field]]
name = "supplier"
type = "reference"
references = "suppliers"
label = { da = "Leverandør", en = "Supplier" }
[[register.servers.field]]
name = "class"
type = "choice"
choices = [ { value = "customer", label = { da = "Kundens", en = "Customer's" } }, "own" ]
default = "own"
label = { da = "Klasse", en = "Class" }
[[register.servers.field]]
name = "contact"
type = "email"
personal = "ordinary"
label = { da = "Kontakt", en = "Contact" }
[[register.servers.field]]
name = "cores"
type = "integer"
min = 1
max = 512
default = 2
label = { da = "Kerner", en = "Cores" }
)";

std::string rendered(const std::vector<Error>& faults) {
    std::string out;
    for (const auto& fault : faults) out += render(fault, Lang::en) + "\n";
    return out;
}

TEST(Declare, BuiltInDeclarationsHaveNoFault) {
    EXPECT_NO_THROW(builtin());
    EXPECT_EQ(rendered(check_references(builtin())), "");
}

TEST(Declare, ReadsEverythingThatIsSaid) {
    Catalogue catalogue;
    ASSERT_EQ(rendered(parse_declarations(servers, "r.toml", catalogue)), "");
    ASSERT_EQ(rendered(check_references(catalogue)), "");
    EXPECT_EQ(catalogue.names(), (std::vector<std::string>{"suppliers", "servers"}));
    const auto* suppliers = catalogue.find("suppliers");
    EXPECT_EQ(suppliers->retention, "5 years");
    EXPECT_EQ(suppliers->ended_by, "ended_on");
    EXPECT_EQ(suppliers->field("ended_on")->label, (Text{"Ophørt", "Ophørt"}));
    EXPECT_FALSE(suppliers->personal());
    const auto* reg = catalogue.find("servers");
    EXPECT_TRUE(reg->personal());
    EXPECT_EQ(reg->field("supplier")->target, "suppliers");
    EXPECT_EQ(reg->field("class")->default_value, "own");
    EXPECT_EQ(reg->field("class")->choices[0].label.da, "Kundens");
    EXPECT_EQ(reg->field("cores")->default_value, "2");
    EXPECT_EQ(reg->field("cores")->max, 512);
    EXPECT_EQ(to_string(reg->field("class")->where), "r.toml:25:8");
}

TEST(Declare, ACompanyAddsAFieldToAKnownRegister) {
    Catalogue catalogue;
    ASSERT_TRUE(parse_declarations(servers, "r.toml", catalogue).empty());
    const auto faults = parse_declarations(R"([register.servers]
retention = "6 months"
[[register.servers.field]]
name = "rack"
type = "text"
label = "Rack"
)",
                                           "own.toml", catalogue);
    EXPECT_EQ(rendered(faults), "");
    EXPECT_EQ(catalogue.find("servers")->fields.back().name, "rack");
    EXPECT_EQ(catalogue.find("servers")->retention, "6 months");
    EXPECT_EQ(
        rendered(parse_declarations(R"([register.servers]
title = "Maskiner"
[[register.servers.field]]
name = "rack"
type = "text"
label = "Rack"
)",
                                    "again.toml", catalogue)),
        "again.toml:2:9: the register “servers” exists already, and title cannot be changed: only fields can be added\n"
        "again.toml:4:8: the register “servers” has a field “rack” already (own.toml:4:8)\n");
}

struct Case {
    const char* toml;
    const char* fault;
};

// Everything that can be wrong, each with the words that a person gets.
TEST(Declare, NamesEveryFaultWithItsPlace) {
    const std::string head = "[register.r]\ntitle = \"R\"\n[[register.r.field]]\nlabel = \"F\"\n";
    const Case cases[] = {
        {"name = \"f\"\ntype = \"txt\"",
         "f.toml:6:8: type = “txt” is unknown (expected text, long_text, integer, number, boolean, date, moment, "
         "duration, choice, choices, country, email, url, host, reference, references, roles, list)\n  did you mean "
         "“text”?\n"},
        {"name = \"f\"\ntype = \"text\"\nrequird = true",
         "f.toml:7:1: unknown key “requird” (expected name, type, label, help, required, unique, default, choices, "
         "references, personal, min, max)\n  did you mean “required”?\n"},
        {"name = \"f\"", "f.toml:5:8: field “f” has no type\n"},
        {"type = \"text\"", "f.toml:3:1: a field of “r” has no name\n"},
        {"name = \"select\"\ntype = \"text\"", "f.toml:5:8: “select” is a word of SQL and cannot be a name here\n"},
        {"name = \"id\"\ntype = \"text\"", "f.toml:5:8: every register has the field “id” already\n"},
        {"name = \"Rack\"\ntype = \"text\"",
         "f.toml:5:8: “Rack” cannot be the name of a field (a small letter, then small letters, digits and “_”, at "
         "most 48)\n"},
        {"name = 5\ntype = \"text\"", "f.toml:5:8: name: expected a text in quotation marks\n"},
        {"name = \"f\"\ntype = \"text\"\nrequired = \"yes\"", "f.toml:7:12: required: expected true or false\n"},
        {"name = \"f\"\ntype = \"text\"\nhelp = 7",
         "f.toml:7:8: help: expected a text, or { da = \"…\", en = \"…\" }\n"},
        {"name = \"f\"\ntype = \"text\"\nhelp = { dk = \"x\" }",
         "f.toml:7:10: unknown key “dk” (expected da, en)\n  did you mean “da”?\n"},
        {"name = \"f\"\ntype = \"text\"\npersonal = \"private\"",
         "f.toml:7:12: personal = “private” is unknown (expected none, ordinary, confidential, special)\n"},
        {"name = \"f\"\ntype = \"text\"\nmin = 1", "f.toml:7:7: field “f”: min is for the types integer and number\n"},
        {"name = \"f\"\ntype = \"number\"\nmin = 2\nmax = 1.5", "f.toml:8:7: field “f”: max is smaller than min\n"},
        {"name = \"f\"\ntype = \"number\"\nmin = \"1\"", "f.toml:7:7: min: expected a number\n"},
        {"name = \"f\"\ntype = \"list\"\nunique = true", "f.toml:7:10: field “f”: a list cannot be unique\n"},
        {"name = \"f\"\ntype = \"choice\"", "f.toml:5:8: field “f” needs choices, at least one\n"},
        {"name = \"f\"\ntype = \"choice\"\nchoices = [\"a\", \"b|c\", \"a\"]",
         "f.toml:7:17: field “f”: “b|c” cannot be a choice (not empty, no “|”, no blanks at the ends)\nf.toml:7:24: "
         "field “f”: the choice “a” stands twice\n"},
        {"name = \"f\"\ntype = \"text\"\nchoices = [\"a\"]",
         "f.toml:7:11: field “f”: only the types choice and choices have choices\n"},
        {"name = \"f\"\ntype = \"choices\"\nchoices = [1]",
         "f.toml:7:12: choices: expected a list such as [{ value = \"a\", label = { da = \"…\", en = \"…\" } }]\n"},
        {"name = \"f\"\ntype = \"reference\"",
         "f.toml:5:8: field “f” needs references = \"…\", the register it points to\n"},
        {"name = \"f\"\ntype = \"text\"\nreferences = \"r\"",
         "f.toml:7:14: field “f”: only the types reference and references point to a register\n"},
        {"name = \"f\"\ntype = \"boolean\"\ndefault = \"perhaps\"",
         "f.toml:7:11: f: “perhaps” is neither yes nor no (expected true, false, yes, no, 1 or 0)\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.r2]\ntitl = \"R2\"",
         "f.toml:7:11: the register “r2” has no title\nf.toml:7:11: the register “r2” has no fields\nf.toml:8:1: "
         "unknown key “titl” (expected title, singular, help, retention, ended_by, field)\n  did you mean “title”?\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.exceptions]\ntitle = \"E\"",
         "f.toml:7:11: “exceptions” is taken: Tilsyn or the database has a view of that name\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.table]\ntitle = \"E\"",
         "f.toml:7:11: “table” is a word of SQL and cannot be a name here\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.\"7up\"]\ntitle = \"E\"",
         "f.toml:7:11: “7up” cannot be the name of a register (a small letter, then small letters, digits, “-” and "
         "“_”, at most 48)\n"},
        {"name = \"f\"\ntype = \"text\"\n[register]\nx = 5",
         "f.toml:8:5: x: expected a table, such as [register.servers]\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.s]\ntitle = \"S\"\nfield = [5]",
         "f.toml:9:10: fields of “s” are written as [[register.s.field]]\n"},
        {"name = \"f\"\ntype = \"text\"\n[register.s]\ntitle = \"S\"\nended_by = \"g\"\nretention = \"5 "
         "jears\"\n[[register.s.field]]\nname = \"gone\"\ntype = \"text\"\nlabel = \"x\"",
         "f.toml:9:12: ended_by = “g” is not a date field of this register\nf.toml:10:13: retention = “5 jears” is not "
         "a time to keep (expected such as “5 years”, “6 months”, “30 days”)\n"},
        {"name = \"f\"\ntype = \"text\"\n[[register.a-b.field]]\nname = \"x\"\ntype = \"text\"\nlabel = "
         "\"x\"\n[register.a-b]\ntitle = \"x\"\n",
         ""},
    };
    for (const auto& one : cases) {
        Catalogue catalogue;
        EXPECT_EQ(rendered(parse_declarations(head + one.toml, "f.toml", catalogue)), one.fault) << one.toml;
    }
}

TEST(Declare, ReferencesAreCheckedWhenAllIsLoaded) {
    Catalogue catalogue;
    ASSERT_TRUE(
        parse_declarations("[register.a]\ntitle = \"A\"\n[[register.a.field]]\nname = \"b\"\ntype = \"reference\"\n"
                           "references = \"suplier\"\nlabel = \"B\"\n",
                           "a.toml", catalogue)
            .empty());
    EXPECT_EQ(rendered(check_references(catalogue)),
              "a.toml:6:14: field “b” of “a” points to the register “suplier”, which does not exist\n");
    ASSERT_TRUE(parse_declarations(servers, "r.toml", catalogue).empty());
    EXPECT_EQ(rendered(check_references(catalogue)),
              "a.toml:6:14: field “b” of “a” points to the register “suplier”, which does not exist\n  did you mean "
              "“suppliers”?\n");
}

TEST(Declare, TwoRegistersCannotShareAView) {
    Catalogue catalogue;
    ASSERT_TRUE(
        parse_declarations(
            "[register.a-b]\ntitle = \"A\"\n[[register.a-b.field]]\nname = \"x\"\ntype = \"text\"\nlabel = \"X\"",
            "a.toml", catalogue)
            .empty());
    EXPECT_EQ(rendered(parse_declarations("[register.a_b]\ntitle = \"A\"\n", "b.toml", catalogue)),
              "b.toml:1:11: the registers “a_b” and “a-b” would have the same name in SQL\n");
}

TEST(Declare, BrokenTomlIsAFaultWithItsPlace) {
    Catalogue catalogue;
    const auto faults = parse_declarations("[register.r]\ntitle = \"R\ntitle\n", "b.toml", catalogue);
    ASSERT_EQ(faults.size(), 1u);
    EXPECT_EQ(faults[0].where->line, 2);
    EXPECT_FALSE(faults[0].detail.empty());
}

}  // namespace
}  // namespace tilsyn::registers
