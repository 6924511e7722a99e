// The routes against the contract both ways, and what holds for all of them.
#include <gmock/gmock.h>

#include "app/api_fixture.hpp"

namespace tilsyn::app {
namespace {

using http::Method;
using testing::HasSubstr;

std::string access_word(http::Auth auth) {
    switch (auth) {
        case http::Auth::public_:
            return "public";
        case http::Auth::read:
            return "read";
        case http::Auth::write:
            return "write";
        case http::Auth::admin:
            return "admin";
    }
    return {};
}

class Contract : public Api {};

TEST_F(Contract, RoutesAndFileAgree) {
    std::map<std::string, std::string> described, built;
    for (const auto& [path, methods] : contract_schemas().document()["paths"].items())
        for (const auto& [method, operation] : methods.items())
            described[method + " " + path] = operation.value("x-tilsyn-access", "nobody said");
    for (const auto& route : router_->routes())
        built[method_word(route.method) + " " + route.pattern] = access_word(route.access.auth);
    EXPECT_EQ(described, built);
    EXPECT_GT(built.size(), 30u);
}

TEST_F(Contract, EveryOperationIsDescribedWhole) {
    const auto& schemas = contract_schemas();
    std::set<std::string> ids;
    for (const auto& route : router_->routes()) {
        const auto what = method_word(route.method) + " " + route.pattern;
        const auto& operation = schemas.document()["paths"][route.pattern][method_word(route.method)];
        EXPECT_FALSE(operation.value("summary", "").empty()) << what;
        EXPECT_TRUE(ids.insert(operation.value("operationId", "")).second)
            << what << ": operationId missing or used twice";
        EXPECT_EQ(operation.contains("requestBody"), route.access.body_limit > 0) << what;
        const bool open = operation["x-tilsyn-access"] == "public";
        EXPECT_EQ(open, operation.contains("security"))
            << what << ": security: [] stands with public operations, and only there";
        EXPECT_EQ(!open, operation["responses"].contains("401")) << what;
        EXPECT_EQ(operation["x-tilsyn-access"] == "write" || operation["x-tilsyn-access"] == "admin" ||
                      what == "get /metrics",
                  operation["responses"].contains("403"))
            << what;
        std::set<std::string> in_path;
        for (const auto& parameter : operation.value("parameters", nlohmann::json::array())) {
            const auto& whole = schemas.resolve(parameter);
            if (whole["in"] == "path") in_path.insert("{" + whole["name"].get<std::string>() + "}");
        }
        for (const auto& name : in_path) EXPECT_THAT(route.pattern, HasSubstr(name)) << what;
        EXPECT_EQ(std::size_t(std::ranges::count(route.pattern, '{')), in_path.size()) << what;
    }
}

TEST_F(Contract, MetricsAreOpenOnLoopbackOnly) {
    hooks_.metrics_public = true;
    router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    EXPECT_EQ(ask({.path = "/metrics", .key = {}, .body = {}}).status, 200);
    EXPECT_EQ(ask({.path = "/metrics", .key = {}, .body = {}, .headers = {{"x-forwarded-for", "203.0.113.7"}}}).status,
              403);
    hooks_.metrics_public = false;
    router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    EXPECT_EQ(ask({.path = "/metrics", .key = {}, .body = {}}).status, 401);
    EXPECT_EQ(get("/metrics").status, 200);
}

// A path with the parameters filled in.
std::string filled(std::string pattern) {
    for (const auto& [name, value] :
         std::map<std::string, std::string>{{"{id}", "none"}, {"{register}", "suppliers"}, {"{path+}", "0/000"}})
        if (const auto at = pattern.find(name); at != pattern.npos) pattern.replace(at, name.size(), value);
    return pattern;
}

TEST_F(Contract, NobodyGetsInWithoutTheRightKey) {
    apply();
    for (const auto& route : router_->routes()) {
        if (route.access.auth == http::Auth::public_) continue;
        const auto path = filled(route.pattern);
        const auto what = method_word(route.method) + " " + path;
        EXPECT_EQ(ask({.method = route.method, .path = path, .key = {}, .body = {}}).status, 401) << what;
        EXPECT_EQ(
            ask({.method = route.method, .path = path, .key = "tilsyn_abcdefgh_" + std::string(64, '0'), .body = {}})
                .status,
            401)
            << what;
        if (route.access.auth > http::Auth::read)
            EXPECT_EQ(ask({.method = route.method, .path = path, .key = read_, .body = {}}).status, 403) << what;
        if (route.access.auth > http::Auth::write)
            EXPECT_EQ(ask({.method = route.method, .path = path, .key = write_, .body = {}}).status, 403) << what;
    }
}

TEST_F(Contract, UnknownParametersAreRefusedByTheirName) {
    apply();
    for (const auto& route : router_->routes()) {
        if (route.access.auth == http::Auth::public_) continue;
        const auto path = filled(route.pattern);
        if (path.find("none") != path.npos && route.method == Method::post) continue;  // refused for its id either way
        const auto refused =
            ask({.method = route.method, .path = path, .key = admin_, .body = {}, .query = {{"limt", "3"}}});
        EXPECT_EQ(refused.status, 400) << method_word(route.method) << " " << path << ": " << refused.text;
        EXPECT_THAT(refused.text, HasSubstr("limt")) << path;
    }
    EXPECT_THAT(get("/api/v1/log/entries", {{"limt", "3"}}).text, HasSubstr("did you mean “limit”?"));
    const auto da =
        ask({.path = "/api/v1/log/entries", .key = read_, .body = {}, .query = {{"limt", "3"}}, .lang = Lang::da});
    EXPECT_THAT(da.text, HasSubstr("er ikke en parameter her"));
    EXPECT_THAT(da.text, HasSubstr("mente du “limit”?"));
}

TEST_F(Contract, BodiesThatAreTooLargeOrWhereNoneBelongsAreRefused) {
    for (const auto& route : router_->routes()) {
        if (route.access.auth == http::Auth::public_ || route.access.body_limit > (1u << 20)) continue;
        const std::string body(route.access.body_limit + 1, ' ');
        http::Request request;
        request.method = route.method;
        request.path = filled(route.pattern);
        request.body = body;
        request.headers["content-type"] = "application/json";
        request.headers["authorization"] = "Bearer " + admin_;
        EXPECT_EQ(router_->handle(request, [this](std::string_view key) { return (*keys_)(key); }).status, 413)
            << route.pattern;
    }
}

TEST_F(Contract, TheContractIsServed) {
    const auto served = ask({.path = "/api/v1/openapi.yaml", .key = {}, .body = {}});
    EXPECT_EQ(served.status, 200);
    EXPECT_EQ(served.text, contract_text());
}

TEST_F(Contract, ReadinessFollowsItsParts) {
    EXPECT_EQ(ask({.path = "/healthz", .key = {}, .body = {}}).body["status"], "ok");
    bool alive = true;
    hooks_.engine_alive = [&] { return alive; };
    router_ = std::make_unique<http::Router>(routes(*app_, hooks_));
    EXPECT_EQ(ask({.path = "/readyz", .key = {}, .body = {}}).body["ready"], true);
    alive = false;
    http::Request request;
    request.path = "/readyz";
    const auto answer = router_->handle(request, {});
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(nlohmann::json::parse(answer.body),
              nlohmann::json({{"ready", false}, {"database", true}, {"log", true}, {"engine", false}}));
}

TEST(Yaml, RefusesWhatItDoesNotKnow) {
    using contract::Yaml;
    EXPECT_EQ(Yaml("a: { b: [1, x, \"y, z\"] }\nc:\n  - { d: true }\n").read(),
              nlohmann::json::parse(R"({"a":{"b":[1,"x","y, z"]},"c":[{"d":true}]})"));
    for (const auto* bad :
         {"a: { b: 1", "a:\nb: 1", "a: 1\na: 2", "a: 1\n   b: 2", "just text", "a: \"open", "a: [1] 2"})
        EXPECT_ANY_THROW(Yaml(bad).read()) << bad;
}

TEST(Schemas, FindsWhatIsWrong) {
    const contract::Schemas schemas(
        contract::Yaml("s: { type: object, required: [a], properties: { a: { type: [string, \"null\"] }, b: { type: "
                       "array, items: { type: integer } } }, additionalProperties: false }")
            .read());
    const auto& schema = schemas.document()["s"];
    EXPECT_TRUE(schemas.faults(schema, {{"a", nullptr}, {"b", {1, 2}}}).empty());
    EXPECT_EQ(schemas.faults(schema, {{"b", {1, "x"}}, {"c", 1}}).size(), 3u);
}

}  // namespace
}  // namespace tilsyn::app
