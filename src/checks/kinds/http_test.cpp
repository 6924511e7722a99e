// http against a real listener on loopback, and recorded facts judged.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "checks/check_fixture.hpp"
#include "net/loopback_listener.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
namespace {

using namespace std::chrono_literals;
using net::test::Connection;
using net::test::Listener;
using nlohmann::json;

const std::string kind_line = "kind = \"http\"\n";

std::string answer(const std::string& body, const std::string& status = "200 OK", const std::string& headers = {}) {
    return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers + "\r\n" +
           body;
}
Listener::Script answers(std::string text) {
    return [text = std::move(text)](Connection& connection) {
        connection.read_request();
        connection.send(text);
    };
}

Judgement probe(const policy::Control& control, const Subject& subject, Deadline deadline = Deadline::in(10s),
                const std::string& root = "/") {
    const ManualClock clock{Timestamp{}};
    Environment environment;
    environment.clock = &clock;
    environment.root = root;
    return run(*find_kind("http"), {&control, {&subject, 1}, {}, deadline, &environment, nullptr}).at(0);
}
Judgement probe(const std::string& check, const std::string& url) {
    return probe(control_of(kind_line + check), {"services/web", {{"url", url}}});
}

TEST(Http, PassesAndSaysHowFast) {
    const Listener listener(answers(answer("hello")));
    const auto judgement = probe("", listener.url("/a?token=secret"));
    EXPECT_EQ(judgement.outcome, Outcome::pass) << said(judgement);
    EXPECT_TRUE(said(judgement).starts_with("pass: " + listener.url("/a") + " answered 200 within "))
        << said(judgement);
    EXPECT_EQ(judgement.details["status"], 200);
    EXPECT_EQ(judgement.details["body_bytes"], 5);
    EXPECT_EQ(judgement.details["body_sha256"], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    EXPECT_GT(judgement.details["first_byte_us"], 0);
    EXPECT_EQ(judgement.details.dump().find("secret"), std::string::npos);
    EXPECT_EQ(judgement.details.dump().find("hello"), std::string::npos) << "a body may hold anything";
}

TEST(Http, AsksAsThePolicySays) {
    std::string seen;
    const Listener listener([&](Connection& connection) {
        seen = connection.read_request();
        connection.send("HTTP/1.1 204 No Content\r\n\r\n");
    });
    EXPECT_EQ(probe("url = \"{url}/health\"\nmethod = \"OPTIONS\"\nstatus = [200, 204]\n", listener.url("")).outcome,
              Outcome::pass);
    EXPECT_TRUE(seen.starts_with("OPTIONS /health HTTP/1.1\r\n")) << seen;
}

TEST(Http, FailsByWhatItSees) {
    const Listener listener(answers(answer("all is well", "503 Busy", "X-Mode: Slow\r\n")));
    const auto url = listener.url("/");
    EXPECT_EQ(said(probe("", url)), "fail: " + url + " answered with status 503");
    EXPECT_EQ(said(probe("status = [503]\nbody_lacks = \"well\"", url)),
              "fail: the answer of " + url + " holds “well”");
    EXPECT_EQ(said(probe("status = [503]\nbody_contains = \"Well\"", url)),
              "fail: the answer of " + url + " does not hold “Well”");
    EXPECT_EQ(said(probe("status = [503]\nheader_contains = { x-mode = \"fast\" }", url)),
              "fail: " + url + " sent no header x-mode that holds “fast”");
    EXPECT_EQ(
        probe("status = [503]\nbody_contains = \"well\"\nbody_lacks = \"ill\"\nheader_contains = { X-MODE = \"slow\" }",
              url)
            .outcome,
        Outcome::pass);
}

TEST(Http, ARedirectIsAnAnswerUnlessFollowed) {
    const Listener target(answers(answer("here")));
    const Listener listener(answers(answer("", "301 Moved", "Location: " + target.url("/new") + "\r\n")));
    EXPECT_EQ(said(probe("", listener.url("/"))), "fail: " + listener.url("/") + " answered with status 301");
    const auto followed = probe("follow_redirects = true\nbody_contains = \"here\"", listener.url("/"));
    EXPECT_EQ(followed.outcome, Outcome::pass) << said(followed);
    EXPECT_EQ(followed.details["url"], target.url("/new"));
    EXPECT_EQ(followed.details["redirects"], 1);
}

TEST(Http, AServiceThatIsNotThereFails) {
    const auto judgement =
        probe("", "http://eva:geheim@127.0.0.1:" + std::to_string(net::test::closed_port()) + "/?t=geheim");
    EXPECT_EQ(judgement.outcome, Outcome::fail) << said(judgement);
    EXPECT_EQ((judgement.details.dump() + said(judgement)).find("geheim"), std::string::npos)
        << judgement.details.dump();
}

TEST(Http, AServiceThatSaysNothingFailsInTime) {
    const Listener listener([](Connection& connection) { connection.hang(); });
    const auto deadline = Deadline::in(300ms);
    const auto judgement = probe(control_of(kind_line), {"services/web", {{"url", listener.url("/")}}}, deadline);
    EXPECT_EQ(judgement.outcome, Outcome::fail) << said(judgement);
    EXPECT_FALSE(deadline.passed()) << "it was to end a little before it is cut off";
}

TEST(Http, AnAnswerThatIsNotHttpFails) {
    const Listener listener(answers("220 mail ready\r\n"));
    EXPECT_EQ(probe("", listener.url("/")).outcome, Outcome::fail);
}

TEST(Http, WhatWeCannotAskIsUnknown) {
    EXPECT_EQ(said(probe("url = \"{adress}\"", "http://127.0.0.1/")),
              "unknown: services/web has no “adress” in its register");
    EXPECT_EQ(probe("", "").outcome, Outcome::unknown) << "an empty field is not set";
    EXPECT_EQ(probe("", "ftp://127.0.0.1/").outcome, Outcome::unknown);
}

TEST(Http, WithoutANetworkNothingIsKnownOfOthers) {
    const test::TemporaryFolder machine;
    std::filesystem::create_directories(machine.path() / "proc/net");
    ASSERT_TRUE(write_file(machine.path() / "proc/net/route",
                           "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n"));
    // 240.0.0.0/4 is no network of anybody: connecting is refused by our own system.
    const auto control = control_of(kind_line);
    const auto judgement =
        probe(control, {"services/web", {{"url", "http://255.255.255.255/"}}}, Deadline::in(1s), machine.path());
    EXPECT_NE(judgement.outcome, Outcome::pass) << said(judgement);
    if (judgement.why.key == "net.unreachable") EXPECT_EQ(judgement.outcome, Outcome::unknown);
}

json facts(int status = 200) {
    return {{"url", "https://a.example/"}, {"status", status}, {"first_byte_us", 250'900}};
}
std::string judged(const std::string& check, json seen) {
    return said(judge_facts("http", control_of(kind_line + check), std::move(seen)));
}

TEST(HttpJudge, TheWaitForTheFirstByteHasABound) {
    EXPECT_EQ(judged("max_first_byte = \"251ms\"", facts()), "pass: https://a.example/ answered 200 within 250 ms");
    EXPECT_EQ(judged("max_first_byte = \"250ms\"", facts()),
              "fail: https://a.example/ took 250 ms to begin its answer");
}

TEST(HttpJudge, ABodyCutShortProvesOnlyWhatItHolds) {
    auto seen = facts();
    seen["body_cut"] = true;
    EXPECT_EQ(judged("", seen), "pass: https://a.example/ answered 200 within 250 ms") << "nothing was looked for";
    seen["contains"] = true;
    EXPECT_EQ(judged("body_contains = \"a\"", seen).substr(0, 4), "pass");
    seen["contains"] = false;
    EXPECT_EQ(judged("body_contains = \"a\"", seen),
              "unknown: the answer of https://a.example/ is too long to search whole");
    seen["contains"] = true;
    seen["lacks"] = true;
    EXPECT_EQ(judged("body_lacks = \"b\"", seen),
              "unknown: the answer of https://a.example/ is too long to search whole");
    seen["lacks"] = false;
    EXPECT_EQ(judged("body_lacks = \"b\"", seen), "fail: the answer of https://a.example/ holds “b”");
}

TEST(HttpJudge, TheWorstIsToldFirst) {
    auto seen = facts(500);
    seen["lacks"] = false;
    EXPECT_EQ(judged("body_lacks = \"b\"\nmax_first_byte = \"1ms\"", seen),
              "fail: https://a.example/ answered with status 500");
    seen["status"] = 200;
    EXPECT_EQ(judged("body_lacks = \"b\"\nmax_first_byte = \"1ms\"", seen),
              "fail: the answer of https://a.example/ holds “b”");
}

TEST(HttpJudge, AnErrorIsToldInItsOwnWords) {
    EXPECT_EQ(judged("", {{"url", "https://a.example/"},
                          {"error", {{"key", "checks.tcp-silent"}, {"params", {{"target", "a.example"}}}}}}),
              "fail: a.example does not answer");
}

TEST(HttpPolicy, NamesWhatIsWrong) {
    EXPECT_EQ(faults_of_check(kind_line + "url = \"www.example.com\""), "2:7 checks.bad-url");
    EXPECT_EQ(faults_of_check(kind_line + "url = \"{url/health\""), "2:7 checks.bad-field");
    EXPECT_EQ(faults_of_check(kind_line + "url = \"{a b}\""), "2:7 checks.bad-field");
    EXPECT_EQ(faults_of_check(kind_line + "status = []"), "2:10 checks.no-status");
    EXPECT_EQ(faults_of_check(kind_line + "method = \"HEAD\"\nbody_contains = \"x\""), "3:17 checks.head-has-no-body");
    EXPECT_NE(faults_of_check(kind_line + "status = [99]"), "");
    EXPECT_NE(faults_of_check(kind_line + "method = \"DELETE\""), "") << "a check changes nothing";
    EXPECT_EQ(faults_of_check(kind_line), "");
}

}  // namespace
}  // namespace tilsyn::checks
