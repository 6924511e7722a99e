#include "registers/reference.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/file.hpp"

namespace tilsyn::registers {
namespace {

constexpr std::string_view declarations = R"([register.tape-robots]
title = { da = "Båndrobotter", en = "Tape robots" }
help = "What moves tapes"
retention = "5 years"
ended_by = "gone_on"
[[register.tape-robots.field]]
name = "slots"
type = "integer"
required = true
min = 1
label = { da = "Pladser", en = "Slots" }
[[register.tape-robots.field]]
name = "state"
type = "choice"
choices = [{ value = "on", label = { da = "Tændt", en = "On" } }, "off"]
default = "on"
label = { da = "Tilstand", en = "State" }
help = { da = "a|b", en = "on | off" }
[[register.tape-robots.field]]
name = "gone_on"
type = "date"
personal = "ordinary"
label = { da = "Væk", en = "Gone" }
[[register.tape-robots.field]]
name = "next"
type = "reference"
references = "tape-robots"
label = "Next"
)";

Catalogue catalogue() {
    Catalogue out;
    EXPECT_TRUE(parse_declarations(declarations, "t.toml", out).empty());
    return out;
}

TEST(Reference, IsAPageThatPeopleCanRead) {
    const auto page = reference_markdown(catalogue());
    EXPECT_NE(page.find(R"(## tape-robots

**Tape robots** (Båndrobotter). What moves tapes.

SQL view `tape_robots`. A row has ended after `gone_on`. Kept 5 years after that. Holds personal data.

| field | Danish | type | |
|---|---|---|---|
| `slots` Slots | Pladser | integer, at least 1, required |  |
| `state` State | Tilstand | choice, default `on` | on \| off. One of: `on` (On), `off`. |
| `gone_on` Gone | Væk | date; personal data (ordinary) |  |
| `next` Next | Next | reference to [tape-robots](#tape-robots) |  |
)"),
              page.npos)
        << page;
}

TEST(Reference, AndAnObjectThatProgramsCanRead) {
    const auto json = to_json(catalogue());
    EXPECT_EQ(json[0]["view"], "tape_robots");
    EXPECT_EQ(json[0]["title"]["da"], "Båndrobotter");
    EXPECT_EQ(
        json[0]["fields"][1].dump(),
        R"({"name":"state","type":"choice","label":{"en":"State","da":"Tilstand"},"help":{"en":"on | off","da":"a|b"},"required":false,)"
        R"("unique":false,"default":"on","choices":[{"value":"on","label":{"en":"On","da":"Tændt"}},{"value":"off","label":{"en":"off","da":"off"}}],"personal":"none"})");
    EXPECT_EQ(json[0]["fields"][3]["references"], "tape-robots");
}

TEST(Reference, ThePageInTheDocsIsUpToDate) {
    const auto page = reference_markdown(builtin());
    if (std::getenv("TILSYN_WRITE_EXPECTED") != nullptr) {
        ASSERT_TRUE(write_file("docs/registers.md", page));
    }
    const auto kept = read_file("docs/registers.md");
    EXPECT_TRUE(kept && *kept == page)
        << "docs/registers.md does not follow the declarations; run with TILSYN_WRITE_EXPECTED=1 to write it anew";
}

TEST(Reference, EveryRegisterThatShipsIsOnThePage) {
    const auto page = reference_markdown(builtin());
    for (const auto& entry : builtin().all())
        EXPECT_NE(page.find("\n## " + entry.name + "\n"), page.npos) << entry.name;
    EXPECT_EQ(to_json(builtin()).size(), builtin().all().size());
}

}  // namespace
}  // namespace tilsyn::registers
