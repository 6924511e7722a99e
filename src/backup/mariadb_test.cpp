// MariaDB from plan to proved restore, against a real server; and each way in which a dump can be less than it seems.
#include "backup/mariadb.hpp"

#include <thread>

#include "backup/job_fixture.hpp"
#include "base/file.hpp"

namespace tilsyn::backup {
namespace {

TEST(MariadbAddress, IsReadStrictly) {
    const auto local = mariadb_address("d", "mariadb://backup@localhost/books?socket=/run/s", "pw", "");
    ASSERT_TRUE(local);
    EXPECT_EQ(local->user, "backup");
    EXPECT_EQ(local->database, "books");
    EXPECT_EQ(local->socket, "/run/s");
    EXPECT_FALSE(local->tls);
    const auto far = mariadb_address("d", "mariadb://backup@db1.example:3307/a%20b", "pw", "/ca.pem");
    ASSERT_TRUE(far);
    EXPECT_EQ(far->port, 3307);
    EXPECT_EQ(far->database, "a b");
    EXPECT_TRUE(far->tls);
    EXPECT_FALSE(mariadb_address("d", "mariadb://backup@db1.example/a?tls=off", "", "")->tls);
    EXPECT_FALSE(mariadb_address("d", "mariadb://backup@127.0.0.1/a", "", "")->tls);
    for (const auto* wrong :
         {"", "mysql://u@h/d", "mariadb://u:secret@h/d", "mariadb://u@h", "mariadb://u@h/d/e", "mariadb://h/d",
          "mariadb://u@h/d?password=x", "mariadb://u@h/d?socket=relative", "mariadb://u@h:0/d", "mariadb://u@h:99999/d",
          "mariadb://u@h/d%0assl=0", "postgresql://u@h/d"})
        EXPECT_FALSE(mariadb_address("d", wrong, "", "")) << wrong;
    EXPECT_FALSE(mariadb_address("d", "mariadb://u@h/d", "two\nlines", ""));
}

class MariadbJob : public Job {
  protected:
    static test::MariadbServer& server() {
        static test::MariadbServer started;
        return started;
    }
    void SetUp() override {
        Job::SetUp();
        plan_.source = Source::mariadb;
        plan_.paths = {};
        plan_.database = server().url("backup", "books");
        put(data_ / "secrets/books.toml", "password = \"it's \\\"odd\\\" #\\\\\"\n");
        std::filesystem::permissions(data_ / "secrets/books.toml", std::filesystem::perms(0600));
        sql("", R"(
DROP DATABASE IF EXISTS books; CREATE DATABASE books CHARACTER SET utf8mb4;
DROP USER IF EXISTS backup@localhost; CREATE USER backup@localhost IDENTIFIED BY 'it\'s "odd" #\\';
GRANT RELOAD, PROCESS ON *.* TO backup@localhost;
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON books.* TO backup@localhost;
)");
        sql("books", R"(
SET sql_mode = '';
CREATE TABLE voucher(id INT AUTO_INCREMENT PRIMARY KEY, text VARCHAR(200), amount DECIMAL(12,2), at TIMESTAMP DEFAULT NOW(), raw BLOB,
    doubled DECIMAL(12,2) AS (amount * 2) VIRTUAL, flags BIT(5), ratio FLOAT, precise DOUBLE, extra JSON, kind ENUM('a','b'));
INSERT INTO voucher(text, amount, raw, flags, ratio, precise, extra, kind)
    SELECT CONCAT('voucher ', seq), seq / 7, UNHEX(MD5(seq)), seq % 32, seq / 3, seq / 3, JSON_OBJECT('n', seq), 'b' FROM seq_1_to_3000;
INSERT INTO voucher(text) VALUES (NULL), (''), ('æøå 📒'), ('it''s "quoted" \\ `back` \n\t'), (CONCAT('a', CHAR(0), 'b'));
CREATE TABLE `odd ``name`` æ`(`a column` INT, d DATE, zero DATE);
INSERT INTO `odd ``name`` æ` VALUES (1, '2026-11-23', '0000-00-00'), (NULL, NULL, NULL);
CREATE TABLE line(voucher INT, FOREIGN KEY (voucher) REFERENCES voucher(id));
INSERT INTO line VALUES (1), (1), (2);
CREATE TABLE parted(y INT) PARTITION BY HASH(y) PARTITIONS 3;
INSERT INTO parted SELECT seq FROM seq_1_to_50;
CREATE TABLE empty_one(a INT);
CREATE SEQUENCE numbers START WITH 42;
SELECT NEXTVAL(numbers);
CREATE VIEW large AS SELECT id FROM voucher WHERE amount > 100;
CREATE TRIGGER checked BEFORE INSERT ON line FOR EACH ROW SET NEW.voucher = NEW.voucher;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM line;
)");
    }
    void sql(const std::string& database, const std::string& statements) { server().sql(database, statements); }
    Set changed(Set set, const std::string& was, const std::string& is) {
        const auto at = set.details.find(was);
        EXPECT_NE(at, std::string::npos) << set.details;
        set.details.replace(at, was.size(), is);
        EXPECT_TRUE(end_set(*committer_, set));
        return set;
    }
};

TEST_F(MariadbJob, IsDumpedAndCountedAsOfOneMomentAndRestoredIntoAServerOfItsOwn) {
    std::atomic<bool> writing = true;
    std::atomic<int> written = 0;
    std::thread writer([&] {
        while (writing) {
            sql("books",
                "INSERT INTO voucher(text) SELECT CONCAT('while it is dumped ', seq) FROM seq_1_to_20; INSERT INTO "
                "line VALUES (3);");
            ++written;
        }
    });
    while (written == 0) std::this_thread::yield();
    const auto set = back_up();
    writing = false;
    writer.join();
    expect_made(set);
    EXPECT_THAT(set.details, testing::AllOf(HasSubstr("\"voucher\""), HasSubstr("10.11"), HasSubstr("\"events\":1"),
                                            HasSubstr("\"triggers\":1"), HasSubstr("\"views\":1")));
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(words(full.details), "");
    EXPECT_EQ(test::run_command("ls -d /tmp/tilsyn-drill-" + full.id + " 2>/dev/null").output, "");
    EXPECT_EQ(test::run_command("pgrep -f [t]ilsyn-drill-" + full.id).output, "");
    EXPECT_EQ(drill(Extent::sample).outcome, "pass");
}
TEST_F(MariadbJob, RowsThatTheDumpDoesNotHold) {
    changed(back_up(), "\"rows\":3005", "\"rows\":3006");
    expect_drill(drill(), "fail", "had 3006 rows and now has 3005");
}
TEST_F(MariadbJob, AnotherContentInAsManyRows) {
    const auto set = back_up();
    const auto at = set.details.find("\"sum\":\"", set.details.find("\"parted\"")) + 7;
    changed(set, set.details.substr(at, 6),
            set.details[at] == '1' ? "2" + set.details.substr(at + 1, 5) : "1" + set.details.substr(at + 1, 5));
    expect_drill(drill(), "fail", "other content");
}
TEST_F(MariadbJob, ATriggerAndATableThatAreGone) {
    changed(changed(back_up(), "\"triggers\":1", "\"triggers\":2"), "\"empty_one\"", "\"other_one\"");
    const auto tried = drill();
    expect_drill(tried, "fail", "does not have other_one");
    expect_drill(tried, "fail", "triggers");
}
TEST_F(MariadbJob, TablesWithoutTransactionsAreNotOfOneMoment) {
    sql("books", "CREATE TABLE old(a INT) ENGINE=MyISAM; CREATE TABLE older(a INT) ENGINE=Aria");
    const auto set = back_up();
    expect_partial(set, "2 tables cannot be dumped as of one moment");
    expect_partial(set, "old");
}
TEST_F(MariadbJob, ARightWithoutWhichSomethingWouldBeLeftOutInSilence) {
    sql("", "REVOKE TRIGGER ON books.* FROM backup@localhost");
    expect_failed(back_up(), "TRIGGER");
    sql("", "GRANT TRIGGER ON books.* TO backup@localhost; REVOKE RELOAD, PROCESS ON *.* FROM backup@localhost");
    const auto set = back_up();
    expect_failed(set, "RELOAD, PROCESS");
    expect_failed(set, "GRANT RELOAD, PROCESS ON *.*");
}
TEST_F(MariadbJob, AWrongPasswordAndADatabaseThatIsNotThere) {
    put(data_ / "secrets/books.toml", "password = \"wrong\"\n");
    const auto set = back_up();
    expect_failed(set, "Access denied");
    EXPECT_THAT(set.details, testing::Not(HasSubstr("wrong")));
    put(data_ / "secrets/books.toml", "password = \"it's \\\"odd\\\" #\\\\\"\n");
    plan_.database = server().url("backup", "missing");
    EXPECT_EQ(back_up().state, SetState::failed);
}
TEST_F(MariadbJob, WritingIsLetGoOfWhateverHappens) {
    plan_.database = server().url("backup", "missing");
    sql("", "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON missing.* TO backup@localhost");
    EXPECT_EQ(back_up().state, SetState::failed);
    sql("books", "SET SESSION lock_wait_timeout = 1; INSERT INTO line VALUES (4)");  // throws, if it were still held
}
TEST_F(MariadbJob, AServerThatIsDown) {
    test::MariadbServer other;
    other.sql("", "CREATE DATABASE books");
    plan_.database = other.url("root", "books");
    std::filesystem::remove(data_ / "secrets/books.toml");
    expect_made(back_up());
    other.stop();
    expect_failed(back_up(), "connect");
}
TEST_F(MariadbJob, ADumpOfAnotherVersionIsNotTried) {
    changed(back_up(), "\"version\":\"10.11\"", "\"version\":\"11.4\"");
    expect_drill(drill(), "unknown", "MariaDB 11.4");
}
TEST_F(MariadbJob, ADumpThatBreaksOff) {
    auto address = *mariadb_address("books", plan_.database, "it's \"odd\" #\\", "");
    const auto dump = folder_.path() / "whole.sql", cut = folder_.path() / "cut.sql";
    const auto dumped = dump_mariadb("books", address, dump, Deadline::in(60s));
    ASSERT_TRUE(dumped) << render(dumped.error(), Lang::en);
    ASSERT_TRUE(mariadb_dump_is_whole(dump, "books"));
    const auto text = *read_file(dump, 64 << 20);
    for (const auto size : {std::size_t{0}, std::size_t{1}, text.size() / 2, text.size() - 300, text.size() - 60}) {
        put(cut, std::string_view(text).substr(0, size));
        const auto judged = mariadb_dump_is_whole(cut, "books");
        ASSERT_FALSE(judged) << size;
        EXPECT_EQ(judged.error().code, Code::corrupt);
    }
    // Were it kept all the same, the trial would tell.
    put(cut, std::string_view(text).substr(0, text.find("INSERT INTO `parted`")));
    const auto scratch = folder_.path() / "s";
    std::filesystem::create_directories(scratch);
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    const auto restored = restore_mariadb(dumped->counted, cut, scratch, [](const Opened&) {}, Deadline::in(60s));
    ASSERT_TRUE(restored) << render(restored.error(), Lang::en);
    EXPECT_NE((*restored)["tables"], dumped->counted["tables"]);
}

}  // namespace
}  // namespace tilsyn::backup
