#include "http/server.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "http/loopback_client.hpp"

namespace tilsyn::http {
namespace {

using namespace std::chrono_literals;
using test::Client;
using test::get;
using test::post;
using Steady = std::chrono::steady_clock;

// A door that handlers wait at, and a count of those that stand there.
class Gate {
  public:
    void pass() {
        std::unique_lock lock(mutex_);
        ++waiting_;
        changed_.notify_all();
        changed_.wait_for(lock, 20s, [&] { return open_; });
    }
    bool wait_for(int count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, 10s, [&] { return waiting_ >= count; });
    }
    int waiting() {
        const std::lock_guard lock(mutex_);
        return waiting_;
    }
    void open() {
        const std::lock_guard lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int waiting_ = 0;
    bool open_ = false;
};

Result<Caller> authenticate(std::string_view key) {
    if (key == "reader") return Caller{"reader", Auth::read};
    if (key == "writer") return Caller{"writer", Auth::write};
    return fail(Code::unauthorized, "http.no-key").detail("secret internals");
}

struct House {
    explicit House(Limits limits = {}, Observe observe = {}) {
        const auto echo = [](const Request& r) {
            return json_response(
                nlohmann::json{{"body", r.body}, {"actor", r.actor}, {"from", r.remote_address}}.dump());
        };
        const auto wait = [this](const Request&) {
            gate.pass();
            return json_response("\"waited\"");
        };
        std::vector<Route> routes;
        routes.emplace_back(Method::get, "/hello", Access(Auth::public_, 0, Rate::light),
                            [](const Request& r) { return json_response("\"hello " + r.query.at("name") + "\""); });
        routes.emplace_back(Method::get, "/ping", Access(Auth::public_, 0, Rate::light),
                            [](const Request&) { return json_response("\"pong\""); });
        routes.emplace_back(Method::get, "/wait", Access(Auth::public_, 0, Rate::light), wait);
        routes.emplace_back(Method::get, "/heavy", Access(Auth::public_, 0, Rate::heavy), wait);
        routes.emplace_back(Method::post, "/echo", Access(Auth::public_, 1000, Rate::light), echo);
        routes.emplace_back(Method::post, "/write", Access(Auth::write, 1000, Rate::light), echo);
        routes.emplace_back(Method::get, "/large", Access(Auth::public_, 0, Rate::light),
                            [](const Request&) { return json_response(std::string(8 << 20, 'x')); });
        routes.emplace_back(Method::get, "/throws", Access(Auth::public_, 0, Rate::light),
                            [](const Request&) -> Response { throw std::runtime_error("secret internals"); });
        routes.emplace_back(Method::get, "/splits", Access(Auth::public_, 0, Rate::light), [](const Request&) {
            auto response = json_response("1");
            response.headers.emplace_back("X-A", "b\r\nX-C: d");
            return response;
        });
        server = Server::start("127.0.0.1", 0, std::move(routes), authenticate, std::move(limits), std::move(observe))
                     .value();
    }
    ~House() { gate.open(); }
    Client client(const char* from = "127.0.0.1") { return Client(server->port(), from); }
    Gate gate;
    std::unique_ptr<Server> server;
};

TEST(Server, AnswersAndKeepsTheConnection) {
    House house;
    auto client = house.client();
    for (int i = 0; i < 3; ++i) {
        const auto answer = client.ask(get("/hello?name=a%20b"));
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(answer.body, "\"hello a b\"");
        EXPECT_EQ(answer.headers.count("connection"), 0u);
    }
    EXPECT_EQ(client.ask(get("/ping", "Connection: close\r\n")).headers.at("connection"), "close");
    EXPECT_TRUE(client.ended());
    EXPECT_EQ(house.server->counters().requests, 4u);
    EXPECT_EQ(house.server->counters().by_status.at(200), 4u);
}

TEST(Server, EveryAnswerCarriesTheSecurityHeaders) {
    House house;
    auto client = house.client();
    for (const auto& request : {get("/ping"), get("/nothing"), get("/throws")}) {
        const auto answer = client.ask(request);
        EXPECT_EQ(answer.headers.at("x-content-type-options"), "nosniff");
        EXPECT_EQ(answer.headers.at("cache-control"), "no-store");
        EXPECT_EQ(answer.headers.at("referrer-policy"), "no-referrer");
        EXPECT_EQ(answer.headers.at("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        EXPECT_EQ(answer.headers.at("server"), "tilsyn");
        EXPECT_EQ(answer.headers.at("x-request-id").size(), 26u);
        EXPECT_EQ(answer.headers.at("date").size(), 29u);
    }
}

TEST(Server, AnswersPipelinedRequestsInOrder) {
    House house;
    auto client = house.client();
    ASSERT_TRUE(client.send(get("/hello?name=1") + post("/echo", "\"2\"") + get("/hello?name=3")));
    EXPECT_EQ(client.receive().body, "\"hello 1\"");
    EXPECT_EQ(nlohmann::json::parse(client.receive().body).at("body"), "\"2\"");
    EXPECT_EQ(client.receive().body, "\"hello 3\"");
}

TEST(Server, HeadIsGetWithoutTheBody) {
    House house;
    auto client = house.client();
    ASSERT_TRUE(client.send("HEAD /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"));
    const auto answer = client.receive(true);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.headers.at("content-length"), "6");
    EXPECT_EQ(client.ask(get("/ping")).body, "\"pong\"") << "the connection is in step";
}

TEST(Server, SpeaksHttp10) {
    House house;
    auto client = house.client();
    EXPECT_EQ(client.ask("GET /ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").headers.at("connection"),
              "keep-alive");
    EXPECT_EQ(client.ask("GET /ping HTTP/1.0\r\n\r\n").body, "\"pong\"");
    EXPECT_TRUE(client.ended());
}

TEST(Server, ReadsBodiesInChunksAndWaitsWithContinue) {
    House house;
    auto client = house.client();
    const std::string head = "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n";
    EXPECT_EQ(nlohmann::json::parse(
                  client.ask(head + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").body)
                  .at("body"),
              "abcde");
    EXPECT_EQ(client.ask(head + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n").status, 100);
    EXPECT_EQ(nlohmann::json::parse(client.ask("xyz").body).at("body"), "xyz");
    auto other = house.client();
    EXPECT_EQ(other.ask(head + "Expect: 100-continue\r\nContent-Length: 3000\r\n\r\n").status, 413)
        << "what would be refused is not asked for";
    EXPECT_EQ(house.client().ask(head + "Expect: a-miracle\r\nContent-Length: 3\r\n\r\n").status, 417);
}

TEST(Server, LimitsBodies) {
    House house;
    auto client = house.client();
    EXPECT_EQ(client.ask(post("/echo", std::string(1000, 'x'))).status, 200);
    EXPECT_EQ(client.ask(post("/echo", std::string(200'000, 'x'))).status, 413)
        << "told, although much of it was unread";
    EXPECT_TRUE(client.ended());
    auto chunked = house.client();
    std::string body =
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nTransfer-Encoding: "
        "chunked\r\n\r\n";
    for (int i = 0; i < 3; ++i) body += "190\r\n" + std::string(400, 'x') + "\r\n";
    EXPECT_EQ(chunked.ask(body + "0\r\n\r\n").status, 413);
    EXPECT_EQ(house.client().ask("GET /ping HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx").status, 413);
}

TEST(Server, LimitsHeaders) {
    House house;
    EXPECT_EQ(house.client().ask(get("/ping", "X-A: " + std::string(12'000, 'x') + "\r\n")).status, 200);
    EXPECT_EQ(house.client().ask(get("/ping", "X-A: " + std::string(20'000, 'x') + "\r\n")).status, 431);
    EXPECT_EQ(house.client().ask("GET /" + std::string(300'000, 'x')).status, 431) << "without an end, too";
}

TEST(Server, RefusesMalformedRequests) {
    House house;
    const std::string host = "Host: localhost\r\n";
    const std::pair<std::string, int> cases[] = {
        {"nonsense\r\n\r\n", 400},
        {"GET /ping\r\n\r\n", 400},
        {"GET /ping HTTP/2.0\r\n" + host + "\r\n", 505},
        {"GET /ping HTTP/1.1\r\n\r\n", 400},
        {"GET /ping HTTP/1.1\r\n" + host + host + "\r\n", 400},
        {"GET /ping HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET /pi%0ang HTTP/1.1\r\n" + host + "\r\n", 400},
        {"GET /a/%2e%2e/ping HTTP/1.1\r\n" + host + "\r\n", 400},
        {"GET ping HTTP/1.1\r\n" + host + "\r\n", 400},
        {"GET /ping?a=1&a=2 HTTP/1.1\r\n" + host + "\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Transfer-Encoding: identity\r\n\r\n", 400},
        {"POST /echo HTTP/1.0\r\n" + host + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
        {"POST /echo HTTP/1.1\r\n" + host + "Content-Type: text/csv\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
    };
    for (const auto& [bytes, status] : cases) {
        auto client = house.client();
        const auto answer = client.ask(bytes);
        EXPECT_EQ(answer.status, status) << bytes << "\n" << answer.body;
        EXPECT_EQ(answer.headers.contains("connection") ? answer.headers.at("connection") : "", "close") << bytes;
        EXPECT_TRUE(client.ended()) << bytes;
    }
    EXPECT_EQ(house.client().ask(get("/ping")).status, 200);
}

TEST(Server, AnswersOnlyToItsOwnNames) {
    Limits limits;
    limits.host_names = {"Tilsyn.example"};
    House house(limits);
    const auto status = [&](const std::string& host) {
        return house.client().ask("GET /ping HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
    };
    for (const auto* host : {"localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:1", "tilsyn.example"})
        EXPECT_EQ(status(host), 200) << host;
    for (const auto* host :
         {"evil.example", "localhost.evil.example", "192.0.2.1", "[::2]", "localhost:x", "a@localhost"})
        EXPECT_EQ(status(host), 421) << host;
    EXPECT_EQ(house.client().ask("GET http://evil.example/ping HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 421);
    EXPECT_EQ(house.client().ask("GET http://localhost/ping HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 200);
}

TEST(Server, ErrorsAreProblemsInTheLanguageOfTheReader) {
    House house;
    auto client = house.client();
    const auto danish = client.ask(get("/nothing", "Accept-Language: fr, da-DK;q=0.9, en;q=0.8\r\n"));
    EXPECT_EQ(danish.status, 404);
    EXPECT_EQ(danish.headers.at("content-type"), "application/problem+json");
    EXPECT_EQ(danish.headers.at("content-language"), "da");
    const auto document = nlohmann::json::parse(danish.body);
    EXPECT_EQ(document.at("type"), "urn:tilsyn:problem:no-such-path");
    EXPECT_EQ(document.at("title"), "Ikke fundet");
    EXPECT_EQ(document.at("status"), 404);
    EXPECT_EQ(document.at("detail"), "der er ikke noget på /nothing");
    EXPECT_EQ(document.at("instance"), danish.headers.at("x-request-id"));
    const auto english = client.ask(get("/nothing"));
    EXPECT_EQ(nlohmann::json::parse(english.body).at("detail"), "there is nothing at /nothing");
    EXPECT_NE(english.headers.at("x-request-id"), danish.headers.at("x-request-id"));
}

TEST(Server, AFaultOfOursIsLoggedAndNotTold) {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<Served> log;
    House house({}, [&](const Served& served) {
        const std::lock_guard lock(mutex);
        log.push_back(served);
        changed.notify_all();
    });
    auto client = house.client();
    const auto answer = client.ask(get("/throws?token=secret"));
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body.find("secret"), std::string::npos) << answer.body;
    const auto split = client.ask(get("/splits"));
    EXPECT_EQ(split.status, 500);
    EXPECT_FALSE(split.headers.contains("x-c"));
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, 10s, [&] { return log.size() == 2; }));
    EXPECT_EQ(log[0].fault, "secret internals");
    EXPECT_EQ(log[0].request_id, answer.headers.at("x-request-id"));
    EXPECT_EQ(log[0].route, "/throws");
    EXPECT_EQ(log[0].path, "/throws");
    EXPECT_EQ(log[0].method, "GET");
    EXPECT_EQ(log[0].remote_address, "127.0.0.1");
    EXPECT_FALSE(log[1].fault.empty());
}

TEST(Server, AsksForAKeyBeforeItReadsTheBody) {
    House house;
    const std::string head =
        "POST /write HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
        "900\r\n";
    auto stranger = house.client();
    const auto refused = stranger.ask(head + "\r\n");
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.headers.at("www-authenticate"), "Bearer");
    const auto wrong = house.client().ask(head + "Authorization: Bearer wrong\r\n\r\n");
    EXPECT_EQ(wrong.status, 401);
    EXPECT_EQ(wrong.headers.at("www-authenticate"), "Bearer");
    EXPECT_EQ(wrong.body.find("secret"), std::string::npos);
    EXPECT_EQ(house.client().ask(head + "Authorization: Bearer reader\r\n\r\n").status, 403);
    const auto written = house.client().ask(post("/write", "1", "Authorization: bearer writer\r\n"));
    EXPECT_EQ(written.status, 200);
    EXPECT_EQ(nlohmann::json::parse(written.body).at("actor"), "writer");
}

TEST(Server, CutsOffSlowClients) {
    Limits limits;
    limits.header_deadline = 100ms;
    limits.body_deadline = 100ms;
    limits.idle = 100ms;
    House house(limits);
    auto silent = house.client();
    auto header = house.client();
    auto body = house.client();
    auto idle = house.client();
    ASSERT_TRUE(header.send("GET /ping HTTP/1.1\r\nHost: loc"));
    ASSERT_TRUE(
        body.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 9\r\n\r\nabc"));
    EXPECT_EQ(idle.ask(get("/ping")).status, 200);
    for (auto* client : {&silent, &header, &body, &idle}) EXPECT_TRUE(client->ended());
    // A client may see the end a moment before the server has counted it.
    const auto cut = Steady::now();
    while (house.server->counters().timed_out < 4 && Steady::now() - cut < 10s) std::this_thread::yield();
    EXPECT_EQ(house.server->counters().timed_out, 4u);
}

TEST(Server, DrippingDoesNotMoveTheDeadline) {
    Limits limits;
    limits.header_deadline = 100ms;
    House house(limits);
    auto drip = house.client();
    const auto begun = Steady::now();
    ASSERT_TRUE(drip.send("GET /ping HTTP/1.1\r\nX-A: "));
    while (Steady::now() - begun < 10s && !drip.ended(10)) drip.send("x");
    EXPECT_GE(Steady::now() - begun, 90ms);
    EXPECT_LT(Steady::now() - begun, 5s);
    EXPECT_EQ(drip.receive().status, 0) << "cut off, not answered";
}

TEST(Server, CutsOffAClientThatDoesNotRead) {
    Limits limits;
    limits.write_deadline = 100ms;
    House house(limits);
    auto deaf = house.client();
    ASSERT_TRUE(deaf.send(get("/large")));
    auto other = house.client();
    const auto begun = Steady::now();
    while (house.server->counters().timed_out == 0 && Steady::now() - begun < 10s) other.ask(get("/ping"));
    EXPECT_EQ(house.server->counters().timed_out, 1u);
    EXPECT_EQ(other.ask(get("/ping")).status, 200);
    House patient(Limits{});  // on a machine that is busy, reading all of it takes longer than the deadline above
    EXPECT_EQ(patient.client().ask(get("/large")).body.size(), 8u << 20);
}

TEST(Server, HalfOpenConnectionsDoNotHoldUpOthers) {
    Limits limits;
    limits.connections_per_address = 1000;
    House house(limits);
    std::vector<Client> half;
    for (int i = 0; i < 200; ++i) {
        half.push_back(house.client());
        ASSERT_TRUE(half.back().send("GET /ping HTTP/1.1\r\nHost:"));
    }
    const auto begun = Steady::now();
    EXPECT_EQ(house.client().ask(get("/ping")).status, 200);
    EXPECT_LT(Steady::now() - begun, 1s);
    EXPECT_GE(house.server->counters().open_connections, 200u);
}

TEST(Server, LimitsConnectionsOfOneAddress) {
    Limits limits;
    limits.connections_per_address = 3;
    House house(limits);
    std::vector<Client> mine;
    for (int i = 0; i < 3; ++i) {
        mine.push_back(house.client("127.0.0.2"));
        EXPECT_EQ(mine.back().ask(get("/ping")).status, 200);
    }
    auto fourth = house.client("127.0.0.2");
    EXPECT_TRUE(fourth.ended());
    EXPECT_EQ(house.client("127.0.0.3").ask(get("/ping")).status, 200);
    EXPECT_EQ(house.server->counters().refused, 1u);
    EXPECT_EQ(mine.front().ask(get("/ping")).status, 200);
}

TEST(Server, AtTheLimitTheLongestSilentMakesRoom) {
    Limits limits;
    limits.connections = 3;
    House house(limits);
    std::vector<Client> silent;
    for (int i = 0; i < 3; ++i) {
        silent.push_back(house.client());
        EXPECT_EQ(silent.back().ask(get("/ping")).status, 200);
    }
    EXPECT_EQ(house.client().ask(get("/ping")).status, 200);
    EXPECT_TRUE(silent[0].ended());
    EXPECT_EQ(silent[2].ask(get("/ping")).status, 200);
}

TEST(Server, AFullPoolSaysSo) {
    Limits limits;
    limits.handler_threads = 1;
    limits.handler_queue = 1;
    House house(limits);
    auto running = house.client();
    ASSERT_TRUE(running.send(get("/wait")));
    ASSERT_TRUE(house.gate.wait_for(1));
    // One of these two gets the one place in the queue, the other is refused; so ask until one is.
    auto queued = house.client();
    ASSERT_TRUE(queued.send(get("/wait")));
    auto refused = house.client();
    auto more = house.client();
    ASSERT_TRUE(refused.send(get("/wait")));
    ASSERT_TRUE(more.send(get("/wait")));
    const auto begun = Steady::now();
    while (house.server->counters().refused < 2 && Steady::now() - begun < 10s) std::this_thread::yield();
    house.gate.open();
    EXPECT_EQ(running.receive().status, 200);
    int answered = 0;
    for (auto* client : {&queued, &refused, &more}) {
        const auto answer = client->receive();
        answered += answer.status == 200 ? 1 : 0;
        if (answer.status == 200) continue;
        EXPECT_EQ(answer.status, 503);
        EXPECT_EQ(answer.headers.at("retry-after"), "1");
        EXPECT_EQ(client->ask(get("/ping")).status, 200) << "the connection goes on";
    }
    EXPECT_EQ(answered, 1);
}

TEST(Server, HeavyRequestsLeaveRoomForLightOnes) {
    Limits limits;
    limits.handler_threads = 4;
    limits.heavy_at_once = 2;
    House house(limits);
    std::vector<Client> heavy;
    for (int i = 0; i < 6; ++i) {
        heavy.push_back(house.client());
        ASSERT_TRUE(heavy.back().send(get("/heavy")));
    }
    ASSERT_TRUE(house.gate.wait_for(2));
    for (int i = 0; i < 20; ++i) EXPECT_EQ(house.client().ask(get("/ping")).status, 200);
    EXPECT_EQ(house.gate.waiting(), 2);
    house.gate.open();
    for (auto& client : heavy) EXPECT_EQ(client.receive().status, 200);
}

TEST(Server, StopFinishesWhatIsUnderWay) {
    House house;
    auto idle = house.client();
    EXPECT_EQ(idle.ask(get("/ping")).status, 200);
    auto half = house.client();
    ASSERT_TRUE(half.send("GET /ping HT"));
    auto busy = house.client();
    ASSERT_TRUE(busy.send(get("/wait")));
    ASSERT_TRUE(house.gate.wait_for(1));
    std::thread stopper([&] { house.server->stop(); });
    EXPECT_TRUE(idle.ended());
    EXPECT_TRUE(half.ended());
    EXPECT_FALSE(house.client().connected()) << "nobody new gets in";
    house.gate.open();
    const auto answer = busy.receive();
    EXPECT_EQ(answer.body, "\"waited\"");
    EXPECT_EQ(answer.headers.at("connection"), "close");
    busy.close();
    stopper.join();
    EXPECT_EQ(house.server->counters().open_connections, 0u);
}

TEST(Server, StopDoesNotWaitForEver) {
    Limits limits;
    limits.drain = 50ms;
    House house(limits);
    auto client = house.client();
    ASSERT_TRUE(client.send(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 9\r\n\r\nabc"));
    auto other = house.client();
    EXPECT_EQ(other.ask(get("/ping")).status, 200);
    const auto begun = Steady::now();
    house.server->stop();
    EXPECT_LT(Steady::now() - begun, 5s);
    EXPECT_TRUE(client.ended());
    house.server->stop();  // once more is harmless
}

TEST(Server, SaysWhyItCannotListen) {
    House house;
    const auto taken = Server::start("127.0.0.1", house.server->port(), {}, authenticate);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().message.key, "http.cannot-listen");
    ASSERT_TRUE(taken.error().hint);
    EXPECT_EQ(taken.error().hint->key, "http.port-taken");
    EXPECT_EQ(Server::start("example", 0, {}, authenticate).error().message.key, "http.bad-address");
}

TEST(Server, ListensOnIpv6WhereThereIsSome) {
    const auto server = Server::start("::1", 0, {}, authenticate);
    if (!server) GTEST_SKIP() << "no IPv6 loopback here";
    EXPECT_NE((*server)->port(), 0);
}

}  // namespace
}  // namespace tilsyn::http
