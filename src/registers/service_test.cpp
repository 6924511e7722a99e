#include "registers/service.hpp"

#include <gtest/gtest.h>

#include <chrono>

#include "log/store/verify.hpp"
#include "registers/service_fixture.hpp"

namespace tilsyn::registers {
namespace {

class Rows : public ServiceFixture {};

TEST_P(Rows, AreAddedChangedAndRemoved) {
    const auto added = service_->add("servers", "web1", {{"host", "WEB1.Eksempel.dk"}, {"cores", "04"}}, "anna");
    ASSERT_TRUE(added) << words(added.error());
    EXPECT_EQ(added->fields, (Fields{{"host", "web1.eksempel.dk"}, {"cores", "4"}, {"class", "own"}}));
    EXPECT_EQ(added->version, 1);
    clock_.advance(std::chrono::hours(1));
    const auto changed = service_->set("servers", "web1", {{"cores", "8"}, {"class", ""}}, "bo", 1);
    ASSERT_TRUE(changed) << words(changed.error());
    EXPECT_EQ(changed->fields, (Fields{{"host", "web1.eksempel.dk"}, {"cores", "8"}}));
    const auto got = service_->get("servers", "web1");
    ASSERT_TRUE(got);
    EXPECT_EQ(got->fields, changed->fields);
    EXPECT_EQ(got->version, 2);
    EXPECT_EQ(got->updated_by, "bo");
    EXPECT_EQ(got->updated_at, clock_.now());

    const auto history = service_->history("servers", "web1");
    ASSERT_TRUE(history);
    ASSERT_EQ(history->size(), 2u);
    EXPECT_EQ((*history)[0].action, "set");
    EXPECT_EQ((*history)[0].actor, "bo");
    EXPECT_EQ((*history)[0].before, added->fields);
    EXPECT_EQ((*history)[0].after, changed->fields);
    EXPECT_EQ((*history)[1].action, "add");
    EXPECT_EQ((*history)[1].before, Fields{});
    EXPECT_EQ((*history)[1].log_index, 0);

    ASSERT_TRUE(service_->remove("servers", "web1", "anna"));
    EXPECT_EQ(service_->get("servers", "web1").error().code, Code::not_found);
    EXPECT_EQ(service_->history("servers", "web1")->front().action, "remove");
    EXPECT_EQ(service_->history("servers", "web1")->front().before, changed->fields);
    EXPECT_EQ(log::verify_all(*connection_)->size, 3);
}

TEST_P(Rows, WhatIsWrongIsSaidAndChangesNothing) {
    ASSERT_TRUE(service_->add("servers", "web1", {{"host", "web1.dk"}}, "anna"));
    const auto fault = [](const auto& result) { return result ? std::string("no fault") : words(result.error()); };
    EXPECT_EQ(fault(service_->add("sarvers", "x", {}, "anna")),
              "there is no register “sarvers”\n  did you mean “servers”?");
    EXPECT_EQ(fault(service_->add("servers", "web1", {{"host", "b.dk"}}, "anna")),
              "“web1” is in the register “servers” already");
    EXPECT_EQ(fault(service_->add("servers", "Web 2", {}, "anna")),
              "“Web 2” cannot be an id (small letters, digits, “.”, “_” and “-”, at most 64 characters, a letter or "
              "digit first)");
    EXPECT_EQ(fault(service_->add("servers", "web2", {}, "anna")), "host: must be filled in");
    EXPECT_EQ(fault(service_->add("servers", "web2", {{"host", "web1.dk"}}, "anna")),
              "host: “web1.dk” is taken by “web1”, and no two rows may have the same");
    EXPECT_EQ(fault(service_->add("servers", "web2", {{"hosd", "x"}}, "anna")),
              "hosd: the register “servers” has no such field\n  did you mean “host”?");
    EXPECT_EQ(fault(service_->add("servers", "web2", {{"host", "b.dk"}, {"supplier", "acme"}}, "anna")),
              "supplier: there is no “acme” in the register “suppliers”");
    EXPECT_EQ(fault(service_->add("servers", "web2", {{"host", "b.dk"}}, " ")),
              "who makes the change must be said: every change is attributed");
    EXPECT_EQ(fault(service_->set("servers", "web1", {{"host", ""}}, "anna")), "host: must be filled in");
    EXPECT_EQ(fault(service_->set("servers", "web9", {{"host", "x"}}, "anna")),
              "there is no “web9” in the register “servers”");
    EXPECT_EQ(fault(service_->set("servers", "web1", {{"cores", "2"}}, "anna", 7)),
              "“web1” in “servers” has been changed meanwhile (version 1, expected 7): read it again");
    EXPECT_EQ(fault(service_->set("servers", "web1", {{"id", "web3"}}, "anna")),
              "id: the register “servers” has no such field\n  did you mean “id”?");
    EXPECT_EQ(fault(service_->remove("servers", "web9", "anna")), "there is no “web9” in the register “servers”");
    EXPECT_EQ(service_->set("servers", "web1", {{"host", "WEB1.dk"}}, "anna")->version, 1) << "no change, no version";
    EXPECT_EQ(number("SELECT count(*) FROM log_entry"), 1);
    EXPECT_EQ(number("SELECT count(*) FROM register_change"), 1);
}

TEST_P(Rows, TheLogHoldsNoPersonalData) {
    ASSERT_TRUE(service_->add("people", "hemmelig-person", {{"name", "Hanne Hemmelig"}}, "aktøren"));
    const auto body = text("SELECT body FROM log_entry WHERE idx = 0");
    EXPECT_NE(body.find(R"("register":"people","action":"add","version":1)"), body.npos) << body;
    for (auto secret : {"hemmelig", "Hemmelig", "akt"}) EXPECT_EQ(body.find(secret), body.npos) << body;
    EXPECT_EQ(text("SELECT value FROM log_private WHERE idx = 0 AND field = 'row'"), "hemmelig-person");
    EXPECT_EQ(text("SELECT value FROM log_private WHERE idx = 0 AND field = 'by'"), "aktøren");
    EXPECT_EQ(text("SELECT value FROM log_private WHERE idx = 0 AND field = 'change'"),
              R"({"before":null,"after":{"name":"Hanne Hemmelig"}})");
}

TEST_P(Rows, ReferencesCannotDangle) {
    ASSERT_TRUE(service_->add("suppliers", "acme", {{"country", "DK"}}, "anna"));
    for (int i = 0; i < 7; ++i)
        ASSERT_TRUE(service_->add("servers", "s" + std::to_string(i),
                                  {{"host", "s" + std::to_string(i) + ".dk"}, {"supplier", "acme"}}, "anna"));
    EXPECT_EQ(words(service_->remove("suppliers", "acme", "anna").error()),
              "“acme” in “suppliers” is referred to by 7 rows (servers/s0, servers/s1, servers/s2, servers/s3, "
              "servers/s4, …): change those first");
    for (int i = 0; i < 6; ++i)
        ASSERT_TRUE(service_->set("servers", "s" + std::to_string(i), {{"supplier", ""}}, "anna"));
    EXPECT_EQ(words(service_->remove("suppliers", "acme", "anna").error()),
              "“acme” in “suppliers” is referred to by servers/s6: change that first");
    ASSERT_TRUE(service_->remove("servers", "s6", "anna"));
    EXPECT_TRUE(service_->remove("suppliers", "acme", "anna"));
    // A row may refer to itself, also while it is being made.
    ASSERT_TRUE(service_->add("people", "eva", {{"name", "Eva"}, {"managers", "eva"}}, "anna"));
    EXPECT_TRUE(service_->remove("people", "eva", "anna"));
    EXPECT_EQ(number("SELECT count(*) FROM register_reference"), 0);
}

TEST_P(Rows, AreListedInPagesAndSearched) {
    for (auto id : {"b", "a-1", "a", "a.1", "c"})
        ASSERT_TRUE(service_->add("people", id, {{"name", std::string("Åse Ø ") + id}}, "anna"));
    std::vector<std::string> seen;
    std::string after;
    do {
        const auto page = service_->list("people", after, 2);
        ASSERT_TRUE(page) << words(page.error());
        EXPECT_EQ(page->total, 5);
        EXPECT_LE(page->rows.size(), 2u);
        for (const auto& row : page->rows) seen.push_back(row.id);
        after = page->next;
    } while (!after.empty());
    EXPECT_EQ(seen, (std::vector<std::string>{"a", "a-1", "a.1", "b", "c"}));
    EXPECT_EQ(service_->list("people", {}, 10, "åsE ø C")->rows.front().id, "c");
    EXPECT_EQ(service_->list("people", {}, 10, "A-")->rows.front().id, "a-1") << "ids are searched too";
    EXPECT_EQ(service_->list("people", {}, 10, "zebra")->total, 0);
    const auto found = service_->list("people", "a", 2, "a");
    EXPECT_EQ(found->total, 3) << "only the ids: the names have Å";
    EXPECT_EQ(found->rows.size(), 2u);
    EXPECT_EQ(found->next, "");
    EXPECT_EQ(service_->list("nope").error().code, Code::not_found);
}

TEST_P(Rows, WhoeverFollowsIsToldInTheSameTransaction) {
    std::vector<std::string> told;
    bool refuse = false;
    Service service(catalogue_, readers_, *committer_,
                    [&](log::WriteContext&, const std::string& name) -> Result<void> {
                        told.push_back(name);
                        if (refuse) return fail(Code::conflict, "registers.no-actor");
                        return {};
                    });
    ASSERT_TRUE(service.add("suppliers", "a", {{"country", "DK"}}, "anna"));
    ASSERT_TRUE(service.import("suppliers", "id,country\nb,SE\nc,NO\n", Format::csv, "anna", false));
    refuse = true;
    EXPECT_FALSE(service.remove("suppliers", "a", "anna"));
    EXPECT_EQ(told, (std::vector<std::string>{"suppliers", "suppliers", "suppliers"}));
    EXPECT_TRUE(service.get("suppliers", "a")) << "rolled back with what follows";
    EXPECT_EQ(number("SELECT count(*) FROM log_entry"), 1 + 2 + 1);
}

TEST_P(Rows, AFieldThatIsNoLongerDeclaredKeepsItsData) {
    ASSERT_TRUE(service_->add("servers", "web1", {{"host", "a.dk"}, {"cores", "4"}}, "anna"));
    Catalogue smaller;
    ASSERT_TRUE(parse_declarations("[register.servers]\ntitle = \"S\"\n[[register.servers.field]]\nname = "
                                   "\"host\"\ntype = \"host\"\nlabel = \"H\"\n",
                                   "s", smaller)
                    .empty());
    Service service(smaller, readers_, *committer_);
    EXPECT_EQ(service.set("servers", "web1", {{"host", "b.dk"}}, "anna")->fields, (Fields{{"host", "b.dk"}}));
    EXPECT_EQ(service_->get("servers", "web1")->fields, (Fields{{"host", "b.dk"}, {"cores", "4"}, {"class", "own"}}));
}

INSTANTIATE_ENGINES(Rows);

}  // namespace
}  // namespace tilsyn::registers
