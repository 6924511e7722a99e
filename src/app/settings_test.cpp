// tilsyn.toml: what it may hold, and where its faults are.
#include <gtest/gtest.h>

#include "app/app.hpp"
#include "base/file.hpp"
#include "support/temporary.hpp"

namespace tilsyn::app {
namespace {

class SettingsFile : public testing::Test {
  protected:
    Result<Settings> read(const std::string& text) {
        EXPECT_TRUE(write_file(folder_.path() / "tilsyn.toml", text));
        return read_settings(folder_.path());
    }
    std::string fault(const std::string& text) {
        const auto got = read(text);
        if (got) return "taken";
        if (!got.error().where) return "nowhere";
        EXPECT_EQ(got.error().where->file, (folder_.path() / "tilsyn.toml").string());
        return std::to_string(got.error().where->line) + ":" + std::to_string(got.error().where->column) + " " +
               got.error().message.key;
    }
    test::TemporaryFolder folder_;
};

TEST_F(SettingsFile, NeedNotBeThere) {
    const auto settings = read_settings(folder_.path());
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->address, "127.0.0.1") << "nobody else is let in until told otherwise";
    EXPECT_EQ(settings->port, 7373);
    EXPECT_EQ(settings->database, "");
}

TEST_F(SettingsFile, SaysWhatItSays) {
    const auto settings = read("# ours\ndatabase = 'postgresql:///t?host=/run'\naddress = \"::1\"\nport = 8080\n");
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->database, "postgresql:///t?host=/run");
    EXPECT_EQ(settings->address, "::1");
    EXPECT_EQ(settings->port, 8080);
    EXPECT_TRUE(read(""));
}

TEST_F(SettingsFile, FaultsAreNamedWhereTheyStand) {
    EXPECT_EQ(fault("port = 80\nadress = \"::1\"\n"), "2:10 app.bad-setting");
    EXPECT_EQ(fault("port = \"80\"\n"), "1:8 app.bad-setting");
    EXPECT_EQ(fault("port = 0\n"), "1:8 app.bad-setting");
    EXPECT_EQ(fault("port = 65536\n"), "1:8 app.bad-setting");
    EXPECT_EQ(fault("port = 9999999999\n"), "1:8 app.bad-setting");
    EXPECT_EQ(fault("\n  port = -1\n"), "2:10 app.bad-setting");
    EXPECT_EQ(fault("address = 1\n"), "1:11 app.bad-setting");
    EXPECT_EQ(fault("database = [\"a\"]\n"), "1:12 app.bad-setting");
    EXPECT_EQ(fault("[server]\nport = 1\n"), "1:1 app.bad-setting");
    EXPECT_EQ(fault("port = 1\nport = 2\n").substr(0, 2), "2:");
    EXPECT_EQ(fault("address = \"::1\nport = 1\n"), "1:15 app.bad-settings-file");
    EXPECT_EQ(fault("port 80\n"), "1:6 app.bad-settings-file");
}

TEST_F(SettingsFile, AFaultIsToldInBothLanguages) {
    const auto error = read("port = 0\n").error();
    EXPECT_NE(render(error, Lang::en).find("“port” is not a setting"), std::string::npos) << render(error, Lang::en);
    EXPECT_NE(render(error, Lang::da).find("“port” er ikke en indstilling"), std::string::npos)
        << render(error, Lang::da);
}

TEST_F(SettingsFile, StopsTheProgram) {
    std::filesystem::create_directories(folder_.path() / "policy");
    ASSERT_TRUE(write_file(folder_.path() / "tilsyn.toml", "port = 0\n"));
    const ManualClock clock{parse_utc("2026-11-23T08:00:00Z").value()};
    const auto opened = App::open({folder_.path(), {}}, clock);
    ASSERT_FALSE(opened);
    EXPECT_EQ(opened.error().message.key, "app.bad-setting");
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "tilsyn.db")) << "and before anything is made";
}

}  // namespace
}  // namespace tilsyn::app
