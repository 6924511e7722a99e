// For tests: a whole App on a temporary data folder with a small policy, its routes behind a router, and a key of each
// role. Every answer is held to api/openapi.yaml as it comes.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "app/api.hpp"
#include "app/api_auth.hpp"
#include "app/keys.hpp"
#include "base/embedded.hpp"
#include "base/file.hpp"
#include "http/server.hpp"
#include "support/contract.hpp"
#include "support/temporary.hpp"

namespace tilsyn::embedded {
std::span<const EmbeddedFile> api_files();
}

namespace tilsyn::app {

inline const char* const small_policy = R"(schema = 1
id = "small"
title = { da = "Lille politik", en = "Small policy" }
company = "Eksempel ApS"

[role.it]
title = { da = "IT", en = "IT" }

[section.all]
title = { da = "Alt", en = "All" }
text.da = """
Vi kender vores leverandører {P1}. Vi går en runde {P2}. Vi er glade {-}.
"""
text.en = """
We know our suppliers {P1}. We walk a round {P2}. We are happy {-}.
"""

[promise.P1]
[promise.P2]

[control.supplier-country]
title = { da = "Leverandører har et land", en = "Suppliers have a country" }
promises = ["P1"]
subjects = "suppliers"
every = "1 day"
owner = "it"
severity = "high"
[control.supplier-country.check]
kind = "query"
sql = "SELECT id AS subject FROM suppliers WHERE country IS NULL"

[control.round]
title = { da = "Runden er gået", en = "The round is made" }
promises = ["P2"]
every = "6 months since last done"
owner = "it"
check = { kind = "sign_off", steps = [ { da = "Gå", en = "Walk" } ] }
)";

inline std::string_view contract_text() {
    for (const auto& file : embedded::api_files())
        if (file.name == "openapi.yaml") return file.content;
    throw std::runtime_error("the contract is not in the program");
}
inline const contract::Schemas& contract_schemas() {
    static const contract::Schemas schemas(contract::Yaml(contract_text()).read());
    return schemas;
}

inline std::string method_word(http::Method method) {
    return lower_ascii(to_string(method));
}

struct Answer {
    int status = 0;
    nlohmann::json body;
    std::string text;
    std::map<std::string, std::string> headers;
};

class Api : public testing::Test {
  protected:
    Api() {
        std::filesystem::create_directories(folder_.path() / "policy");
        write_policy(small_policy);
        open();
        read_ = create_key(app_->committer(), "viewer", KeyRole::read, "test").value();
        write_ = create_key(app_->committer(), "worker", KeyRole::write, "test").value();
        admin_ = create_key(app_->committer(), "chief", KeyRole::admin, "test").value();
    }

    void open() {
        app_ = App::open({folder_.path(), {}}, clock_).value();
        keys_ = std::make_unique<KeyCheck>(*app_);
        hooks_.keys_changed = [this] { keys_->forget(); };
        hooks_.metrics = [] { return std::string("tilsyn_build_info 1\n"); };
        router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    }
    void write_policy(std::string_view text) {
        ASSERT_TRUE(write_file(folder_.path() / "policy" / "policy.toml", text));
    }

    struct Ask {
        http::Method method = http::Method::get;
        std::string path;
        std::string key;
        std::string body;
        std::map<std::string, std::string> query{};
        std::string type = "application/json";
        std::map<std::string, std::string> headers{};
        Lang lang = Lang::en;
    };
    Answer ask(const Ask& ask) {
        http::Request request;
        request.method = ask.method;
        request.path = ask.path;
        request.query = ask.query;
        request.headers = ask.headers;
        if (!ask.key.empty()) request.headers["authorization"] = "Bearer " + ask.key;
        request.body = ask.body;
        if (!ask.body.empty()) request.headers["content-type"] = ask.type;
        request.request_id = "test-request";
        request.lang = ask.lang;
        http::Request matched = request;
        const auto* route = router_->match(request.method, request.path, matched, nullptr);
        const auto response = router_->handle(request, [this](std::string_view key) { return (*keys_)(key); });
        Answer answer{response.status, {}, response.body, {}};
        for (const auto& [name, value] : response.headers) answer.headers[name] = value;
        const bool is_json = response.content_type.find("json") != std::string::npos;
        if (is_json && !response.body.empty()) answer.body = nlohmann::json::parse(response.body);
        EXPECT_LT(answer.status, 500) << response.log_note;
        if (route != nullptr) hold_to_contract(*route, response, answer);
        return answer;
    }
    Answer get(const std::string& path, std::map<std::string, std::string> query = {}) {
        return ask({.path = path, .key = read_, .body = {}, .query = std::move(query)});
    }
    Answer send(http::Method method, const std::string& path, const std::string& body,
                std::map<std::string, std::string> query = {}) {
        return ask({.method = method, .path = path, .key = write_, .body = body, .query = std::move(query)});
    }

    void apply() {
        const auto applied =
            ask({.method = http::Method::post, .path = "/api/v1/policy/apply", .key = admin_, .body = {}});
        ASSERT_EQ(applied.status, 200) << applied.text;
    }
    void run_due() {
        auto& engine = app_->engine();
        ASSERT_TRUE(engine.join());
        ASSERT_TRUE(engine.run_due(Deadline::in(std::chrono::seconds(30))));
    }

    test::TemporaryFolder folder_;
    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    ServiceHooks hooks_;
    std::unique_ptr<App> app_;
    std::unique_ptr<KeyCheck> keys_;
    std::unique_ptr<http::Router> router_;
    std::string read_, write_, admin_;
    std::set<std::string> seen_;  // "get /api/v1/status 200"

  private:
    void hold_to_contract(const http::Route& route, const http::Response& response, const Answer& answer) {
        const auto& schemas = contract_schemas();
        const auto what = method_word(route.method) + " " + route.pattern + " " + std::to_string(answer.status);
        seen_.insert(what);
        const auto& responses = schemas.document()["paths"][route.pattern][method_word(route.method)]["responses"];
        if (!responses.contains(std::to_string(answer.status))) {
            ADD_FAILURE() << what << " is not in the contract: " << answer.text;
            return;
        }
        const auto& described = schemas.resolve(responses[std::to_string(answer.status)]);
        if (!described.contains("content")) {
            EXPECT_TRUE(answer.text.empty()) << what;
            return;
        }
        const auto type =
            std::string(trim(std::string_view(response.content_type).substr(0, response.content_type.find(';'))));
        if (!described["content"].contains(type)) {
            ADD_FAILURE() << what << ": " << type << " is not in the contract";
            return;
        }
        if (answer.body.is_null()) return;
        for (const auto& fault : schemas.faults(described["content"][type]["schema"], answer.body))
            ADD_FAILURE() << what << fault;
    }
};

}  // namespace tilsyn::app
