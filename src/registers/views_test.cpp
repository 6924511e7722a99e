#include <gtest/gtest.h>

#include "registers/service_fixture.hpp"

namespace tilsyn::registers {
namespace {

class Views : public ServiceFixture {
  protected:
    // As a `query` check sees it: every row as its values, with their types.
    std::string ask(const std::string& sql) {
        const auto connection = db::open(database_.location(), db::Access::query);
        if (!connection) return words(connection.error());
        // PostgreSQL gives the schema of the views for the length of a transaction; SQLite needs none.
        if (GetParam() == db::Engine::postgres) {
            EXPECT_TRUE((*connection)->begin_read());
        }
        const auto rows = (*connection)->query(sql);
        if (!rows) return std::string("error ") + std::string(to_string(rows.error().code));
        std::string out;
        for (const auto& row : rows->rows) {
            for (std::size_t i = 0; i < row.size(); ++i) {
                out += i == 0 ? "" : " ";
                if (row.null(i))
                    out += "NULL";
                else if (std::holds_alternative<std::int64_t>(row[i]))
                    out += std::to_string(row.integer(i));
                else if (std::holds_alternative<double>(row[i]))
                    out += "~" + std::to_string(row.real(i)).substr(0, 4);
                else
                    out += "'" + row.text(i) + "'";
            }
            out += "\n";
        }
        return out;
    }
    Catalogue with(std::string_view more) {
        Catalogue out = catalogue_;
        const auto faults = parse_declarations(more, "more.toml", out);
        EXPECT_TRUE(faults.empty()) << words(faults.front());
        return out;
    }
    void make(const Catalogue& catalogue) {
        auto transaction = db::Transaction::begin(*connection_);
        ASSERT_TRUE(transaction);
        const auto made = create_views(*connection_, catalogue);
        ASSERT_TRUE(made) << words(made.error());
        ASSERT_TRUE(transaction->commit());
    }
};

TEST_P(Views, HaveTheDocumentedColumnsAndTypes) {
    make(catalogue_);
    ASSERT_TRUE(service_->add("suppliers", "acme", {{"country", "NO"}}, "anna"));
    ASSERT_TRUE(service_->add("servers", "a",
                              {{"host", "a.dk"},
                               {"supplier", "acme"},
                               {"cores", "3"},
                               {"load", "2"},
                               {"critical", "ja"},
                               {"max_down", "90 min"},
                               {"bought_on", "2025-02-01"},
                               {"tags", "x|y"},
                               {"note", "l1\nl2"}},
                              "anna"));
    ASSERT_TRUE(service_->add("servers", "b", {{"host", "b.dk"}, {"critical", "nej"}, {"load", "1e-300"}}, "anna"));
    EXPECT_EQ(ask("SELECT id, host, supplier, class, cores, load, critical, max_down, bought_on, tags, note FROM "
                  "servers ORDER BY id"),
              "'a' 'a.dk' 'acme' 'own' 3 ~2.00 1 5400 '2025-02-01' 'x|y' 'l1\nl2'\n"
              "'b' 'b.dk' NULL 'own' NULL ~0.00 0 NULL NULL NULL NULL\n");
    EXPECT_EQ(ask("SELECT s.id FROM servers s JOIN suppliers p ON p.id = s.supplier JOIN eea_countries e ON e.code = "
                  "p.country"),
              "'a'\n");
    EXPECT_EQ(ask("SELECT count(*) FROM eea_countries"), "30\n");
    EXPECT_EQ(ask("SELECT register, id, action, changed_at FROM register_changes ORDER BY register, id"),
              "'servers' 'a' 'add' '2026-11-23T04:05:06Z'\n'servers' 'b' 'add' '2026-11-23T04:05:06Z'\n'suppliers' "
              "'acme' 'add' '2026-11-23T04:05:06Z'\n");
    EXPECT_EQ(ask("SELECT count(*) FROM people"), "0\n");
}

TEST_P(Views, FollowTheDeclarations) {
    make(catalogue_);
    ASSERT_TRUE(service_->add("servers", "a", {{"host", "a.dk"}}, "anna"));
    make(catalogue_);
    EXPECT_EQ(ask("SELECT id FROM servers"), "'a'\n");
    const auto larger = with(
        "[register.servers]\n[[register.servers.field]]\nname = \"rack\"\ntype = \"text\"\nlabel = \"R\"\n"
        "[register.tape-robots]\ntitle = \"T\"\n[[register.tape-robots.field]]\nname = \"slot\"\ntype = "
        "\"integer\"\nlabel = \"S\"\n");
    make(larger);
    EXPECT_EQ(ask("SELECT id, rack FROM servers"), "'a' NULL\n");
    EXPECT_EQ(ask("SELECT count(*) FROM tape_robots"), "0\n");
    make(catalogue_);
    EXPECT_EQ(ask("SELECT count(*) FROM tape_robots").find("error"), 0u) << "a view without its register is gone";
    EXPECT_EQ(ask("SELECT rack FROM servers").find("error"), 0u);
    // Somebody dropped one by hand: it comes back.
    ASSERT_TRUE(
        connection_->script(GetParam() == db::Engine::sqlite ? "DROP VIEW servers" : "DROP VIEW facts.servers"));
    make(catalogue_);
    EXPECT_EQ(ask("SELECT id FROM servers"), "'a'\n");
}

TEST_P(Views, AFieldOfAnotherTypeThanBeforeYieldsNull) {
    ASSERT_TRUE(service_->add("people", "a", {{"name", "99999999999999999999"}}, "anna"));
    ASSERT_TRUE(service_->add("people", "b", {{"name", "12"}}, "anna"));
    ASSERT_TRUE(service_->add("people", "c", {{"name", "90m"}}, "anna"));
    ASSERT_TRUE(service_->add("people", "d", {{"name", "farm"}}, "anna"));
    const std::map<std::string, std::string> expected{{"integer", "'a' NULL\n'b' 12\n'c' NULL\n'd' NULL\n"},
                                                      {"number", "'a' ~1000\n'b' ~12.0\n'c' NULL\n'd' NULL\n"},
                                                      {"boolean", "'a' NULL\n'b' NULL\n'c' NULL\n'd' NULL\n"},
                                                      {"duration", "'a' NULL\n'b' NULL\n'c' 5400\n'd' NULL\n"}};
    for (const std::string type : {"integer", "number", "boolean", "duration"}) {
        Catalogue other;
        ASSERT_TRUE(parse_declarations(std::string("[register.people]\ntitle = \"P\"\n[[register.people.field]]\nname "
                                                   "= \"name\"\nlabel = \"N\"\ntype = \"") +
                                           type + "\"\n",
                                       "o.toml", other)
                        .empty());
        make(other);
        EXPECT_EQ(ask("SELECT id, name FROM people ORDER BY id"), expected.at(type)) << type;
    }
}

TEST_P(Views, ReferencesAreReadAnewWhenTheirDeclarationChanges) {
    make(catalogue_);
    ASSERT_TRUE(service_->add("suppliers", "acme", {{"country", "DK"}}, "anna"));
    ASSERT_TRUE(service_->add("people", "p", {{"name", "acme"}}, "anna"));
    EXPECT_TRUE(service_->set("suppliers", "acme", {{"country", "SE"}}, "anna"));
    Catalogue other;
    ASSERT_TRUE(parse_declarations("[register.suppliers]\ntitle = \"S\"\n[[register.suppliers.field]]\nname = "
                                   "\"country\"\ntype = \"country\"\nlabel = \"C\"\n"
                                   "[register.people]\ntitle = \"P\"\n[[register.people.field]]\nname = \"name\"\ntype "
                                   "= \"reference\"\nreferences = \"suppliers\"\nlabel = \"N\"\n",
                                   "o.toml", other)
                    .empty());
    make(other);
    Service service(other, readers_, *committer_);
    EXPECT_EQ(words(service.remove("suppliers", "acme", "anna").error()),
              "“acme” in “suppliers” is referred to by people/p: change that first");
}

TEST_P(Views, ANameThatTheDatabaseHasIsRefused) {
    const std::string schema = GetParam() == db::Engine::sqlite ? "" : "CREATE SCHEMA facts; ";
    const std::string name = GetParam() == db::Engine::sqlite ? "robots" : "facts.robots";
    ASSERT_TRUE(connection_->script(schema + "CREATE TABLE " + name + "(id TEXT)"));
    const auto catalogue = with(
        "[register.robots]\ntitle = \"T\"\n[[register.robots.field]]\nname = \"x\"\ntype = \"text\"\nlabel = \"X\"\n");
    {
        const auto transaction = db::Transaction::begin(*connection_);
        const auto made = create_views(*connection_, catalogue);
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().message.key, "registers.view-taken");
    }
    EXPECT_EQ(number("SELECT count(*) FROM register_view"), 0) << "all or nothing";
}

TEST_P(Views, TheRegistersThatShipHaveThem) {
    make(builtin());
    for (const auto& entry : builtin().all())
        EXPECT_EQ(ask("SELECT count(*) FROM " + entry.view()), "0\n") << entry.name;
}

INSTANTIATE_ENGINES(Views);

}  // namespace
}  // namespace tilsyn::registers
