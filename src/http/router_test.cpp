#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "http/offline.hpp"
#include "http/problem.hpp"
#include "http/server.hpp"
#include "http/text.hpp"
#include "http/wire.hpp"

namespace tilsyn::http {
namespace {

Handler says(const std::string& text) {
    return [text](const Request& request) {
        auto response = json_response(text);
        for (const auto& [name, value] : request.params) response.body += " " + name + "=" + value;
        return response;
    };
}

Router make_router() {
    std::vector<Route> routes;
    const auto add = [&](Method method, std::string pattern, Auth auth, std::size_t limit, Handler handler) {
        routes.emplace_back(method, std::move(pattern), Access(auth, limit, Rate::light), std::move(handler));
    };
    add(Method::get, "/", Auth::public_, 0, says("root"));
    add(Method::get, "/registers/{register}", Auth::public_, 0, says("register"));
    add(Method::get, "/registers/people", Auth::public_, 0, says("people"));
    add(Method::delete_, "/registers/{register}", Auth::admin, 0, says("deleted"));
    add(Method::get, "/registers/{register}/rows/{id}", Auth::public_, 0, says("row"));
    add(Method::post, "/registers/{register}/rows", Auth::write, 10, says("added"));
    add(Method::get, "/tile/{path+}", Auth::public_, 0, says("tile"));
    add(Method::get, "/tile/index", Auth::public_, 0, says("index"));
    add(Method::get, "/broken", Auth::public_, 0,
        [](const Request&) -> Response { throw std::runtime_error("inside"); });
    return Router(std::move(routes));
}

Result<Caller> authenticate(std::string_view key) {
    if (key == "w") return Caller{"writer", Auth::write};
    if (key == "a") return Caller{"admin", Auth::admin};
    if (key == "down") return fail(Code::unavailable, "http.busy");
    if (key == "bug") throw std::runtime_error("inside");
    return fail(Code::unauthorized, "http.no-key");
}

Response ask(Method method, std::string path, std::map<std::string, std::string> headers = {}, std::string body = "") {
    Request request;
    request.method = method;
    request.path = std::move(path);
    request.headers = std::move(headers);
    request.body = std::move(body);
    request.request_id = "id";
    const auto original = make_router();
    const Router copy = original;  // NOLINT(performance-unnecessary-copy-initialization): it routes by its own table
    return copy.handle(std::move(request), authenticate);
}

std::string header(const Response& response, std::string_view name) {
    for (const auto& [key, value] : response.headers)
        if (key == name) return value;
    return "";
}

TEST(Router, FindsTheMostExactRoute) {
    EXPECT_EQ(ask(Method::get, "/").body, "root");
    EXPECT_EQ(ask(Method::get, "/registers/people").body, "people");
    EXPECT_EQ(ask(Method::head, "/registers/people").body, "people");
    EXPECT_EQ(ask(Method::get, "/registers/devices").body, "register register=devices");
    EXPECT_EQ(ask(Method::get, "/registers/people/rows/7").body, "row id=7 register=people");
    EXPECT_EQ(ask(Method::delete_, "/registers/people", {{"authorization", "Bearer a"}}).body,
              "deleted register=people")
        << "a literal that lacks the method gives way to the parameter that has it";
}

TEST(Router, TheRestOfAPathIsOneParameter) {
    const auto body = [](const char* path) { return ask(Method::get, path).body; };
    EXPECT_EQ(body("/tile/0"), "tile path+=0");
    EXPECT_EQ(body("/tile/entries/x001/234.p/5"), "tile path+=entries/x001/234.p/5");
    EXPECT_EQ(body("/tile/index"), "index");
    EXPECT_EQ(body("/tile/index/more"), "tile path+=index/more");
    for (const char* path : {"/tile", "/tile/", "/tile/0//1", "/tile/0/"})
        EXPECT_EQ(ask(Method::get, path).status, 404) << path;
    const auto after = [] {
        std::vector<Route> routes;
        routes.emplace_back(Method::get, "/{path+}/more", Access(Auth::public_, 0, Rate::light), says(""));
        return Router(std::move(routes));
    };
    EXPECT_THROW(after(), std::invalid_argument);
}

TEST(Router, SaysWhatIsNotThere) {
    for (const auto* path : {"/nothing", "/registers", "/registers/", "/registers//rows/1", "//", "",
                             "registers/people", "/registers/people/rows/1/2"})
        EXPECT_EQ(ask(Method::get, path).status, 404) << path;
}

TEST(Router, SaysWhichMethodsThereAre) {
    const auto answer = ask(Method::put, "/registers/people");
    EXPECT_EQ(answer.status, 405);
    EXPECT_EQ(header(answer, "Allow"), "GET, HEAD, DELETE");
    Request request;
    request.path = "/registers/people/rows";
    Router::Arrival arrival;
    arrival.known_method = false;
    const auto unknown = make_router().find(request, arrival);
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().status, 405);
    EXPECT_EQ(header(unknown.error(), "Allow"), "POST");
}

TEST(Router, LimitsBodies) {
    const std::map<std::string, std::string> json = {{"content-type", "application/json; charset=utf-8"},
                                                     {"authorization", "Bearer w"}};
    const auto post = [&](const auto& headers, std::string body) {
        return ask(Method::post, "/registers/people/rows", headers, std::move(body)).status;
    };
    EXPECT_EQ(post(json, "0123456789"), 200);
    EXPECT_EQ(post(json, ""), 200);
    EXPECT_EQ(post(json, "01234567890"), 413);
    EXPECT_EQ(ask(Method::get, "/", json, "x").status, 413);
    for (const auto* type : {"text/csv", "Application/JSON", "application/octet-stream"})
        EXPECT_EQ(post(std::map<std::string, std::string>{{"content-type", type}, {"authorization", "Bearer w"}}, "x"),
                  200);
    for (const auto* type :
         {"", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "multipart/form-data"})
        EXPECT_EQ(post(std::map<std::string, std::string>{{"content-type", type}, {"authorization", "Bearer w"}}, "x"),
                  415);
    auto compressed = json;
    compressed["content-encoding"] = "gzip";
    EXPECT_EQ(post(compressed, "x"), 415);
}

TEST(Router, AsksForTheRightKey) {
    const auto with = [](std::string value) {
        return ask(Method::delete_, "/registers/people", {{"authorization", std::move(value)}});
    };
    for (const auto* value : {"", "Bearer", "Bearer ", "Basic a", "a", "Bearer x", "Bearerx a"}) {
        const auto answer = with(value);
        EXPECT_EQ(answer.status, 401) << value;
        EXPECT_EQ(header(answer, "WWW-Authenticate"), "Bearer") << value;
    }
    EXPECT_EQ(with("Bearer w").status, 403);
    EXPECT_EQ(with("BEARER a").status, 200);
    EXPECT_EQ(with("Bearer down").status, 503) << "not knowing is not the same as refusing";
    EXPECT_EQ(with("Bearer bug").status, 500);
    EXPECT_EQ(with("Bearer bug").body.find("inside"), std::string::npos);
    std::vector<Route> routes;
    routes.emplace_back(Method::get, "/x", Access(Auth::read, 0, Rate::light), says("x"));
    Request request;
    request.path = "/x";
    request.headers["authorization"] = "Bearer a";
    EXPECT_EQ(Router(std::move(routes)).handle(request, nullptr).status, 401) << "no way to check is no entry";
}

TEST(Router, TurnsExceptionsIntoProblems) {
    const auto answer = ask(Method::get, "/broken");
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.log_note, "inside");
    EXPECT_EQ(answer.body.find("inside"), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(answer.body).at("instance"), "id");
}

TEST(Router, RefusesATableWithFaults) {
    const auto make = [](const std::vector<std::string>& patterns) {
        std::vector<Route> routes;
        for (const auto& pattern : patterns)
            routes.emplace_back(Method::get, pattern, Access(Auth::public_, 0, Rate::light), says("x"));
        return Router(std::move(routes));
    };
    for (const auto* pattern : {"", "a", "/a/", "//a", "/{a", "/a}", "/x{a}", "/{}"})
        EXPECT_THROW(make({pattern}), std::invalid_argument) << pattern;
    EXPECT_THROW(make({"/a/{one}", "/a/{two}"}), std::invalid_argument);
    EXPECT_NO_THROW(make({"/a/{one}", "/a/b", "/{one}/b"}));
}

TEST(Problem, TellsNoInternalWords) {
    const Error wrong = Fail(fail(Code::invalid, "base.bad-date", {{"text", "x"}}).detail("secret")).error;
    const auto answer = problem(wrong, Lang::da, "id");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body.find("secret"), std::string::npos);
    EXPECT_NE(nlohmann::json::parse(answer.body).at("detail").get<std::string>().find("er ikke en dato"),
              std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(answer.body).at("type"), "urn:tilsyn:problem:invalid");

    const Error ours = Fail(fail(Code::io, "base.cannot-read", {{"path", "/secret"}}).detail("secret")).error;
    const auto fault = problem(ours, Lang::en, "id");
    EXPECT_EQ(fault.status, 500);
    EXPECT_EQ(fault.body.find("secret"), std::string::npos) << "nor the paths of this machine";
    EXPECT_NE(fault.log_note.find("/secret: secret"), std::string::npos);
    EXPECT_EQ(header(problem(Fail(fail(Code::busy, "http.busy")).error, Lang::en, "id"), "Retry-After"), "1");
}

TEST(Problem, SurvivesWhatIsNotUtf8) {
    const auto answer = refusal(404, "http.no-such-path", Lang::en, "id", {{"path", "/\xff"}});
    EXPECT_TRUE(nlohmann::json::accept(answer.body));
}

TEST(Target, IsDecodedOnce) {
    const auto target = parse_target("/a%20b/%25zz/%C3%A6?x=1%262&y=a+b&z&&w=%0A");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, "/a b/%zz/æ");
    EXPECT_EQ(target->query, (std::map<std::string, std::string>{{"x", "1&2"}, {"y", "a b"}, {"z", ""}, {"w", "\n"}}));
    EXPECT_EQ(parse_target("/a+b")->path, "/a+b");
    EXPECT_EQ(parse_target("HTTP://host:1/x?y")->authority, "host:1");
    EXPECT_EQ(parse_target("http://host")->path, "/");
}

TEST(Target, RefusesWhatTwoReadersCouldReadDifferently) {
    const std::pair<std::string, std::string> cases[] = {
        {"", "http.bad-target"},
        {"*", "http.bad-target"},
        {"a", "http.bad-target"},
        {"/a#b", "http.bad-target"},
        {"http:///a", "http.bad-target"},
        {"/%", "http.bad-escape"},
        {"/%4", "http.bad-escape"},
        {"/%zz", "http.bad-escape"},
        {"/a%00", "http.bad-character"},
        {"/a%0d", "http.bad-character"},
        {"/?a=%00", "http.bad-character"},
        {"/%ff", "http.not-utf8"},
        {"/?a=%c3", "http.not-utf8"},
        {"/a/..", "http.dots-in-path"},
        {"/./a", "http.dots-in-path"},
        {"/%2E%2e/a", "http.dots-in-path"},
        {"/a%2fb", "http.slash-in-segment"},
        {"/?a=1&%61=2", "http.repeated-parameter"},
    };
    for (const auto& [target, key] : cases) {
        const auto result = parse_target(target);
        ASSERT_FALSE(result) << target;
        EXPECT_EQ(result.error().message.key, key) << target;
    }
}

TEST(Language, FollowsTheWeights) {
    const std::pair<const char*, Lang> cases[] = {
        {"", Lang::en},
        {"da", Lang::da},
        {"DA-dk", Lang::da},
        {"en, da", Lang::en},
        {"da, en", Lang::da},
        {"en;q=0.5, da", Lang::da},
        {"da;q=0.5,en;q=0.51", Lang::en},
        {"da;q=0", Lang::en},
        {"fr, de", Lang::en},
        {"fr, da;q=0.1", Lang::da},
        {"da;q=2, en;q=0.1", Lang::en},
        {"da;q=", Lang::en},
        {"da ; q=0.9, en;Q=0.8", Lang::da},
        {"*, da", Lang::da},
        {"dansk", Lang::en},
        {",,;;=,", Lang::en},
    };
    for (const auto& [text, lang] : cases) EXPECT_EQ(choose_language(text), lang) << text;
}

TEST(HostRule, ElsewhereThanOnLoopback) {
    const HostRule any(false, {});
    EXPECT_TRUE(any.accepts("what.ever:80"));
    EXPECT_FALSE(any.accepts(""));
    EXPECT_FALSE(any.accepts("[::1"));
    const HostRule named(false, {"tilsyn.example"});
    EXPECT_TRUE(named.accepts("tilsyn.example."));
    EXPECT_TRUE(named.accepts("192.0.2.1:8443"));
    EXPECT_TRUE(named.accepts("[2001:db8::1]"));
    EXPECT_FALSE(named.accepts("evil.example"));
}

TEST(Wire, WritesAWholeHeader) {
    auto response = json_response("{}");
    response.headers = {{"Cache-Control", "max-age=5"}};
    Wire wire;
    wire.keep_alive = true;
    const auto bytes = header_bytes(response, wire, "id", Lang::en, parse_utc("2026-11-23T04:05:06Z").value());
    EXPECT_TRUE(bytes.starts_with("HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 04:05:06 GMT\r\nX-Request-Id: id\r\n"))
        << bytes;
    EXPECT_NE(bytes.find("Cache-Control: max-age=5\r\n"), bytes.npos);
    EXPECT_EQ(bytes.find("no-store"), bytes.npos) << "what a handler says wins";
    EXPECT_NE(bytes.find("Content-Length: 2\r\n"), bytes.npos);
    EXPECT_TRUE(bytes.ends_with("\r\n\r\n"));
    Response empty;
    empty.status = 204;
    const auto none = header_bytes(empty, wire, "id", Lang::en, {});
    EXPECT_EQ(none.find("\r\nContent-Length"), none.npos);
    EXPECT_EQ(none.find("\r\nContent-Type:"), none.npos);
}

TEST(Offline, AnswersWhatIsWholeAndStopsAtTheFirstFault) {
    const auto count = [](std::string_view bytes) {
        const auto out = answer_bytes(bytes, make_router(), authenticate);
        int answers = 0;
        for (std::size_t at = 0; (at = out.find("HTTP/1.1 ", at)) != out.npos; ++at) ++answers;
        return answers;
    };
    const std::string one = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    EXPECT_EQ(count(one + one + one), 3);
    EXPECT_EQ(count(one + one.substr(0, 20)), 1);
    EXPECT_EQ(count(one + "nonsense\r\n\r\n" + one), 2);
    EXPECT_EQ(count("POST /registers/x/rows HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                    "w\r\nContent-Type: text/csv\r\n"
                    "Content-Length: 3\r\n\r\nabc" +
                    one),
              2);
}

}  // namespace
}  // namespace tilsyn::http
