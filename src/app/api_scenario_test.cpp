// What people do through the API, from an empty data folder on: each answer is held to the contract by the fixture.
#include <gmock/gmock.h>

#include "app/api_fixture.hpp"
#include "crypto/hash.hpp"
#include "log/merkle.hpp"
#include "log/tiles.hpp"

namespace tilsyn::app {
namespace {

using http::Method;
using nlohmann::json;
using testing::HasSubstr;

class Scenario : public Api {
  protected:
    const std::string suppliers_ = "/api/v1/registers/suppliers";
    std::string supplier(const std::string& country = "") {
        json fields{{"name", "Firma"}, {"kind", "hosting"}, {"it_supplier", true}};
        if (!country.empty()) fields["country"] = country;
        return json{{"fields", fields}}.dump();
    }
    void add_person(const std::string& id) {
        const auto added =
            send(Method::put, "/api/v1/registers/people/rows/" + id, R"({"fields":{"name":"N","roles":["it"]}})");
        ASSERT_EQ(added.status, 201) << added.text;
    }
};

TEST_F(Scenario, BeforeAPolicyThereIsNothingToShow) {
    for (const auto* path :
         {"/api/v1/status", "/api/v1/controls", "/api/v1/policy", "/api/v1/policy/coverage", "/api/v1/sign-offs"}) {
        const auto none = get(path);
        EXPECT_EQ(none.status, 404) << path;
        EXPECT_THAT(none.body["detail"], HasSubstr("no policy")) << path;
    }
    EXPECT_EQ(get("/api/v1/policy/versions").body["versions"], json::array());
}

TEST_F(Scenario, RowsAreAddedChangedAndRemoved) {
    const auto row = suppliers_ + "/rows/firm";
    const auto added = send(Method::put, row, supplier("DK"));
    ASSERT_EQ(added.status, 201) << added.text;
    EXPECT_EQ(added.headers.at("ETag"), "\"1\"");
    EXPECT_EQ(added.body["updated_by"], "key:worker");
    EXPECT_EQ(added.body["fields"]["it_supplier"], "true");

    EXPECT_EQ(send(Method::put, row, supplier("DK")).status, 409);
    const auto changed = ask({.method = Method::patch,
                              .path = row,
                              .key = write_,
                              .body = R"({"fields":{"country":null}})",
                              .headers = {{"if-match", "\"1\""}}});
    ASSERT_EQ(changed.status, 200) << changed.text;
    EXPECT_FALSE(changed.body["fields"].contains("country"));
    EXPECT_EQ(ask({.method = Method::patch,
                   .path = row,
                   .key = write_,
                   .body = R"({"fields":{"country":"SE"}})",
                   .headers = {{"if-match", "\"1\""}}})
                  .status,
              409);
    EXPECT_EQ(ask({.method = Method::patch,
                   .path = row,
                   .key = write_,
                   .body = R"({"fields":{}})",
                   .headers = {{"if-match", "1"}}})
                  .status,
              400);

    const auto wrong = send(Method::patch, row, R"({"fields":{"country":"Denmark"}})");
    EXPECT_EQ(wrong.status, 422) << wrong.text;
    EXPECT_EQ(wrong.body["status"], 422);
    EXPECT_EQ(send(Method::patch, row, R"({"fields":{"country":{"a":1}}})").status, 400);
    EXPECT_EQ(send(Method::patch, row, R"({"field":{}})").status, 400);
    EXPECT_THAT(send(Method::patch, row, R"({"fields":{},"filds":1})").text, HasSubstr("did you mean “fields”?"));
    EXPECT_EQ(send(Method::patch, row, R"({"fields":{},"fields":{}})").status, 400);
    EXPECT_EQ(send(Method::patch, row, "{").status, 400);
    EXPECT_EQ(send(Method::patch, row, "[]").status, 400);
    EXPECT_EQ(send(Method::patch, row, "").status, 400);
    EXPECT_EQ(send(Method::patch, row, std::string(1000, '[')).status, 400);
    EXPECT_EQ(send(Method::patch, row, R"({"fields":{"name":"a\u0000b"}})").status, 400);
    EXPECT_EQ(send(Method::patch, row, R"({"fields":{"na\u0000me":"a"}})").status, 400);
    EXPECT_EQ(send(Method::patch, row, "{\"fields\":{\"name\":\"a\xff\"}}").status, 400);
    EXPECT_EQ(ask({.method = Method::patch, .path = row, .key = write_, .body = R"({"fields":{}})", .type = "text/csv"})
                  .status,
              415);
    EXPECT_EQ(send(Method::patch, suppliers_ + "/rows/nobody", R"({"fields":{"country":"SE"}})").status, 404);
    EXPECT_EQ(send(Method::put, suppliers_ + "/rows/Bad Id", supplier()).status, 422);

    const auto history = get(row + "/history");
    ASSERT_EQ(history.body["changes"].size(), 2u);
    EXPECT_EQ(history.body["changes"][0]["action"], "set");
    EXPECT_EQ(history.body["changes"][0]["before"]["country"], "DK");
    EXPECT_EQ(get(row + "/history", {{"limit", "1"}}).body["more"], true);

    ASSERT_EQ(
        send(Method::put, suppliers_ + "/rows/daughter", R"({"fields":{"name":"D","kind":"other","parent":"firm"}})")
            .status,
        201);
    EXPECT_EQ(send(Method::delete_, row, "").status, 409);
    EXPECT_EQ(send(Method::delete_, suppliers_ + "/rows/daughter", "").status, 204);
    EXPECT_EQ(send(Method::delete_, row, "").status, 204);
    EXPECT_EQ(send(Method::delete_, row, "").status, 404);
    EXPECT_EQ(get(row).status, 404);
}

TEST_F(Scenario, RowsComeInPages) {
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(send(Method::put, suppliers_ + "/rows/s" + std::to_string(i), supplier("DK")).status, 201);
    const auto first = get(suppliers_ + "/rows", {{"limit", "2"}});
    EXPECT_EQ(first.body["rows"].size(), 2u);
    EXPECT_EQ(first.body["total"], 5);
    EXPECT_EQ(first.body["next"], "s1");
    const auto last = get(suppliers_ + "/rows", {{"limit", "1000"}, {"after", "s1"}});
    EXPECT_EQ(last.body["rows"].size(), 3u);
    EXPECT_EQ(last.body["next"], nullptr);
    EXPECT_EQ(get(suppliers_ + "/rows", {{"search", "S3"}}).body["total"], 1);
    for (const auto* limit : {"0", "1001", "many", "-1", "", "99999999999999999999"})
        EXPECT_EQ(get(suppliers_ + "/rows", {{"limit", limit}}).status, 400) << limit;
}

TEST_F(Scenario, RegistersAreDeclared) {
    const auto all = get("/api/v1/registers");
    EXPECT_GT(all.body["registers"].size(), 10u);
    EXPECT_EQ(get(suppliers_).body["name"], "suppliers");
    const auto unknown = ask({.path = "/api/v1/registers/supliers", .key = read_, .body = {}, .lang = Lang::da});
    EXPECT_EQ(unknown.status, 404);
    EXPECT_THAT(unknown.body["detail"], HasSubstr("mente du “suppliers”?"));
    for (const auto* rest : {"/rows", "/rows/x", "/rows/x/history", "/export"})
        EXPECT_EQ(get(std::string("/api/v1/registers/supliers") + rest).status, 404) << rest;
}

TEST_F(Scenario, FilesGoInAndOut) {
    const auto import = [&](const std::string& body, std::map<std::string, std::string> query,
                            const std::string& type = "text/csv") {
        return ask({.method = Method::post,
                    .path = suppliers_ + "/import",
                    .key = write_,
                    .body = body,
                    .query = std::move(query),
                    .type = type});
    };
    const std::string good = "id,name,kind,country\na,A,hosting,DK\nb,B,mail,SE\n";
    const auto dry = import(good, {{"format", "csv"}, {"dry_run", "true"}});
    EXPECT_EQ(dry.body["added"], 2) << dry.text;
    EXPECT_EQ(dry.body["applied"], false);
    EXPECT_EQ(get(suppliers_ + "/rows").body["total"], 0);

    const auto faulty = import("id,name,kind,country\na,A,hosting,Denmark\nb,B,nonsense,SE\n", {{"format", "csv"}});
    EXPECT_EQ(faulty.status, 422);
    EXPECT_EQ(faulty.body["errors"].size(), 2u) << faulty.text;
    EXPECT_EQ(faulty.body["errors"][0]["line"], 2);
    const auto faulty_dry =
        import("id,name,kind,country\na,A,hosting,Denmark\n", {{"format", "csv"}, {"dry_run", "true"}});
    EXPECT_EQ(faulty_dry.status, 200);
    EXPECT_EQ(faulty_dry.body["lines"][0]["what"], "faulty");

    EXPECT_EQ(import(good, {{"format", "csv"}}).body["applied"], true);
    const auto json_file =
        ask({.path = suppliers_ + "/export", .key = read_, .body = {}, .query = {{"format", "json"}}});
    EXPECT_EQ(json_file.body.size(), 2u);
    EXPECT_EQ(import(json_file.text, {{"format", "json"}}, "application/json").body["same"], 2);
    const auto csv = get(suppliers_ + "/export");
    EXPECT_THAT(csv.text, HasSubstr("a,A,hosting"));
    EXPECT_EQ(csv.headers.at("Content-Disposition"), "attachment; filename=\"suppliers.csv\"");
    EXPECT_THAT(get(suppliers_ + "/export", {{"excel", "true"}}).text, HasSubstr("a;A;hosting"));

    EXPECT_EQ(import(good, {}).status, 400);
    EXPECT_EQ(import(good, {{"format", "xml"}}).status, 400);
    EXPECT_EQ(import(good, {{"format", "csv"}, {"dry_run", "yes"}}).status, 400);
    EXPECT_EQ(import(good, {{"format", "json"}}).status, 415);
    EXPECT_EQ(import("", {{"format", "csv"}}).status, 400);
    EXPECT_EQ(import("{", {{"format", "json"}}, "application/json").status, 422);
}

TEST_F(Scenario, ControlsRunAndFailAndAreAccepted) {
    apply();
    ASSERT_EQ(send(Method::put, suppliers_ + "/rows/good", supplier("DK")).status, 201);
    ASSERT_EQ(send(Method::put, suppliers_ + "/rows/bad", supplier()).status, 201);
    run_due();

    EXPECT_EQ(get("/api/v1/status").body["totals"]["fail"], 1);
    EXPECT_EQ(get("/api/v1/controls").body["controls"].size(), 2u);
    EXPECT_EQ(get("/api/v1/controls", {{"verdict", "fail"}}).body["controls"].size(), 1u);
    EXPECT_EQ(get("/api/v1/controls", {{"verdict", "bad"}}).status, 400);
    const std::string control = "/api/v1/controls/supplier-country";
    const auto one = get(control);
    EXPECT_EQ(one.body["verdict"], "fail");
    EXPECT_EQ(one.body["population"], 2);
    EXPECT_EQ(one.body["definition"]["check"]["kind"], "query");
    const auto unknown = get("/api/v1/controls/supplier-contry");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_THAT(unknown.body["detail"], HasSubstr("supplier-country"));

    const auto subjects = get(control + "/subjects");
    ASSERT_EQ(subjects.body["subjects"].size(), 2u);
    EXPECT_EQ(subjects.body["subjects"][0]["subject"], "suppliers/bad");
    EXPECT_EQ(get(control + "/subjects", {{"limit", "1"}}).body["more"], true);
    EXPECT_EQ(get(control + "/subjects", {{"verdict", "pass"}}).body["subjects"].size(), 1u);
    EXPECT_EQ(get("/api/v1/controls/none/subjects").status, 404);

    const auto runs = get(control + "/runs", {{"limit", "1"}});
    ASSERT_EQ(runs.body["runs"].size(), 1u);
    const auto older = get(control + "/runs", {{"before", runs.body["next"].dump()}});
    EXPECT_EQ(older.body["runs"].size(), 1u);
    EXPECT_EQ(older.body["next"], nullptr);
    EXPECT_EQ(get(control + "/runs", {{"subject", "suppliers/bad"}}).body["runs"][0]["outcome"], "fail");
    EXPECT_EQ(get("/api/v1/controls/none/runs").status, 404);

    const auto findings = get("/api/v1/findings");
    ASSERT_EQ(findings.body["findings"].size(), 1u);
    EXPECT_EQ(findings.body["findings"][0]["severity"], "high");
    EXPECT_EQ(get("/api/v1/findings", {{"which", "opne"}}).status, 400);

    const auto grant = [&](const json& body) { return send(Method::post, "/api/v1/exceptions", body.dump()); };
    const json good{{"control", "supplier-country"},
                    {"subject", "suppliers/bad"},
                    {"reason", "Moving out"},
                    {"until", "2027-01-01T00:00:00Z"}};
    const auto with = [&](const char* name, const json& value) {
        auto body = good;
        body[name] = value;
        return body;
    };
    EXPECT_EQ(grant(with("control", "none")).status, 404);
    EXPECT_EQ(grant(with("subject", "suppliers/nobody")).status, 404);
    EXPECT_EQ(grant(with("reason", "")).status, 422);
    EXPECT_EQ(grant(with("reason", std::string(3000, 'x'))).status, 400);
    EXPECT_EQ(grant(with("until", "tomorrow")).status, 400);
    EXPECT_EQ(grant(with("until", "2020-01-01T00:00:00Z")).status, 422);
    EXPECT_EQ(grant(with("until", 5)).status, 400);
    EXPECT_EQ(
        ask({.method = Method::post, .path = "/api/v1/exceptions", .key = write_, .body = "x", .type = "text/csv"})
            .status,
        415);
    const auto granted = grant(good);
    ASSERT_EQ(granted.status, 201) << granted.text;
    EXPECT_EQ(granted.body["granted_by"], "key:worker");
    EXPECT_EQ(get("/api/v1/findings").body["findings"].size(), 0u);
    EXPECT_EQ(get("/api/v1/findings", {{"which", "closed"}}).body["findings"][0]["close_reason"], "exception");
    EXPECT_EQ(get(control).body["verdict"], "accepted");
    EXPECT_EQ(get("/api/v1/exceptions").body["exceptions"].size(), 1u);
    const auto exception = "/api/v1/exceptions/" + granted.body["id"].get<std::string>();
    EXPECT_EQ(send(Method::delete_, exception, "").status, 204);
    EXPECT_EQ(send(Method::delete_, exception, "").status, 404);
    EXPECT_EQ(get("/api/v1/exceptions").body["exceptions"].size(), 0u);
    EXPECT_EQ(get("/api/v1/exceptions", {{"active", "false"}}).body["exceptions"].size(), 1u);

    bool woken = false;
    hooks_.wake = [&] { woken = true; };
    router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    const auto requested = send(Method::post, control + "/run", "");
    EXPECT_EQ(requested.status, 202);
    EXPECT_EQ(requested.body["requested"], 2);
    EXPECT_TRUE(woken);
    EXPECT_EQ(send(Method::post, "/api/v1/controls/none/run", "").status, 404);
    const auto by_person = ask(
        {.method = Method::post, .path = "/api/v1/controls/round/run", .key = write_, .body = {}, .lang = Lang::da});
    EXPECT_EQ(by_person.status, 409);
    EXPECT_THAT(by_person.body["detail"], HasSubstr("underskrives af en person"));
}

TEST_F(Scenario, PeopleSign) {
    add_person("anne");
    apply();
    const auto asked = get("/api/v1/sign-offs", {{"person", "anne"}, {"ahead", "60 days"}});
    ASSERT_EQ(asked.body["asked"].size(), 1u) << asked.text;
    EXPECT_EQ(asked.body["asked"][0]["persons"], json({"anne"}));
    EXPECT_EQ(asked.body["asked"][0]["check"]["steps"][0]["da"], "Gå");
    EXPECT_EQ(get("/api/v1/sign-offs", {{"person", "bo"}, {"ahead", "60 days"}}).body["asked"].size(), 0u);
    for (const auto* span : {"soon", "500 days", "-1 d"})
        EXPECT_EQ(get("/api/v1/sign-offs", {{"ahead", span}}).status, 400) << span;

    const auto file = ask({.method = Method::post,
                           .path = "/api/v1/evidence",
                           .key = write_,
                           .body = "a photo",
                           .type = "application/octet-stream"});
    ASSERT_EQ(file.status, 201) << file.text;
    EXPECT_EQ(file.body["sha256"], crypto::hex(crypto::sha256("a photo")));
    EXPECT_EQ(ask({.method = Method::post,
                   .path = "/api/v1/evidence",
                   .key = write_,
                   .body = "a",
                   .type = "application/json"})
                  .status,
              415);

    const auto sign = [&](const json& body) { return send(Method::post, "/api/v1/sign-offs", body.dump()); };
    EXPECT_EQ(sign({{"control", "none"}, {"person", "anne"}, {"decision", "pass"}}).status, 404);
    EXPECT_EQ(sign({{"control", "round"}, {"person", "anne"}, {"decision", "maybe"}}).status, 400);
    EXPECT_EQ(sign({{"control", "round"}, {"person", "anne"}}).status, 400);
    const auto stranger = sign({{"control", "round"}, {"person", "bo"}, {"decision", "pass"}});
    EXPECT_GE(stranger.status, 403) << stranger.text;
    const auto good = sign({{"control", "round"},
                            {"person", "anne"},
                            {"decision", "pass"},
                            {"note", "All well"},
                            {"evidence", {file.body["sha256"]}}});
    ASSERT_EQ(good.status, 201) << good.text;
    EXPECT_EQ(good.body["outcome"], "pass");
    EXPECT_EQ(get("/api/v1/controls/round").body["verdict"], "pass");
}

TEST_F(Scenario, APolicyIsAppliedAndKept) {
    apply();
    const auto policy = get("/api/v1/policy");
    EXPECT_EQ(policy.body["version"], 1);
    EXPECT_EQ(policy.body["applied_by"], "key:chief");
    EXPECT_EQ(policy.body["promises"][0]["controls"], json({"supplier-country"}));
    EXPECT_EQ(get("/api/v1/policy/versions").body["versions"].size(), 1u);
    const auto coverage = get("/api/v1/policy/coverage", {{"lang", "da"}});
    EXPECT_EQ(coverage.body["promises"], 2);
    EXPECT_EQ(coverage.body["machine_share"], 0.5);
    EXPECT_EQ(get("/api/v1/policy/coverage", {{"lang", "de"}}).status, 400);
    const auto again = ask({.method = Method::post, .path = "/api/v1/policy/apply", .key = admin_, .body = {}});
    EXPECT_EQ(again.body["changed"], false);

    auto faulty = std::string(small_policy);
    faulty.replace(faulty.find("severity = \"high\""), 17, "severity = \"hgih\"");
    write_policy(faulty);
    const auto refused = ask({.method = Method::post, .path = "/api/v1/policy/apply", .key = admin_, .body = {}});
    ASSERT_EQ(refused.status, 422);
    ASSERT_EQ(refused.body["errors"].size(), 1u) << refused.text;
    EXPECT_EQ(refused.body["errors"][0]["file"], "policy.toml");
    EXPECT_GT(refused.body["errors"][0]["line"], 20);
    EXPECT_EQ(refused.text.find(folder_.path().string()), std::string::npos) << "tells where the data folder is";
    EXPECT_EQ(get("/api/v1/policy").body["version"], 1);
}

TEST_F(Scenario, TheLogIsShownAsItWasWritten) {
    apply();
    const auto head = get("/api/v1/log/head");
    log::Frontier frontier;
    std::int64_t index = 0;
    for (std::string from = "0"; !from.empty();) {
        const auto page = get("/api/v1/log/entries", {{"from", from}, {"limit", "3"}});
        for (const auto& entry : page.body["entries"]) {
            EXPECT_EQ(entry["index"], index++);
            const auto leaf = log::leaf_hash(entry["body"].get<std::string>());
            EXPECT_EQ(entry["leaf"], crypto::base64(leaf));
            frontier.append(leaf);
        }
        from = page.body["next"].is_null() ? "" : page.body["next"].dump();
    }
    EXPECT_EQ(head.body["size"], index);
    EXPECT_EQ(head.body["root"], crypto::base64(frontier.root()));
    EXPECT_EQ(get("/api/v1/log/entries", {{"from", "-1"}}).status, 400);
}

TEST_F(Scenario, TheLogIsServedInThePublicFormats) {
    apply();
    EXPECT_EQ(ask({.path = "/log/checkpoint", .key = {}, .body = {}}).status, 404) << "nothing is signed yet";
    const auto signer = app_->signer().value();
    const auto reader = app_->readers().get().value();
    const auto stored = signer->sign(app_->committer(), *reader, app_->tree(), app_->clock()).value();
    const auto note = ask({.path = "/log/checkpoint", .key = {}, .body = {}});
    ASSERT_EQ(note.status, 200) << note.text;
    const auto opened = log::open_checkpoint(note.text, signer->ring().verifier());
    ASSERT_TRUE(opened) << render(opened.error(), Lang::en);
    EXPECT_EQ(opened->checkpoint.root, stored.root);
    EXPECT_EQ(ask({.path = "/log/witnessed", .key = {}, .body = {}}).status, 404);

    const auto width = std::to_string(stored.size);
    const auto bundle = get("/log/tile/entries/000.p/" + width);
    ASSERT_EQ(bundle.status, 200) << bundle.text;
    log::Frontier frontier;
    for (const auto entry : log::parse_bundle(bundle.text, int(stored.size)).value())
        frontier.append(log::leaf_hash(entry));
    EXPECT_EQ(frontier.root(), stored.root);
    EXPECT_EQ(get("/log/tile/0/000.p/" + width).text.size(), std::size_t(stored.size) * 32);
    EXPECT_EQ(get("/log/tile/0/001").status, 404);
    EXPECT_EQ(get("/log/tile/9/000").status, 404);
    EXPECT_EQ(get("/log/tile/0/../../head").status, 422) << "not the name of a tile";
}

TEST_F(Scenario, KeysAreMadeShownOnceAndRevoked) {
    const auto make = [&](const std::string& body) {
        return ask({.method = Method::post, .path = "/api/v1/keys", .key = admin_, .body = body});
    };
    const auto made = make(R"({"name":"robot","role":"read"})");
    ASSERT_EQ(made.status, 201) << made.text;
    const auto key = made.body["key"].get<std::string>();
    EXPECT_EQ(ask({.path = "/api/v1/log/head", .key = key, .body = {}}).status, 200);
    EXPECT_EQ(make(R"({"name":"robot","role":"root"})").status, 400);
    EXPECT_EQ(make(R"({"name":" ","role":"read"})").status, 422);
    EXPECT_EQ(make(R"({"name":"robot"})").status, 400);
    EXPECT_EQ(
        ask({.method = Method::post, .path = "/api/v1/keys", .key = admin_, .body = "x", .type = "text/csv"}).status,
        415);

    const auto keys = ask({.path = "/api/v1/keys", .key = admin_, .body = {}});
    EXPECT_EQ(keys.body["keys"].size(), 4u);
    EXPECT_EQ(keys.text.find(key.substr(16)), std::string::npos);
    const auto id = split(key, '_')[1];
    EXPECT_EQ(
        ask({.method = Method::delete_, .path = "/api/v1/keys/" + std::string(id), .key = admin_, .body = {}}).status,
        204);
    EXPECT_EQ(ask({.path = "/api/v1/log/head", .key = key, .body = {}}).status, 401)
        << "at once in the process that revoked it";
    EXPECT_EQ(
        ask({.method = Method::delete_, .path = "/api/v1/keys/" + std::string(id), .key = admin_, .body = {}}).status,
        404);
}

TEST_F(Scenario, AKeyRevokedElsewhereIsRefusedWithinASecond) {
    EXPECT_EQ(get("/api/v1/log/head").status, 200);
    ASSERT_TRUE(revoke_key(app_->committer(), split(read_, '_')[1], "another process"));
    clock_.advance(key_memory - std::chrono::milliseconds(1));
    EXPECT_EQ(get("/api/v1/log/head").status, 200) << "remembered";
    clock_.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(get("/api/v1/log/head").status, 401);
}

}  // namespace
}  // namespace tilsyn::app
