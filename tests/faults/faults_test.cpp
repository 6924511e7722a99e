#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>

#include <atomic>
#include <fstream>
#include <random>
#include <thread>

#include "faults/service.hpp"
#include "log/store/verify.hpp"
#include "support/databases.hpp"
#include "support/small_policy.hpp"

namespace tilsyn {
namespace {

using namespace std::chrono_literals;
using test::Service;
using test::wait_until;

// One rule over every server each second, and one for the company: enough that something always runs.
constexpr std::string_view busy_policy = R"([control.each]
title = { da = "Hver server", en = "Each server" }
promises = ["P1"]
subjects = "servers"
every = "EVERY"
owner = "it"
[control.each.check]
kind = "query"
sql = "select id as subject, 'it is bad' as reason from servers where name = 'bad'"
[control.company]
title = { da = "Virksomheden", en = "The company" }
promises = ["P1"]
every = "1s"
owner = "it"
[control.company.check]
kind = "query"
sql = "select id from servers where name = 'bad'"
)";

std::string policy_with(const std::string& every) {
    auto text = test::small_policy(busy_policy);
    text.replace(text.find("EVERY"), 5, every);
    return text;
}

void add_servers(db::Connection& connection, app::App& app, int count) {
    std::string csv = "id,name,status\r\n";
    for (int i = 0; i < count; ++i) csv += "load" + std::to_string(i) + ",good,in_use\r\n";
    const auto report = app.registers()->import("servers", csv, registers::Format::csv, "test", false);
    ASSERT_TRUE(report) << render(report.error(), Lang::en);
    ASSERT_TRUE(report->applied);
    ASSERT_TRUE(connection.healthy());
}

std::int64_t number(db::Connection& connection, const std::string& sql) {
    const auto row = connection.one(sql);
    return row && *row ? (*row)->integer(0) : -1;
}

// Outcomes with the same control, subject and planned time: a run that was done twice.
constexpr const char* doubles =
    "SELECT count(*) FROM (SELECT control, subject, planned_at FROM observation WHERE outcome <> 'missed' "
    "GROUP BY control, subject, planned_at HAVING count(*) > 1) d";

TEST(Killed, FiftyTimesUnderLoadNothingAcknowledgedIsLost) {
    test::TemporaryFolder folder;
    const auto data = folder.path() / "data";
    const auto key = test::make_data_folder(data, "", policy_with("1s"));
    const SystemClock clock;
    auto connection = db::open(db::parse_location((data / "tilsyn.db").string()), db::Access::read_write).value();
    {
        auto app = app::App::open({data, ""}, clock).value();
        add_servers(*connection, *app, 300);
    }
    std::vector<std::string> acknowledged;
    std::mt19937 dice(20261123);  // the moments are random, and the same in every run
    std::int64_t last_runs = 0;
    for (int round = 0; round < 50; ++round) {
        Service service(data, key);
        service.start();
        std::thread killer([&, after = std::chrono::milliseconds(dice() % 400)] {
            std::this_thread::sleep_for(after);  // the moment of the kill is what is tested
            service.signal(SIGKILL);
        });
        for (int i = 0;; ++i) {
            const auto id = "r" + std::to_string(round) + "-" + std::to_string(i);
            const auto answer = service.ask("PUT", "/api/v1/registers/servers/rows/" + id,
                                            R"({"fields":{"name":"good","status":"in_use"}})");
            if (!answer) break;
            ASSERT_EQ(answer->status, 201) << answer->body;
            acknowledged.push_back(id);
        }
        killer.join();
        service.kill();
        const auto runs = number(*connection, "SELECT count(*) FROM observation");
        EXPECT_GE(runs, last_runs);
        last_runs = runs;
    }
    EXPECT_GT(acknowledged.size(), 100U);
    for (const auto& id : acknowledged)
        ASSERT_EQ(
            number(*connection, "SELECT count(*) FROM register_row WHERE register = 'servers' AND id = '" + id + "'"),
            1)
            << id;
    EXPECT_EQ(number(*connection, doubles), 0);
    const auto verified = log::verify_all(*connection);
    ASSERT_TRUE(verified) << render(verified.error(), Lang::en);
    std::printf(
        "%zu acknowledged changes, %ld runs, %ld interrupted runs, %ld log entries: all there\n", acknowledged.size(),
        long(last_runs),
        long(number(*connection, "SELECT count(*) FROM log_entry WHERE body LIKE '%\"k\":\"control.interrupted\"%'")),
        long(verified->size));
    Service last(data, key);
    last.start();
    const auto before = number(*connection, "SELECT count(*) FROM observation");
    wait_until("runs after the restart", 20s,
               [&] { return number(*connection, "SELECT count(*) FROM observation") > before; });
    EXPECT_EQ(last.stop(), 0) << "SIGTERM ends it gracefully";
    EXPECT_EQ(number(*connection, "SELECT count(*) FROM subject_state WHERE state = 1"), 0)
        << "a graceful stop leaves no claim behind";
    EXPECT_EQ(number(*connection, "SELECT count(*) FROM schedule_node"), 0);
}

TEST(DiskFull, IsSaidAndHarmsNothingAndHealsByItself) {
    test::TemporaryFolder folder;
    const auto disk = folder.path() / "disk";
    std::filesystem::create_directories(disk);
    ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=12m"), 0)
        << "this test mounts a small disk and must run as root (or in a user namespace: unshare -Urm)";
    struct Unmount {
        std::filesystem::path path;
        ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
    } unmount{disk};
    const auto data = disk / "data";
    test::make_data_folder(data, "", policy_with("1h"));
    const SystemClock clock;
    auto app = app::App::open({data, ""}, clock).value();
    {
        std::ofstream ballast(disk / "ballast");
        const std::string block(64 * 1024, 'x');
        while (ballast.write(block.data(), std::streamsize(block.size())) && ballast.flush()) {
        }
    }
    std::optional<Error> refused;
    std::int64_t written = 0;
    for (int i = 0; i < 2000 && !refused; ++i) {
        auto added = app->registers()->add("servers", "full" + std::to_string(i),
                                           {{"name", std::string(2000, 'n')}, {"status", "in_use"}}, "test");
        if (added)
            ++written;
        else
            refused = added.error();
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->code, Code::io) << render(*refused, Lang::en);
    EXPECT_EQ(refused->message.key, "db.disk-full") << render(*refused, Lang::en);
    const auto before = app->committer().head().size;
    std::filesystem::remove(disk / "ballast");
    EXPECT_TRUE(app->registers()->add("servers", "room", {{"name", "again"}, {"status", "in_use"}}, "test"))
        << "it goes on when there is room";
    EXPECT_GT(app->committer().head().size, before);
    app.reset();
    auto connection = db::open(db::parse_location((data / "tilsyn.db").string()), db::Access::read_write).value();
    EXPECT_EQ(connection->one("PRAGMA integrity_check").value()->text(0), "ok");
    EXPECT_TRUE(log::verify_all(*connection));
    EXPECT_EQ(number(*connection, "SELECT count(*) FROM register_row WHERE id LIKE 'full%'"), written);
}

class TwoNodes : public testing::Test {
  protected:
    void SetUp() override {
        url_ = server_.url("postgres");
        key_ = test::make_data_folder(first_, url_, policy_with("2s"));
        std::filesystem::copy(first_, second_, std::filesystem::copy_options::recursive);
        connection_ = db::open(db::parse_location(url_), db::Access::read_write).value();
        const SystemClock clock;
        auto app = app::App::open({first_, ""}, clock).value();
        add_servers(*connection_, *app, 10'000);
    }
    std::int64_t count(const std::string& sql) { return number(*connection_, sql); }
    std::int64_t runs() { return count("SELECT count(*) FROM observation"); }

    test::PostgresServer server_;
    test::TemporaryFolder folder_;
    std::filesystem::path first_ = folder_.path() / "first", second_ = folder_.path() / "second";
    std::string url_, key_;
    std::unique_ptr<db::Connection> connection_;
};

TEST_F(TwoNodes, ShareTenThousandSubjectsAndOutliveEachOtherAndTheDatabase) {
    Service one(first_, key_), two(second_, key_);
    one.start();
    two.start();
    wait_until("both nodes at work", 60s,
               [&] { return runs() > 30'000 && count("SELECT count(*) FROM schedule_node") == 2; });
    EXPECT_EQ(count(doubles), 0);

    // One is killed: the other goes on, within 30 seconds with all that the dead one held.
    one.kill();
    const auto killed = std::chrono::steady_clock::now();
    wait_until("the other to take over", 30s, [&] { return count("SELECT count(*) FROM schedule_node") == 1; });
    std::printf("taken over after %.1f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - killed).count());
    const auto after_kill = runs();
    wait_until("runs after the kill", 30s, [&] { return runs() > after_kill + 10'000; });

    // One is paused, as a machine that hangs: it is declared dead by its silent heartbeat, and finds that out.
    one.start();
    wait_until("both nodes again", 30s, [&] { return count("SELECT count(*) FROM schedule_node") == 2; });
    two.signal(SIGSTOP);
    const auto paused = std::chrono::steady_clock::now();
    wait_until("the paused node to be declared dead", 30s,
               [&] { return count("SELECT count(*) FROM schedule_node") == 1; });
    std::printf("a paused node was replaced after %.1f s\n",
                std::chrono::duration<double>(std::chrono::steady_clock::now() - paused).count());
    two.signal(SIGCONT);
    wait_until("the paused node to join anew", 30s, [&] { return count("SELECT count(*) FROM schedule_node") == 2; });

    // The database restarts under them.
    server_.stop(true);
    server_.start();
    connection_ = db::open(db::parse_location(url_), db::Access::read_write).value();
    const auto after_restart = runs();
    wait_until("runs after the database restarted", 60s, [&] { return runs() > after_restart + 20'000; });
    EXPECT_EQ(one.stop(), 0);
    EXPECT_EQ(two.stop(), 0);
    EXPECT_EQ(count(doubles), 0) << "each due run exactly once, through all of it";
    EXPECT_TRUE(log::verify_all(*connection_));
    std::printf("%ld runs, none twice; %ld interrupted and run again\n", long(runs()),
                long(count("SELECT count(*) FROM log_entry WHERE body LIKE '%\"k\":\"control.interrupted\"%'")));
}

}  // namespace
}  // namespace tilsyn
