// The entries of the control log against api/log-entry.schema.json and docs/log-entry.md.
#include <gmock/gmock.h>

#include <fstream>
#include <regex>

#include "app/api_fixture.hpp"

namespace tilsyn::app {
namespace {

using http::Method;
using nlohmann::json;

std::string content(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

class LogEntry : public Api {
  protected:
    LogEntry() : schemas_(json::parse(content("api/log-entry.schema.json"))) {}

    // Every entry there is; counts the kinds.
    std::map<std::string, int> check_all() {
        std::map<std::string, int> kinds;
        for (std::string from = "0"; !from.empty();) {
            const auto page = get("/api/v1/log/entries", {{"from", from}, {"limit", "1000"}});
            for (const auto& entry : page.body["entries"]) {
                const auto text = entry["body"].get<std::string>();
                const auto body = json::parse(text);
                const auto kind = body.value("k", "");
                ++kinds[kind];
                if (!schemas_.document()["$defs"].contains(kind)) {
                    ADD_FAILURE() << "not in the schema: " << text;
                    continue;
                }
                for (const auto& fault : schemas_.faults(schemas_.document()["$defs"][kind], body))
                    ADD_FAILURE() << text << fault;
                for (const auto& [name, schema] : schemas_.document()["$defs"][kind]["properties"].items())
                    if (body.contains(name) && schema.contains("pattern"))
                        EXPECT_TRUE(std::regex_match(body[name].get<std::string>(),
                                                     std::regex(schema["pattern"].get<std::string>())))
                            << name << " of " << text;
            }
            from = page.body["next"].is_null() ? "" : page.body["next"].dump();
        }
        return kinds;
    }

    contract::Schemas schemas_;
};

TEST_F(LogEntry, WhatAScenarioWritesFitsTheSchema) {
    const std::string suppliers = "/api/v1/registers/suppliers", people = "/api/v1/registers/people";
    auto policy = std::string(small_policy) + R"(
[control.person-mail]
title = { da = "Folk har mail", en = "People have mail" }
promises = ["P1"]
subjects = "people"
every = "1 day"
owner = "it"
check = { kind = "query", sql = "SELECT id AS subject FROM people WHERE email IS NULL" }
)";
    write_policy(policy);
    apply();
    ASSERT_EQ(send(Method::put, people + "/rows/anne", R"({"fields":{"name":"Anne Secret","roles":["it"]}})").status,
              201);
    ASSERT_EQ(ask({.method = Method::post,
                   .path = suppliers + "/import",
                   .key = write_,
                   .body = "id,name,kind\na,A,hosting\nb,B,mail\n",
                   .query = {{"format", "csv"}},
                   .type = "text/csv"})
                  .status,
              200);
    ASSERT_EQ(send(Method::patch, suppliers + "/rows/b", R"({"fields":{"country":"DK"}})").status, 200);
    run_due();
    const auto granted = send(
        Method::post, "/api/v1/exceptions",
        R"({"control":"person-mail","subject":"people/anne","reason":"Secret reason","until":"2027-01-01T00:00:00Z"})");
    ASSERT_EQ(granted.status, 201);
    ASSERT_EQ(send(Method::delete_, "/api/v1/exceptions/" + granted.body["id"].get<std::string>(), "").status, 204);
    ASSERT_EQ(send(Method::post, "/api/v1/sign-offs",
                   R"({"control":"round","person":"anne","decision":"pass","note":"Secret note"})")
                  .status,
              201);
    ASSERT_EQ(send(Method::post, "/api/v1/controls/supplier-country/run", "").status, 202);
    ASSERT_EQ(send(Method::delete_, suppliers + "/rows/a", "").status, 204);
    const auto made = ask({.method = Method::post,
                           .path = "/api/v1/keys",
                           .key = admin_,
                           .body = R"({"name":"Secret name","role":"read"})"});
    ASSERT_TRUE(revoke_key(app_->committer(), split(made.body["key"].get<std::string>(), '_')[1], "test"));
    write_policy(small_policy);
    apply();
    clock_.advance(std::chrono::hours(24 * 30));
    run_due();
    app_->engine().stop(std::chrono::seconds(5));

    const auto kinds = check_all();
    for (const auto* kind :
         {"control.define", "control.retire", "control.population", "control.request", "control.outcome",
          "control.signoff", "finding.open", "finding.close", "exception.grant", "exception.revoke", "policy.apply",
          "register.change", "key.add", "key.revoke", "node.start", "node.stop"})
        EXPECT_TRUE(kinds.contains(kind)) << kind << ": the scenario did not write one";
    EXPECT_EQ(ask({.path = "/api/v1/log/entries", .key = read_, .body = {}, .query = {{"limit", "1000"}}})
                  .text.find("Secret"),
              std::string::npos)
        << "personal data in the log";
}

TEST_F(LogEntry, SchemaSourceAndPageNameTheSameKinds) {
    std::set<std::string> in_source, in_schema, in_page;
    const std::regex made(
        R"re(Entry(?: entry)?\("([a-z]+\.?[a-z]*)"|entry_for\((?:plan, )?"([a-z.]+)"|\? "(control\.[a-z]+)" : "(control\.[a-z]+)")re");
    for (const auto& file : std::filesystem::recursive_directory_iterator("src")) {
        const auto name = file.path().filename().string();
        if (!name.ends_with(".cpp") || name.ends_with("_test.cpp")) continue;
        const auto text = content(file.path());
        for (std::sregex_iterator i(text.begin(), text.end(), made), end; i != end; ++i)
            for (std::size_t group = 1; group < i->size(); ++group)
                if ((*i)[group].length() > 0) in_source.insert((*i)[group]);
    }
    for (const auto& [kind, schema] : schemas_.document()["$defs"].items()) in_schema.insert(kind);
    const auto page = content("docs/log-entry.md");
    const std::regex row("\n\\| `([a-z]+\\.[a-z]+|heartbeat)` \\|");
    for (std::sregex_iterator i(page.begin(), page.end(), row), end; i != end; ++i) in_page.insert((*i)[1]);
    EXPECT_EQ(in_source, in_schema);
    EXPECT_EQ(in_page, in_schema);
    EXPECT_EQ(schemas_.document()["oneOf"].size(), in_schema.size());
}

}  // namespace
}  // namespace tilsyn::app
