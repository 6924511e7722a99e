// First facts about a machine, from made-up files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/init.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "support/temporary.hpp"

namespace tilsyn::app {
namespace {

using testing::ElementsAre;

class Discover : public testing::Test {
  protected:
    void file(const std::string& name, const std::string& content) {
        const auto path = machine_.path() / name;
        std::filesystem::create_directories(path.parent_path());
        ASSERT_TRUE(write_file(path, content));
    }
    std::vector<Discovered> look() { return discover(machine_.path(), "/var/lib/tilsyn"); }
    std::vector<std::string> ids() {
        std::vector<std::string> out;
        for (const auto& row : look()) out.push_back(row.register_name + "/" + row.id);
        return out;
    }
    std::string source() {
        for (const auto& row : look())
            if (row.id == "package-source") return row.fields.at("url");
        return {};
    }

    test::TemporaryFolder machine_;
};

TEST_F(Discover, AWholeMachine) {
    file("proc/sys/kernel/hostname", "Web_1.example.com\n");
    file("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\n");
    file(
        "etc/apt/sources.list",
        "# deb http://no.example/debian bookworm main\ndeb [signed-by=/k] https://deb.example/debian/ bookworm main\n");
    file("proc/net/tcp",
         "  sl  local_address rem_address   st tx_queue\n   0: 00000000:0016 00000000:0000 0A 0:0\n   1: 0100007F:1538 "
         "0100007F:9999 01 0:0\n");
    file("proc/net/tcp6",
         "  sl  local_address rem_address   st\n   0: 00000000000000000000000000000000:01BB 0:0 0A 0\n   1: 0:0016 0:0 "
         "0A 0\n");
    const auto rows = look();
    EXPECT_THAT(ids(),
                ElementsAre("servers/web-1.example.com", "services/package-source", "services/web-1.example.com-22",
                            "services/web-1.example.com-443", "data-sets/tilsyn"));
    EXPECT_EQ(rows[0].fields.at("hostname"), "Web_1.example.com");
    EXPECT_EQ(rows[0].fields.at("operating_system"), "Debian GNU/Linux 12 (bookworm)");
    EXPECT_EQ(rows[1].fields.at("url"), "https://deb.example/debian/dists/bookworm/InRelease");
    EXPECT_EQ(rows[2].fields.at("name"), "SSH on Web_1.example.com");
    EXPECT_EQ(rows[2].fields.at("port"), "22");
    EXPECT_EQ(rows[2].fields.at("server"), "web-1.example.com");
    EXPECT_EQ(rows[4].fields.at("name"), "Tilsyn: /var/lib/tilsyn");
}

TEST_F(Discover, AnEmptyMachineIsStillAMachine) {
    EXPECT_THAT(ids(), ElementsAre("servers/localhost", "data-sets/tilsyn"));
    file("etc/hostname", "box\n");
    EXPECT_THAT(ids(), ElementsAre("servers/box", "data-sets/tilsyn"));
    file("proc/sys/kernel/hostname", "ÆØ.\n");
    EXPECT_EQ(valid_id(look()[0].id), true) << look()[0].id;
}

TEST_F(Discover, ReadsPackageSourcesOfBothForms) {
    file("etc/os-release", "VERSION_CODENAME=trixie\n");
    file("etc/apt/sources.list.d/b.sources", "Types: deb\nURIs: cdrom:/x http://b.example/debian\nSuites: trixie\n");
    EXPECT_EQ(source(), "http://b.example/debian/dists/trixie/InRelease");
    file("etc/apt/sources.list.d/a.list", "deb http://security.example/debian-security trixie-security main\n");
    EXPECT_EQ(source(), "http://b.example/debian/dists/trixie/InRelease")
        << "a security source names its suites otherwise";
}

TEST_F(Discover, WithoutACodenameThereIsNoAddress) {
    file("etc/apt/sources.list", "deb http://deb.example/debian sid main\n");
    EXPECT_EQ(source(), "") << "an address with a hole in it would only fail";
}

TEST_F(Discover, OddFilesAreNoObstacle) {
    file("etc/os-release", "=\nPRETTY_NAME\nPRETTY_NAME=\"\nVERSION_CODENAME=\"x\"\n");
    file("etc/apt/sources.list", "deb\nURIs:\n\xff\xfe\n");
    file("proc/net/tcp", "0: nonsense:zz x 0A\n1: : x 0A\n2: 0:FFFFFFFFFFFFFFFF x 0A\n3: 0:0016\n4: 0:0016 x 0A\n");
    EXPECT_THAT(ids(), ElementsAre("servers/localhost", "services/localhost-22", "data-sets/tilsyn"));
}

TEST_F(Discover, EveryRowFitsItsRegister) {
    file("proc/sys/kernel/hostname", std::string(60, 'a') + ".example\n");
    file("etc/os-release", "PRETTY_NAME=\"Debian\"\nVERSION_CODENAME=bookworm\n");
    file("etc/apt/sources.list", "deb http://deb.example/debian bookworm main\n");
    file("proc/net/tcp", "0: 0:0016 x 0A\n1: 0:1F90 x 0A\n2: 0:1538 x 0A\n");
    for (const auto& row : look()) {
        const auto* target = registers::builtin().find(row.register_name);
        ASSERT_NE(target, nullptr) << row.register_name;
        EXPECT_TRUE(valid_id(row.id)) << row.id;
        for (const auto& [name, value] : row.fields)
            EXPECT_NE(std::ranges::find(target->fields, name, &registers::Field::name), target->fields.end())
                << row.register_name << "." << name;
    }
}

}  // namespace
}  // namespace tilsyn::app
