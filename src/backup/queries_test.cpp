// What only those know who know the data: asked of restored databases.
#include "backup/queries.hpp"

#include "backup/job_fixture.hpp"

namespace tilsyn::backup {
namespace {

class Queries : public Job {
  protected:
    void SetUp() override {
        Job::SetUp();
        books_ = folder_.path() / "books.db";
        sql("CREATE TABLE voucher(id, booking, at); INSERT INTO voucher VALUES (1, 7, '2026-11-23 03:00:00'), "
            "(2, NULL, '2026-11-22 12:00:00')");
        plan_.source = Source::sqlite;
        plan_.paths = {books_.string()};
    }
    void sql(const std::string& statements) {
        ASSERT_EQ(test::run_command("sqlite3 '" + books_.string() + "' \"" + statements + "\"").status, 0);
    }
    void query(const std::string& statement, const std::string& wanted) {
        put(data_ / "queries/books.toml",
            "[[query]]\nname = \"Asked\"\nsql = \"\"\"" + statement + "\"\"\"\n" + wanted + "\n");
    }
    std::string answered(const std::string& statement, const std::string& wanted) {
        query(statement, wanted);
        const auto tried = drill();
        return tried.outcome + " " + words(tried.details);
    }
    std::filesystem::path books_;
};

TEST_F(Queries, AreAskedOfWhatWasRestored) {
    expect_made(back_up());
    sql("DELETE FROM voucher");  // of the original, which is not asked
    const std::string rows = "SELECT count(*) FROM voucher", newest = "SELECT max(at) FROM voucher";
    for (const auto& [statement, wanted] : {std::pair{rows, "equals = 2"},
                                            {rows, "equals = \"2\""},
                                            {rows, "equals = 2.0"},
                                            {rows, "at_least = 2\nat_most = 2.5"},
                                            {"SELECT count(*) = 2 FROM voucher", "equals = true"},
                                            {newest, "newest_within = \"3h\""},
                                            {"SELECT 1795406400", "newest_within = \"24h\""},
                                            {"SELECT '2026-11-23T04:00:00+01:00'", "newest_within = \"2h30m\""},
                                            {"SELECT '2026-11-23'", "newest_within = \"6h\""}})
        EXPECT_EQ(answered(statement, wanted), "pass ") << statement << wanted;
}
TEST_F(Queries, AnAnswerThatIsNotAsItShouldBe) {
    expect_made(back_up());
    for (const auto& [statement, wanted, said] :
         {std::tuple{"SELECT count(*) FROM voucher WHERE booking IS NULL", "equals = 0",
                     "answers 1, and should answer 0"},
          {"SELECT count(*) FROM voucher", "at_least = 3", "at least 3"},
          {"SELECT count(*) FROM voucher", "at_most = 1", "1 at most"},
          {"SELECT max(at) FROM voucher", "newest_within = \"1h\"", "2026-11-23 03:00:00, more than 1h"},
          {"SELECT 'long ago'", "newest_within = \"1h\"", "long ago"},
          {"SELECT NULL", "at_least = 0", "NULL"},
          {"SELECT 1 WHERE false", "equals = 1", "NULL"},
          {"SELECT 'x'", "at_most = 5", "answers x"},
          {"SELECT count(*) FROM booking", "at_least = 0", "cannot be asked"},
          {"DELETE FROM voucher RETURNING 1", "equals = 1", "cannot be asked"}})
        EXPECT_THAT(answered(statement, wanted), testing::AllOf(testing::StartsWith("fail"), HasSubstr(said)))
            << statement;
}
TEST_F(Queries, OfSeveralDatabasesOneIsNamed) {
    const auto other = folder_.path() / "stock.db";
    ASSERT_EQ(test::run_command("sqlite3 '" + other.string() + "' 'CREATE TABLE item(id)'").status, 0);
    plan_.paths.push_back(other.string());
    expect_made(back_up());
    EXPECT_EQ(answered("SELECT count(*) FROM item", "equals = 0\ndatabase = \"stock.db\""), "pass ");
    EXPECT_THAT(answered("SELECT count(*) FROM item", "equals = 0"), HasSubstr("was not asked"));
    EXPECT_THAT(answered("SELECT count(*) FROM item", "equals = 0\ndatabase = \"stack.db\""), HasSubstr("stack.db"));
}
TEST_F(Queries, AFileThatIsWrongIsNamedWithItsPlaceBeforeTheBackup) {
    for (const auto& [text, said] :
         {std::pair{"[[query]\n", "is not TOML"},
          {"[[query]]\nname = 'a'\nsql = 'SELECT 1'\n", "lacks equals"},
          {"[[query]]\nname = 'a'\nequals = 1\n", "lacks sql"},
          {"[[query]]\nsql = 'SELECT 1'\nequals = 1\n", "lacks name"},
          {"[[query]]\nname = 'a'\nsql = 'SELECT 1'\nequal = 1\n", "no query has equal"},
          {"[[query]]\nname = 'a'\nsql = 7\nequals = 1\n", "sql cannot be that"},
          {"[[query]]\nname = 'a'\nsql = 'SELECT 1'\nnewest_within = 'a week'\n", "newest_within cannot be that"},
          {"query = 1\n", "no query has query"},
          {"[[queries]]\n", "no query has queries"}}) {
        put(data_ / "queries/books.toml", text);
        const auto read = read_queries(data_, "books");
        ASSERT_FALSE(read) << text;
        EXPECT_THAT(render(read.error(), Lang::en), testing::AllOf(HasSubstr("books.toml:"), HasSubstr(said)));
        expect_failed(back_up(), said);
    }
}
TEST_F(Queries, AFileThatOthersMayWriteToIsNotRun) {
    query("SELECT 1", "equals = 1");
    std::filesystem::permissions(data_ / "queries/books.toml", std::filesystem::perms(0666));
    expect_failed(back_up(), "nobody else may write to it");
    std::filesystem::permissions(data_ / "queries/books.toml", std::filesystem::perms(0644));
    expect_made(back_up());
}

}  // namespace
}  // namespace tilsyn::backup
