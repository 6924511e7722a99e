#include <gtest/gtest.h>

#include "base/file.hpp"
#include "base/i18n.hpp"
#include "base/random.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "base/zone.hpp"

namespace tilsyn {
namespace {

TEST(Time, FormatsAndParsesUtc) {
    const auto t = parse_utc("2026-11-23T04:05:06.789Z");
    ASSERT_TRUE(t);
    EXPECT_EQ(format_utc(*t), "2026-11-23T04:05:06.789Z");
    EXPECT_EQ(parse_utc("2026-11-23T05:05:06.789+01:00").value(), *t);
    for (const char* bad : {"", "2026-11-23", "2026-02-30T00:00:00Z", "2026-11-23T24:00:00Z", "2026-11-23T04:05:06",
                            "2026-11-23T04:05:06.Z", "2026-11-23T04:05:06Zx"})
        EXPECT_FALSE(parse_utc(bad)) << bad;
}

TEST(Time, Durations) {
    using namespace std::chrono_literals;
    EXPECT_EQ(parse_duration("1h30m").value(), 90min);
    EXPECT_EQ(parse_duration("2 days").value(), 48h);
    EXPECT_EQ(parse_duration("1 week").value(), 168h);
    EXPECT_EQ(format_duration(90min), "1h30m");
    for (const char* bad : {"", "soon", "5", "h", "-1h", "99999999999999h", "1 month"})
        EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Time, HumanizeHasPlurals) {
    EXPECT_EQ(humanize(std::chrono::seconds(1), Lang::da), "1 sekund");
    EXPECT_EQ(humanize(std::chrono::hours(5), Lang::da), "5 timer");
    EXPECT_EQ(humanize(std::chrono::hours(24 * 400), Lang::en), "13 months");
}

TEST(Zone, DaylightSavingInCopenhagen) {
    const auto zone = Zone::find("Europe/Copenhagen");
    ASSERT_TRUE(zone);
    using namespace std::chrono;
    // 29 March 2026: 02:30 does not exist; it moves forward to 03:30 = 01:30 UTC.
    EXPECT_EQ(format_utc_seconds(zone->utc_of({2026y / 3 / 29, hours(2) + minutes(30)})), "2026-03-29T01:30:00Z");
    // 25 October 2026: 02:30 comes twice; the first is summer time.
    EXPECT_EQ(format_utc_seconds(zone->utc_of({2026y / 10 / 25, hours(2) + minutes(30)})), "2026-10-25T00:30:00Z");
    EXPECT_EQ(zone->format(parse_utc("2026-07-01T12:00:00Z").value()), "2026-07-01 14:00");
    EXPECT_FALSE(Zone::find("Europe/Kobenhavn"));
}

TEST(Text, NearestName) {
    const std::vector<std::string> names{"owner", "severity", "procedure"};
    EXPECT_EQ(nearest("ownr", names), "owner");
    EXPECT_EQ(nearest("serverity", names), "severity");
    EXPECT_EQ(nearest("onwer", names), "owner");  // two letters swapped are one slip
    EXPECT_FALSE(nearest("banana", names));
}

TEST(Text, Utf8) {
    EXPECT_TRUE(valid_utf8("blåbærgrød €"));
    EXPECT_FALSE(valid_utf8("\xC3"));
    EXPECT_FALSE(valid_utf8("\xED\xA0\x80"));  // a surrogate
    EXPECT_FALSE(valid_utf8("\xC0\x80"));      // overlong
    EXPECT_EQ(display_width("blåbær"), 6U);
    EXPECT_EQ(shorten("blåbærgrød", 5), "blåb…");
}

TEST(Random, IdsDiffer) {
    const auto a = random_id(), b = random_id();
    EXPECT_EQ(a.size(), 26U);
    EXPECT_NE(a, b);
    EXPECT_TRUE(valid_id(a));
}

TEST(File, WriteThenRead) {
    const auto path = std::filesystem::temp_directory_path() / ("tilsyn-" + random_id());
    ASSERT_TRUE(write_file(path, "hello", 0600));
    EXPECT_EQ(read_file(path).value(), "hello");
    using enum std::filesystem::perms;
    EXPECT_EQ(std::filesystem::status(path).permissions(), owner_read | owner_write);
    EXPECT_EQ(read_file(path, 3).error().code, Code::too_large);
    std::filesystem::remove(path);
    EXPECT_EQ(read_file(path).error().code, Code::not_found);
    EXPECT_FALSE(write_file("/nonexistent-folder/x", "y"));
}

TEST(Error, RendersPositionHintAndDetail) {
    const Result<int> r =
        fail(Code::not_found, "base.cannot-read", {{"path", "x"}}).detail("No such file").at({"p.toml", 3, 7});
    EXPECT_EQ(render(r.error(), Lang::en), "p.toml:3:7: cannot read x: No such file");
    EXPECT_EQ(render(r.error(), Lang::da, false), "p.toml:3:7: kan ikke læse x");
}

}  // namespace
}  // namespace tilsyn
