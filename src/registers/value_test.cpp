#include "registers/value.hpp"

#include <gtest/gtest.h>

#include "registers/countries.hpp"

namespace tilsyn::registers {
namespace {

Field of(FieldType type) {
    Field field;
    field.name = "f";
    field.type = type;
    if (type == FieldType::choice || type == FieldType::choices)
        field.choices = {{"customer", {"Customer's", "Kundens"}}, {"own", {"Own", "Vores egen"}}};
    return field;
}

std::string key_of(const Result<std::string>& result) {
    return result ? "" : result.error().message.key;
}

TEST(Value, BringsWhatPeopleTypeToOneForm) {
    struct {
        FieldType type;
        const char* typed;
        const char* kept;
    } const cases[] = {
        {FieldType::text, "  Møllers Værksted ", "Møllers Værksted"},
        {FieldType::long_text, "a\r\nb\rc\n", "a\nb\nc"},
        {FieldType::integer, "+007", "7"},
        {FieldType::integer, "-9223372036854775808", "-9223372036854775808"},
        {FieldType::number, "0,5", "0.5"},
        {FieldType::number, "1.50", "1.5"},
        {FieldType::number, "3", "3"},
        {FieldType::number, "-0", "0"},
        {FieldType::boolean, "Ja", "true"},
        {FieldType::boolean, "0", "false"},
        {FieldType::date, "2026-11-23", "2026-11-23"},
        {FieldType::date, "23-11-2026", "2026-11-23"},
        {FieldType::date, "23.11.2026", "2026-11-23"},
        {FieldType::moment, "2026-11-23T04:05:06.789+01:00", "2026-11-23T03:05:06Z"},
        {FieldType::duration, "24h", "1d"},
        {FieldType::duration, "0 s", "0s"},
        {FieldType::duration, "1h30m", "90m"},
        {FieldType::choice, "kundens", "customer"},
        {FieldType::choice, "own", "own"},
        {FieldType::choices, "own | Kundens|own", "own|customer"},
        {FieldType::country, "dk", "DK"},
        {FieldType::email, "Søren.Ø@Eksempel.DK", "Søren.Ø@eksempel.dk"},
        {FieldType::url, "HTTPS://Eksempel.dk:8443/Sti?q=1", "https://eksempel.dk:8443/Sti?q=1"},
        {FieldType::url, "sftp://backup@example.com/repo", "sftp://backup@example.com/repo"},
        {FieldType::url, "https://[2001:DB8::1]/", "https://[2001:db8::1]/"},
        {FieldType::host, "WWW.Eksempel.dk.", "www.eksempel.dk"},
        {FieldType::host, "192.0.2.7", "192.0.2.7"},
        {FieldType::host, "2001:0DB8:0::1", "2001:db8::1"},
        {FieldType::reference, "web1", "web1"},
        {FieldType::references, "web1| web2 |web1|", "web1|web2"},
        {FieldType::roles, "it|management", "it|management"},
        {FieldType::list, "a| b |a", "a|b|a"},
        {FieldType::integer, "   ", ""},
    };
    for (const auto& one : cases) {
        const auto field = of(one.type);
        const auto kept = normalise(field, one.typed);
        ASSERT_TRUE(kept) << to_string(one.type) << " " << one.typed << ": " << render(kept.error(), Lang::en);
        EXPECT_EQ(*kept, one.kept) << to_string(one.type) << " " << one.typed;
        EXPECT_EQ(normalise(field, *kept).value(), *kept) << "the normal form stays as it is";
    }
}

TEST(Value, RefusesTheRestWithAReason) {
    struct {
        FieldType type;
        std::string typed;
        const char* key;
    } const cases[] = {
        {FieldType::text, "a\nb", "registers.text-has-lines"},
        {FieldType::text,
         "a\x01"
         "b",
         "registers.text-control"},
        {FieldType::text, std::string("a\0b", 3), "registers.text-control"},
        {FieldType::text, "caf\xE9", "registers.text-not-utf8"},
        {FieldType::text, std::string(max_text_bytes + 1, 'x'), "registers.text-too-long"},
        {FieldType::long_text, std::string(max_long_text_bytes + 1, 'x'), "registers.text-too-long"},
        {FieldType::integer, "1.0", "registers.bad-integer"},
        {FieldType::integer, "9223372036854775808", "registers.bad-integer"},
        {FieldType::integer, "+-1", "registers.bad-integer"},
        {FieldType::number, "1,234", "registers.number-comma"},
        {FieldType::number, "1.234,5", "registers.bad-number"},
        {FieldType::number, "1,2,3", "registers.bad-number"},
        {FieldType::number, "nan", "registers.bad-number"},
        {FieldType::number, "1e999", "registers.bad-number"},
        {FieldType::boolean, "måske", "registers.bad-boolean"},
        {FieldType::date, "11/23/2026", "registers.bad-date"},
        {FieldType::date, "31-11-2026", "registers.bad-date"},
        {FieldType::date, "0000-01-01", "registers.bad-date"},
        {FieldType::moment, "2026-11-23T04:05:06", "registers.bad-moment"},
        {FieldType::moment, "0000-01-01T00:00:00+23:59", "registers.bad-moment"},
        {FieldType::duration, "1 fortnight", "registers.bad-duration"},
        {FieldType::duration, "500ms", "registers.bad-duration"},
        {FieldType::choice, "costumer", "registers.bad-choice"},
        {FieldType::choices, "own|costumer", "registers.bad-choice"},
        {FieldType::country, "Danmark", "registers.bad-country"},
        {FieldType::country, "UK", "registers.bad-country"},
        {FieldType::email, "a@b", "registers.bad-email"},
        {FieldType::email, "a b@example.com", "registers.bad-email"},
        {FieldType::email, "@example.com", "registers.bad-email"},
        {FieldType::url, "example.com", "registers.bad-url"},
        {FieldType::url, "javascript://x.y/%0aalert(1)", "registers.bad-url"},
        {FieldType::url, "https://user:secret@example.com/", "registers.bad-url"},
        {FieldType::url, "https://example.com:99999/", "registers.bad-url"},
        {FieldType::url, "https:///sti", "registers.bad-url"},
        {FieldType::host, "300.1.2.3", "registers.bad-host"},
        {FieldType::host, "a..b", "registers.bad-host"},
        {FieldType::host, "-a.dk", "registers.bad-host"},
        {FieldType::host, "https://a.dk", "registers.bad-host"},
        {FieldType::reference, "Web 1", "registers.bad-reference"},
        {FieldType::roles, "IT", "registers.bad-reference"},
    };
    for (const auto& one : cases) {
        const auto result = normalise(of(one.type), one.typed);
        EXPECT_EQ(key_of(result), one.key) << one.typed.substr(0, 50);
        if (!result) {
            EXPECT_EQ(result.error().message.params.front(), (std::pair<std::string, std::string>("field", "f")));
        }
    }
    EXPECT_EQ(render(normalise(of(FieldType::choice), "costumer").error(), Lang::en),
              "f: “costumer” is not one of the choices (customer, own)\n  did you mean “customer”?");
}

TEST(Value, LimitsOfNumbers) {
    auto field = of(FieldType::integer);
    field.min = 1;
    field.max = 10;
    EXPECT_EQ(key_of(normalise(field, "0")), "registers.number-too-small");
    EXPECT_EQ(key_of(normalise(field, "11")), "registers.number-too-large");
    EXPECT_EQ(normalise(field, "10").value(), "10");
}

TEST(Value, FoldsTheLettersOfEurope) {
    EXPECT_EQ(fold_case("ÆØÅ ÖŽŁ ΑΩ ДЯ Ab"), "æøå öžł αω дя ab");
    EXPECT_EQ(fold_case("×ß日本"), "×ß日本");
}

TEST(Countries, AreTheRightOnes) {
    EXPECT_EQ(countries().size(), 249u);
    EXPECT_EQ(eu_countries().size(), 27u);
    EXPECT_EQ(eea_countries().size(), 30u);
    EXPECT_TRUE(is_eea("NO") && !is_eu("NO") && is_eu("GR") && is_eea("DK"));
    EXPECT_FALSE(is_eea("GB") || is_eea("CH") || is_eea("US") || is_country("EL"));
}

}  // namespace
}  // namespace tilsyn::registers
