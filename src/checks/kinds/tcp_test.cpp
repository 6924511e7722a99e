// tcp against real ports of loopback, and recorded facts judged.
#include <gtest/gtest.h>

#include "checks/check_fixture.hpp"
#include "net/loopback_listener.hpp"

namespace tilsyn::checks {
namespace {

using namespace std::chrono_literals;
using net::test::Connection;
using net::test::Listener;
using nlohmann::json;

const std::string kind_line = "kind = \"tcp\"\n";
const std::string by_field = kind_line + "port = \"{port}\"\n";

Judgement probe(const std::string& check, const registers::Fields& fields) {
    const ManualClock clock{Timestamp{}};
    Environment environment;
    environment.clock = &clock;
    const auto control = control_of(check);
    const Subject subject{"services/mail", fields};
    return run(*find_kind("tcp"), {&control, {&subject, 1}, {}, Deadline::in(5s), &environment, nullptr}).at(0);
}

TEST(Tcp, SeesAnOpenPort) {
    const Listener listener([](Connection&) {});
    const registers::Fields fields{{"host", "127.0.0.1"}, {"port", std::to_string(listener.port())}};
    const auto target = "127.0.0.1:" + fields.at("port");
    const auto open = probe(by_field, fields);
    EXPECT_TRUE(said(open).starts_with("pass: " + target + " answers in ")) << said(open);
    EXPECT_EQ(open.details["state"], "open");
    EXPECT_EQ(open.details["attempts"].size(), 1U);
    EXPECT_EQ(said(probe(by_field + "expect = \"closed\"", fields)),
              "fail: " + target + " is open and should be closed");
}

TEST(Tcp, SeesAClosedPort) {
    const registers::Fields fields{{"host", "127.0.0.1"}, {"port", std::to_string(net::test::closed_port())}};
    const auto target = "127.0.0.1:" + fields.at("port");
    EXPECT_EQ(said(probe(by_field, fields)), "fail: " + target + " refuses connections");
    EXPECT_EQ(said(probe(by_field + "expect = \"closed\"", fields)), "pass: " + target + " is closed");
}

TEST(Tcp, WhatWeCannotAskIsUnknown) {
    EXPECT_EQ(said(probe(by_field, {{"host", "127.0.0.1"}})), "unknown: services/mail has no “port” in its register");
    EXPECT_EQ(said(probe(by_field, {{"port", "25"}})), "unknown: services/mail has no “host” in its register");
    for (const auto* port : {"0", "65536", "-1", "25x", "99999999999"})
        EXPECT_EQ(probe(by_field + "expect = \"closed\"", {{"host", "127.0.0.1"}, {"port", port}}).why.key,
                  "checks.bad-port")
            << port;
}

std::string judged(const std::string& check, json seen) {
    seen["host"] = seen.value("host", "db.example");
    seen["port"] = 5432;
    return said(judge_facts("tcp", control_of(kind_line + "port = \"5432\"\n" + check), std::move(seen)));
}
const std::string closed = "expect = \"closed\"";

TEST(TcpJudge, EveryStateForBothWishes) {
    EXPECT_EQ(judged("", {{"state", "open"}, {"connect_us", 12'900}}), "pass: db.example:5432 answers in 12 ms");
    EXPECT_EQ(judged(closed, {{"state", "open"}}), "fail: db.example:5432 is open and should be closed");
    EXPECT_EQ(judged("", {{"state", "refused"}}), "fail: db.example:5432 refuses connections");
    EXPECT_EQ(judged(closed, {{"state", "refused"}}), "pass: db.example:5432 is closed");
    EXPECT_EQ(judged("", {{"state", "filtered"}}), "fail: db.example:5432 does not answer");
    EXPECT_EQ(judged(closed, {{"state", "filtered"}}), "pass: db.example:5432 is closed");
    EXPECT_EQ(judged("", {{"state", "unreachable"}, {"network", true}}),
              "fail: there is no way to db.example:5432 from here");
    EXPECT_EQ(judged(closed, {{"state", "unreachable"}, {"network", true}}),
              "unknown: there is no way to db.example:5432 from here");
    EXPECT_EQ(judged("", {{"state", "unreachable"}, {"network", false}}),
              "unknown: there is no way to db.example:5432 from here");
    EXPECT_EQ(judged(closed, {{"state", "unreachable"}, {"network", false}}),
              "unknown: there is no way to db.example:5432 from here");
}

TEST(TcpJudge, ANameThatDoesNotExistIsNoClosedPort) {
    const json error{{"key", "checks.tcp-silent"}, {"params", {{"target", "db.example"}}}};
    EXPECT_EQ(judged("", {{"error", error}}), "fail: db.example does not answer");
    EXPECT_EQ(judged(closed, {{"error", error}}), "unknown: db.example does not answer");
}

TEST(TcpJudge, TheTimeToConnectHasABound) {
    EXPECT_EQ(judged("max_connect = \"20ms\"", {{"state", "open"}, {"connect_us", 20'000}}),
              "pass: db.example:5432 answers in 20 ms");
    EXPECT_EQ(judged("max_connect = \"20ms\"", {{"state", "open"}, {"connect_us", 20'001}}),
              "fail: db.example:5432 took 20 ms to connect to");
}

TEST(TcpJudge, AnAddressOfSixStandsInBrackets) {
    EXPECT_EQ(judged(closed, {{"host", "2001:db8::1"}, {"state", "refused"}}), "pass: [2001:db8::1]:5432 is closed");
}

TEST(TcpPolicy, NamesWhatIsWrong) {
    const auto host = [](const std::string& name) {
        return faults_of_check(kind_line + "host = \"" + name + "\"\nport = \"25\"");
    };
    for (const auto* good : {"mail.example.com", "{host}", "192.0.2.1", "2001:db8::1", "::1", "{name}.example.com"})
        EXPECT_EQ(host(good), "") << good;
    for (const auto* bad : {"https://mail.example.com", "mail.example.com:25", "a b", "eva@mail.example.com", "a/b"})
        EXPECT_EQ(host(bad), "2:8 checks.bad-host") << bad;
    EXPECT_EQ(host("{host"), "2:8 checks.bad-field");
    const auto port = [](const std::string& number) {
        return faults_of_check(kind_line + "port = \"" + number + "\"");
    };
    for (const auto* good : {"1", "65535", "{port}"}) EXPECT_EQ(port(good), "") << good;
    for (const auto* bad : {"0", "65536", "ssh", "22 "}) EXPECT_EQ(port(bad), "2:8 checks.bad-port") << bad;
    EXPECT_EQ(faults_of_check(kind_line + "port = \"25\"\nexpect = \"closed\"\nmax_connect = \"1 s\""),
              "4:15 checks.closed-has-no-time");
    EXPECT_NE(faults_of_check(kind_line), "") << "the port is required";
}

}  // namespace
}  // namespace tilsyn::checks
