// backup_covers on made-up machines, and on a real one's mounts.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "checks/check_fixture.hpp"
#include "log/store/committer.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
namespace {

const Timestamp now = parse_utc("2026-11-23T12:00:00Z").value();

class BackupCovers : public testing::TestWithParam<db::Engine> {
  protected:
    BackupCovers() : database_(GetParam()), readers_(database_.location(), db::Access::read_only, 2) {
        connection_ = db::open(database_.location(), db::Access::read_write).value();
        EXPECT_TRUE(connection_->script(
            "CREATE TABLE data_sets(id TEXT, status TEXT, paths TEXT, source TEXT, database TEXT); CREATE TABLE "
            "backup_plans(data_set TEXT, status TEXT)"));
        put("proc/self/mountinfo",
            mounts("/ ext4") + mounts("/proc proc") + mounts("/run tmpfs") + mounts("/boot/efi vfat"));
    }
    void put(const std::string& path, const std::string& content = "x") {
        std::filesystem::create_directories((root_.path() / path).parent_path());
        std::ofstream(root_.path() / path) << content;
    }
    static std::string mounts(const std::string& point_and_type) {
        const auto blank = point_and_type.rfind(' ');
        return "29 1 254:0 / " + point_and_type.substr(0, blank) + " rw,relatime shared:1 - " +
               point_and_type.substr(blank + 1) + " /dev/vda rw\n";
    }
    void plan(const std::string& id, const std::string& paths, const std::string& source = "files",
              const std::string& status = "in_use", const db::Value& address = db::Null{}) {
        EXPECT_TRUE(
            connection_->execute("INSERT INTO data_sets VALUES(?, 'in_use', ?, ?, ?)", {id, paths, source, address}));
        EXPECT_TRUE(connection_->execute("INSERT INTO backup_plans VALUES(?, ?)", {id, status}));
    }
    std::string look(const std::string& more = {}) {
        Environment environment;
        environment.readers = &readers_;
        environment.root = root_.path().string();
        environment.data_folder = "/var/lib/tilsyn";
        const Subject company{"company", {}};
        const auto control = control_of("kind = \"backup_covers\"\n" + more);
        CollectRequest request{.control = &control,
                               .subjects = {&company, 1},
                               .planned = now,
                               .deadline = Deadline::in(std::chrono::seconds(10)),
                               .environment = &environment};
        const auto facts = find_kind("backup_covers")->collect(request);
        if (!facts) return "unknown: " + render(facts.error(), Lang::en);
        seen_ = facts->front().seen;
        const auto judgement = find_kind("backup_covers")->judge(control, facts->front(), now);
        return std::string(to_string(judgement.outcome)) + ": " + render(judgement.why, Lang::en);
    }

    nlohmann::json seen_;  // at the last look
    test::TemporaryFolder root_;
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    db::Pool readers_;
};

TEST_P(BackupCovers, AnEmptyMachineHasNothingToBackUp) {
    EXPECT_EQ(look(), "pass: all 0 places with data on this machine are in a plan");
}
TEST_P(BackupCovers, NamesWhatIsInNoPlan) {
    put("etc/fstab");
    put("srv/customer-1/a");
    put("srv/customer-2/a");
    std::filesystem::create_directories(root_.path() / "srv/empty");
    std::filesystem::create_directory_symlink("customer-1", root_.path() / "srv/link");
    plan("etc", "/etc");
    plan("one", "/srv/customer-1/|/nowhere");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: /srv/customer-2");
    EXPECT_EQ(look("not_data = [\"/srv/customer-2\"]"), "pass: all 3 places with data on this machine are in a plan");
    plan("all", "/srv");
    EXPECT_EQ(look(), "pass: all 3 places with data on this machine are in a plan");
}
TEST_P(BackupCovers, APathInsideDoesNotCoverTheWhole) {
    put("srv/app/data/a");
    plan("part", "/srv/app/data");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: /srv/app");
}
TEST_P(BackupCovers, APlanThatIsPausedCoversNothing) {
    put("home/eva/a");
    plan("home", "/home", "files", "paused");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: /home/eva");
}
TEST_P(BackupCovers, FindsDisksThatWereMountedLater) {
    put("proc/self/mountinfo", mounts("/ ext4") + mounts("/mnt/new\\040disk xfs") + mounts("/mnt/share nfs4") +
                                   mounts("/mnt/empty ext4") + mounts("/sys sysfs"));
    put("mnt/new disk/a");
    put("mnt/share/a");
    std::filesystem::create_directories(root_.path() / "mnt/empty");
    EXPECT_EQ(look(), "fail: 2 places with data on this machine are in no plan: /mnt/new\\040disk, /mnt/share");
}
TEST_P(BackupCovers, FindsDatabasesAndVolumes) {
    put("var/lib/postgresql/15/main/PG_VERSION");
    put("var/lib/docker/volumes/shop/_data/a");
    put("var/lib/tilsyn/tilsyn.db");
    EXPECT_EQ(
        look(),
        "fail: 2 places with data on this machine are in no plan: /var/lib/docker/volumes/shop, /var/lib/postgresql");
    plan("shop-db", "", "postgresql");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: /var/lib/docker/volumes/shop");
}
TEST_P(BackupCovers, FindsATenantThatWasAddedAndNeverPlanned) {
    test::PostgresServer server;
    const auto admin = db::open({db::Engine::postgres, server.url("postgres")}, db::Access::read_write).value();
    const auto add = [&](const std::string& name) {
        ASSERT_TRUE(admin->execute("CREATE DATABASE " + name));
        const auto inside = db::open({db::Engine::postgres, server.url(name)}, db::Access::read_write).value();
        ASSERT_TRUE(inside->execute("CREATE TABLE vouchers(id int)"));
    };
    add("tenant_a");
    ASSERT_TRUE(admin->execute("CREATE DATABASE empty_one"));
    plan("a", "", "postgresql", "in_use", server.url("tenant_a"));
    EXPECT_EQ(look().substr(0, 5), "pass:") << look();
    add("tenant_b");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: tenant_b (a)");
    EXPECT_EQ(look("not_data = [\"tenant_b\"]").substr(0, 5), "pass:");
    plan("b", "", "postgresql", "in_use", server.url("tenant_b"));
    EXPECT_EQ(look().substr(0, 5), "pass:");
    server.stop(true);
    EXPECT_EQ(look().substr(0, 8), "unknown:") << "a server that does not answer may have anything: " << seen_;
}
TEST_P(BackupCovers, FindsOneOnMariadbToo) {
    const test::MariadbServer server;
    server.sql(
        "",
        "CREATE DATABASE tenant_a; CREATE TABLE tenant_a.vouchers(id INT); CREATE DATABASE tenant_b; CREATE USER "
        "b@localhost; GRANT RELOAD, PROCESS ON *.* TO b@localhost; GRANT SELECT ON tenant_a.* TO b@localhost");
    put("var/lib/mysql/ibdata1");
    plan("a", "", "mariadb", "in_use", server.url("b", "tenant_a"));
    EXPECT_EQ(look().substr(0, 5), "pass:") << look();
    server.sql("tenant_b", "CREATE TABLE vouchers(id INT)");
    EXPECT_EQ(look(), "fail: 1 place with data on this machine is in no plan: tenant_b (a)");
}
TEST_P(BackupCovers, DoesNotKnowWithoutTheMounts) {
    std::filesystem::remove(root_.path() / "proc/self/mountinfo");
    EXPECT_EQ(look().substr(0, 8), "unknown:");
}
INSTANTIATE_ENGINES(BackupCovers);

}  // namespace
}  // namespace tilsyn::checks
