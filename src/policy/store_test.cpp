#include "policy/store.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/hash.hpp"
#include "log/store/verify.hpp"
#include "policy/test_kinds.hpp"
#include "support/databases.hpp"

namespace tilsyn::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Store : public testing::TestWithParam<db::Engine> {
  protected:
    Store() : database_(GetParam()), connection_(db::open(database_.location(), db::Access::read_write).value()) {
        std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
        all.insert(all.end(), migrations().begin(), migrations().end());
        EXPECT_TRUE(db::migrate(*connection_, all, clock_.now()));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
    }
    static Loaded loaded(std::string text, std::string procedure = "# How\n") {
        const auto kinds = test::kinds();
        return load({{"policy.toml", std::move(text)}, {"procedures/round.md", std::move(procedure)}}, "policy.toml",
                    kinds);
    }
    static std::string good(std::string_view from = "", std::string_view to = "") {
        std::string text = test::good_policy;
        if (!from.empty()) text.replace(text.find(from), from.size(), to);
        return text;
    }
    // Kind and control of every entry, in order.
    std::vector<std::string> entries() {
        std::vector<std::string> out;
        const auto rows = connection_->query("SELECT body FROM log_entry ORDER BY idx").value();
        for (const auto& row : rows.rows) {
            const auto field = [&](const std::string& name) {
                const auto body = row.text(0);
                const auto at = body.find("\"" + name + "\":\"");
                return at == body.npos ? std::string()
                                       : body.substr(at + name.size() + 4,
                                                     body.find('"', at + name.size() + 4) - at - name.size() - 4);
            };
            out.push_back(field("k") + (field("c").empty() ? "" : " " + field("c")));
        }
        return out;
    }
    std::vector<std::string> column(const std::string& sql) {
        std::vector<std::string> out;
        for (const auto& row : connection_->query(sql).value().rows) out.push_back(row.text(0));
        return out;
    }

    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    tilsyn::test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    std::unique_ptr<log::Committer> committer_;
};

TEST_P(Store, KeepsEveryAppliedVersion) {
    EXPECT_FALSE(current(*connection_)->has_value());
    const auto first = loaded(good());
    const auto one = apply(*committer_, first, "kirsten");
    ASSERT_TRUE(one) << render(one.error(), Lang::en);
    EXPECT_EQ(one->version, 1);
    EXPECT_TRUE(one->changed);
    EXPECT_THAT(one->defined, ElementsAre("fresh", "round"));

    const auto same = apply(*committer_, loaded(good()), "kirsten");
    EXPECT_EQ(same->version, 1);
    EXPECT_FALSE(same->changed);

    // One control changed, one gone with its promise's control, one new.
    auto text = good("severity = \"high\"", "severity = \"critical\"");
    text.replace(text.find("[control.round]"), 15, "[control.walk]");
    clock_.advance(std::chrono::hours(1));
    const auto two = apply(*committer_, loaded(text), "ole");
    EXPECT_EQ(two->version, 2);
    EXPECT_THAT(two->defined, ElementsAre("fresh", "walk"));
    EXPECT_THAT(two->retired, ElementsAre("round"));
    EXPECT_THAT(entries(), ElementsAre("policy.apply", "control.define fresh", "control.define round", "policy.apply",
                                       "control.define fresh", "control.define walk", "control.retire round"));

    const auto all = versions(*connection_);
    ASSERT_EQ(all->size(), 2U);
    EXPECT_EQ(all->at(0).applied_by, "ole");
    EXPECT_EQ(format_utc_seconds(all->at(0).applied_at), "2026-11-23T05:05:06Z");
    EXPECT_EQ(all->at(1).hash, first.policy.hash);
    EXPECT_EQ(current(*connection_)->value().version, 2);

    // The first version loads again, byte for byte.
    const auto files = version_files(*connection_, 1);
    ASSERT_TRUE(files);
    EXPECT_EQ(*files, first.policy.files);
    EXPECT_EQ(version_files(*connection_, 3).error().code, Code::not_found);

    // Going back to the first text is a new version.
    EXPECT_EQ(apply(*committer_, loaded(good()), "ole")->version, 3);
    EXPECT_TRUE(log::verify_all(*connection_));
}

TEST_P(Store, LogsHashesAndKeepsTheNameOut) {
    const auto first = loaded(good());
    ASSERT_TRUE(apply(*committer_, first, "Kirsten Hansen"));
    const auto bodies = column("SELECT body FROM log_entry ORDER BY idx");
    ASSERT_EQ(bodies.size(), 3U);
    EXPECT_THAT(bodies[0], HasSubstr(first.policy.hash));
    EXPECT_THAT(bodies[0], Not(HasSubstr("Kirsten")));
    EXPECT_THAT(column("SELECT value FROM log_private"), ElementsAre("Kirsten Hansen"));
    EXPECT_THAT(bodies[1], HasSubstr(crypto::hex(crypto::sha256(first.policy.control("fresh")->definition))));
    EXPECT_THAT(bodies[1], HasSubstr(R"("every":"1 day")"));
}

TEST_P(Store, RefusesAPolicyWithFaults) {
    const auto bad = loaded(good("owner = \"it\"", "owner = \"nobody\""));
    const auto result = apply(*committer_, bad, "ole");
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::invalid);
    EXPECT_TRUE(entries().empty());
}

TEST_P(Store, NoticesFilesThatWereChanged) {
    ASSERT_TRUE(apply(*committer_, loaded(good()), "ole"));
    ASSERT_TRUE(connection_->execute("UPDATE policy_version SET files = replace(files, 'Eksempel', 'Exempel')"));
    EXPECT_EQ(version_files(*connection_, 1).error().code, Code::corrupt);
    ASSERT_TRUE(connection_->execute("UPDATE policy_version SET files = '[1'"));
    EXPECT_EQ(version_files(*connection_, 1).error().code, Code::corrupt);
}

TEST_P(Store, KeepsProceduresThatAreNotText) {
    const auto with =
        loaded(good("severity = \"high\"", "procedure = \"procedures/round.md\""), std::string("\xFF\xFE\0 bytes", 9));
    ASSERT_EQ(with.faults.size(), 0U);
    ASSERT_TRUE(apply(*committer_, with, "ole"));
    EXPECT_EQ(version_files(*connection_, 1).value(), with.policy.files);
}

TEST_P(Store, ViewsAreTheDocumentedOnes) {
    ASSERT_TRUE(apply(*committer_, loaded(good()), "ole"));
    for (int twice = 0; twice < 2; ++twice) {
        auto reader = db::open(database_.location(), db::Access::read_write).value();
        ASSERT_TRUE(create_views(*reader));
    }
    const auto query = db::open(database_.location(), db::Access::query).value();
    // PostgreSQL shows the views to a query inside its read transaction; SQLite lets a query begin none.
    if (GetParam() == db::Engine::postgres) {
        ASSERT_TRUE(query->begin_read());
    }
    const auto columns = [&](const std::string& view) {
        auto rows = query->query("SELECT * FROM " + view + " ORDER BY 1, 2");
        EXPECT_TRUE(rows) << view << (rows ? "" : rows.error().detail);
        std::string out;
        for (const auto& name : rows->columns) out += name + " ";
        for (std::size_t i = 0; i < rows->rows[0].size(); ++i) {
            const auto& value = rows->rows[0][i];
            out += "| " +
                   (std::holds_alternative<std::int64_t>(value) ? std::to_string(std::get<std::int64_t>(value))
                                                                : rows->rows[0].text(i)) +
                   " ";
        }
        return out;
    };
    EXPECT_EQ(columns("controls"),
              "id title_en title_da kind owner severity procedure every | fresh | There is a fresh copy | Der er en "
              "frisk kopi | query | it | high |  | 1 day ");
    EXPECT_EQ(columns("promises"), "id section strength | B1 | backup | absolute ");
    EXPECT_EQ(columns("control_promises"), "control promise | fresh | B1 ");
    EXPECT_THAT(columns("policy_versions"), testing::AllOf(testing::StartsWith("version hash applied_at | 1 | "),
                                                           HasSubstr("2026-11-23T04:05:06Z")));
}

INSTANTIATE_ENGINES(Store);

}  // namespace
}  // namespace tilsyn::policy
