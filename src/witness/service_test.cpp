// The protocol from raw bytes, against a witness that runs: each status, many at once, and death in between.
#include "witness/service.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "crypto/hash.hpp"
#include "http/loopback_client.hpp"
#include "support/temporary.hpp"
#include "witness/made_log.hpp"

namespace tilsyn::witness {
namespace {

using http::test::Client;
using test::MadeLog;
using namespace std::chrono_literals;

std::string raw(std::string_view body, std::string_view headers = "Content-Type: text/plain\r\n") {
    return "POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + std::string(headers) + "\r\n" + std::string(body);
}

class Served {
  public:
    Served(const std::filesystem::path& folder, const Clock& clock, std::function<void(Step)> at_step = {},
           const http::Limits& limits = {}, Report report = {})
        : witness_(Witness::open({folder, "example.net/witness", std::move(at_step)}, clock).value()),
          server_(http::Server::start("127.0.0.1", 0, routes(*witness_, std::move(report)), {}, limits).value()) {}
    Witness& operator*() { return *witness_; }
    Witness* operator->() { return witness_.get(); }
    std::uint16_t port() const { return server_->port(); }
    http::test::Answer post(const std::string& body) const { return Client(port()).ask(raw(body)); }
    http::test::Answer get(const std::string& path) const { return Client(port()).ask(http::test::get(path)); }

  private:
    std::unique_ptr<Witness> witness_;
    std::unique_ptr<http::Server> server_;
};

class Service : public testing::Test {
  protected:
    Service() { log_.grow(5); }
    std::unique_ptr<Served> serve(std::function<void(Step)> at_step = {}, const http::Limits& limits = {}) {
        auto served = std::make_unique<Served>(folder_.path(), clock_, std::move(at_step), limits);
        EXPECT_TRUE((*served)->add_log(log_.verifier()));
        return served;
    }
    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    tilsyn::test::TemporaryFolder folder_;
    MadeLog log_;
};

TEST_F(Service, AnswersEachCaseAsTheProtocolSays) {
    const auto served = serve();
    const auto fork = log_.fork(9, "other");
    MadeLog stranger("example.org/stranger"), thief(log_.origin());
    stranger.grow(5);
    thief.grow(5);

    const auto unknown = served->post(stranger.request(0));
    EXPECT_EQ(unknown.status, 404);
    EXPECT_NE(unknown.body.find("example.org/stranger"), std::string::npos);
    EXPECT_EQ(served->post(thief.request(0)).status, 403) << "the right name, another key";
    auto broken = log_.request(0);
    broken[broken.size() - 4] = broken[broken.size() - 4] == 'A' ? 'B' : 'A';
    EXPECT_EQ(served->post(broken).status, 403) << "the right key, another signature";
    EXPECT_EQ(served->post("").status, 400);
    EXPECT_EQ(served->post("old 0\n").status, 400);
    EXPECT_EQ(served->post(add_checkpoint_body(6, {}, log_.note(5))).status, 400) << "old beyond the checkpoint";

    const auto ahead = served->post(add_checkpoint_body(3, log_.proof(3, 5), log_.note(5)));
    EXPECT_EQ(ahead.status, 409);
    EXPECT_EQ(ahead.body, "0\n");
    EXPECT_EQ(ahead.headers.at("content-type"), "text/x.tlog.size");
    EXPECT_EQ(served->post(add_checkpoint_body(0, log_.proof(3, 5), log_.note(5))).status, 422)
        << "from nothing there is nothing to prove";

    const auto first = served->post(log_.request(0));
    ASSERT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(first.headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(test::cosigned_at(log_.checkpoint(5), first.body, (*served)->verifier()).value(), clock_.now());

    log_.grow(9);
    const auto behind = served->post(log_.request(0));
    EXPECT_EQ(behind.status, 409);
    EXPECT_EQ(behind.body, "5\n");
    EXPECT_EQ(served->post(add_checkpoint_body(5, {}, log_.note(9))).status, 422) << "no proof";
    EXPECT_EQ(served->post(add_checkpoint_body(5, log_.proof(4, 9), log_.note(9))).status, 422) << "another proof";
    auto bent = log_.proof(5, 9);
    bent.back()[31] ^= 1;
    EXPECT_EQ(served->post(add_checkpoint_body(5, bent, log_.note(9))).status, 422);
    EXPECT_EQ(served->post(log_.request(5)).status, 200);
    EXPECT_EQ(served->post(fork.request(9)).status, 422) << "the same size, another root";
    EXPECT_EQ(served->post(fork.request(5)).status, 409);
    EXPECT_EQ(served->post(log_.request(5, 5)).status, 409) << "nobody goes back";
    EXPECT_EQ(served->post(log_.request(9)).status, 200);
}

TEST_F(Service, ShowsTheNewestToMonitors) {
    const auto served = serve();
    const auto path = "/" + crypto::hex(crypto::sha256(log_.origin())) + "/checkpoint";
    EXPECT_EQ(served->get(path).status, 404) << "nothing cosigned yet";
    const auto line = served->post(log_.request(0)).body;
    const auto shown = served->get(path);
    EXPECT_EQ(shown.status, 200);
    EXPECT_EQ(shown.headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(shown.body, log_.note(5) + line);
    EXPECT_EQ(served->get("/" + std::string(64, '0') + "/checkpoint").status, 404);
    EXPECT_EQ(served->get("/add-checkpoint").status, 405);
}

TEST_F(Service, TakesAnyContentTypeOrNone) {
    const auto served = serve();
    ASSERT_EQ(served->post(log_.request(0)).status, 200);
    for (const auto* type : {"", "Content-Type: application/x-www-form-urlencoded\r\n",
                             "Content-Type: application/octet-stream\r\n", "Content-Type: text/x.tlog.checkpoint\r\n"})
        EXPECT_EQ(Client(served->port()).ask(raw(log_.request(5), type)).status, 200) << type;
}

TEST_F(Service, KeepsAConnectionForManyRequests) {
    const auto served = serve();
    Client client(served->port());
    std::int64_t cosigned = 0;
    for (; log_.size() < 40; log_.grow(std::size_t(log_.size()) + 3)) {
        ASSERT_EQ(client.ask(raw(log_.request(cosigned))).status, 200);
        cosigned = log_.size();
    }
}

TEST_F(Service, RefusesWhatIsTooLargeAndGoesOn) {
    const auto served = serve();
    const std::string large(200'000, 'x');
    EXPECT_EQ(served->post(large).status, 413);
    Client liar(served->port());
    EXPECT_EQ(
        liar.ask("POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n").status,
        413);
    std::string chunked = "POST /add-checkpoint HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    chunked += "30d40\r\n" + large + "\r\n0\r\n\r\n";
    EXPECT_EQ(Client(served->port()).ask(chunked).status, 413);
    std::string many = "old 1\n";
    for (int i = 0; i < 2000; ++i) many += crypto::base64(log_.checkpoint(5).root) + "\n";
    EXPECT_EQ(served->post(many + "\n" + log_.note(5)).status, 400) << "within the limit, and 2000 hashes";
    EXPECT_EQ(served->post(log_.request(0)).status, 200);
}

TEST_F(Service, SlowClientsHoldNobodyUp) {
    http::Limits limits;
    limits.header_deadline = limits.body_deadline = 300ms;
    const auto served = serve({}, limits);
    const auto whole = raw(log_.request(0));
    std::vector<Client> slow;
    slow.reserve(40);
    for (int i = 0; i < 40; ++i) {
        slow.emplace_back(served->port());
        ASSERT_TRUE(slow.back().send(whole.substr(0, i % 2 == 0 ? 30 : whole.size() - 10)));
    }
    EXPECT_EQ(served->post(log_.request(0)).status, 200);
    for (auto& client : slow) {
        const auto end = client.receive();
        EXPECT_TRUE(end.status == 0 || end.status == 408 || end.status == 400) << end.status;
        EXPECT_TRUE(client.ended());
    }
}

TEST_F(Service, TellsItsOwnerWhatItWasAsked) {
    std::mutex mutex;
    std::vector<Answer> told;
    Served served(folder_.path(), clock_, {}, {}, [&](const Answer& answer) {
        const std::scoped_lock lock(mutex);
        told.push_back(answer);
    });
    ASSERT_TRUE(served->add_log(log_.verifier()));
    const auto fork = log_.fork(6, "other");
    log_.grow(6);
    served.post("nonsense");
    served.post(log_.request(0));
    served.post(fork.request(6));
    const std::scoped_lock lock(mutex);
    ASSERT_EQ(told.size(), 2u);
    EXPECT_EQ(told[0].verdict, Verdict::cosigned);
    EXPECT_EQ(told[0].origin, log_.origin());
    EXPECT_TRUE(told[1].fork);
}

// --- many at once -------------------------------------------------------------------------------------------------

constexpr int parallel = 64;

std::vector<http::test::Answer> all_at_once(std::uint16_t port, const std::vector<std::string>& bodies) {
    std::vector<http::test::Answer> answers(bodies.size());
    std::vector<std::thread> threads;
    threads.reserve(bodies.size());
    std::atomic<std::size_t> ready = 0;
    for (std::size_t i = 0; i < bodies.size(); ++i)
        threads.emplace_back([&, i] {
            Client client(port);
            for (++ready; ready < bodies.size();) std::this_thread::yield();  // all connected before one speaks
            answers[i] = client.ask(raw(bodies[i]));
        });
    for (auto& thread : threads) thread.join();
    return answers;
}

TEST_F(Service, OfManyForksExactlyOneIsCosigned) {
    const auto served = serve();
    ASSERT_EQ(served->post(log_.request(0)).status, 200);
    std::vector<MadeLog> forks;
    std::vector<std::string> bodies;
    for (int i = 0; i < parallel; ++i) {
        forks.push_back(log_.fork(10, "branch " + std::to_string(i)));
        bodies.push_back(forks.back().request(5));
    }
    const auto answers = all_at_once(served->port(), bodies);
    int winner = -1;
    for (int i = 0; i < parallel; ++i) {
        const auto& answer = answers[std::size_t(i)];
        if (answer.status == 200) {
            EXPECT_EQ(winner, -1) << "two branches were cosigned";
            winner = i;
            EXPECT_TRUE(test::cosigned_at(forks[std::size_t(i)].checkpoint(10), answer.body, (*served)->verifier()));
        } else {
            EXPECT_EQ(answer.status, 409);
            EXPECT_EQ(answer.body, "10\n");
        }
    }
    ASSERT_GE(winner, 0);
    for (int i = 0; i < parallel; ++i)
        EXPECT_EQ(served->post(forks[std::size_t(i)].request(10)).status, i == winner ? 200 : 422);
    EXPECT_EQ((*served)->logs()->front().forks, parallel - 1) << "and what the log signed beside it is kept";
}

TEST_F(Service, OfManyGrowingSizesEachIsCosignedInOrderOrToldTheSize) {
    const auto served = serve();
    ASSERT_EQ(served->post(log_.request(0)).status, 200);
    log_.grow(5 + parallel);
    std::vector<std::string> bodies;
    for (int i = 1; i <= parallel; ++i) bodies.push_back(log_.request(5, 5 + i));
    const auto answers = all_at_once(served->port(), bodies);
    std::int64_t cosigned = 0;
    for (int i = 0; i < parallel; ++i)
        if (answers[std::size_t(i)].status == 200) {
            EXPECT_EQ(cosigned, 0) << "two requests went on from the same size";
            cosigned = 6 + i;
        }
    ASSERT_GT(cosigned, 0);
    for (const auto& answer : answers)
        if (answer.status != 200) {
            EXPECT_EQ(answer.status, 409);
            EXPECT_EQ(answer.body, std::to_string(cosigned) + "\n");
        }

    // As a log would: from the size it was told, until its own is cosigned or overtaken.
    std::vector<std::thread> threads;
    std::atomic<int> strange = 0;
    for (int i = 1; i <= parallel; ++i)
        threads.emplace_back([&, size = std::int64_t{5} + i] {
            Client client(served->port());
            for (std::int64_t old_size = 5; old_size <= size;) {
                const auto answer = client.ask(raw(log_.request(old_size, size)));
                if (answer.status == 200) return;
                const auto told = answer.status == 409 ? std::atoll(answer.body.c_str()) : 0;
                if (told <= old_size) {
                    ++strange;
                    return;
                }
                old_size = told;
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(strange, 0) << "an answer that is neither a cosignature nor a larger size";
    EXPECT_EQ((*served)->logs()->front().size, 5 + parallel);
}

// --- death in between ---------------------------------------------------------------------------------------------

// A witness in a process of its own, which dies at that step of its second request.
class Doomed {
  public:
    Doomed(const std::filesystem::path& folder, const log::VerifierKey& log, Step step) {
        int pipe[2];
        if (::pipe(pipe) != 0) std::abort();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::close(pipe[0]);
            run(folder, log, step, pipe[1]);
        }
        ::close(pipe[1]);
        if (::read(pipe[0], &port_, sizeof port_) != ssize_t(sizeof port_)) port_ = 0;
        ::close(pipe[0]);
    }
    ~Doomed() {
        if (pid_ > 0) {
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
    }
    std::uint16_t port() const { return port_; }
    bool died() {
        int status = 0;
        const bool gone = ::waitpid(pid_, &status, 0) == pid_;
        pid_ = -1;
        return gone && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    }

  private:
    [[noreturn]] static void run(const std::filesystem::path& folder, const log::VerifierKey& log, Step at, int pipe) {
        static const SystemClock clock;
        static std::atomic<int> requests = 0;
        Served served(folder, clock, [at](Step step) {
            if (step == Step::verified) ++requests;
            if (step == at && requests == 2) ::kill(::getpid(), SIGKILL);
        });
        const auto port = served.port();
        if (!served->add_log(log) || ::write(pipe, &port, sizeof port) != ssize_t(sizeof port)) ::_exit(3);
        for (;;) ::pause();
    }
    pid_t pid_ = -1;
    std::uint16_t port_ = 0;
};

TEST_F(Service, KilledAtAnyStepItNeverCosignsAConflictingCheckpoint) {
    for (const auto step : {Step::verified, Step::decided, Step::stored}) {
        tilsyn::test::TemporaryFolder folder;
        MadeLog log;
        log.grow(5);
        const auto fork = log.fork(9, "other");
        MadeLog longer = log;
        longer.grow(9);
        {
            Doomed doomed(folder.path(), log.verifier(), step);
            ASSERT_NE(doomed.port(), 0);
            ASSERT_EQ(Client(doomed.port()).ask(raw(log.request(0))).status, 200);
            EXPECT_EQ(Client(doomed.port()).ask(raw(longer.request(5))).status, 0) << "no answer from the dead";
            ASSERT_TRUE(doomed.died());
        }
        const SystemClock clock;
        Served served(folder.path(), clock);
        const bool stored = step == Step::stored;
        // What may have been answered counts as answered; what cannot have been does not.
        EXPECT_EQ(served->logs()->front().size, stored ? 9 : 5);
        const auto other = served.post(fork.request(5));
        EXPECT_EQ(other.status, stored ? 409 : 200);
        EXPECT_EQ(served.post(fork.request(9)).status, stored ? 422 : 200);
        EXPECT_EQ(served.post(longer.request(5)).status, 409);
        EXPECT_EQ(served.post(longer.request(9)).status, stored ? 200 : 422);
    }
}

// --- other people's requests --------------------------------------------------------------------------------------

// A session recorded from another implementation, which answered 403 for an unknown log (the protocol says 404), and
// which read base64 with bits left over (we call it malformed: a note has one form).
TEST_F(Service, GoesThroughARecordedSession) {
    const char* named = std::getenv("TILSYN_TLOG_VECTORS");
    if (named == nullptr || *named == '\0') GTEST_SKIP() << "TILSYN_TLOG_VECTORS names no folder of vectors";
    const auto recorded = nlohmann::json::parse(
        read_file(std::filesystem::path(named) / "witness" / "add-checkpoint-session.json").value());
    Served served(folder_.path(), clock_);
    crypto::PublicKey key{};
    std::ranges::copy(crypto::parse_hex(recorded["log_public_key_ed25519_hex"].get<std::string>()).value(),
                      key.begin());
    const auto origin = recorded["log_origin"].get<std::string>();
    ASSERT_TRUE(served->add_log(log::verifier_key(origin, log::KeyType::ed25519, key)));
    int asked = 0;
    for (const auto& step : recorded["session"]) {
        const auto about = step.value("response_contains", "");
        auto body = step["body"].get<std::string>();
        if (about == "invalid signature") {
            ASSERT_TRUE(body.ends_with("gx=\n"));
            EXPECT_EQ(served.post(body).status, 400);
            body.replace(body.size() - 4, 4, "gw=\n");  // the same bytes, in their one form
        }
        const auto answer = served.post(body);
        EXPECT_EQ(answer.status, about == "unknown log" ? 404 : step["status"].get<int>()) << asked << answer.body;
        if (step.contains("response_equals")) {
            EXPECT_EQ(answer.body, step["response_equals"].get<std::string>());
            EXPECT_EQ(answer.headers.at("content-type"), "text/x.tlog.size");
        }
        if (answer.status == 200) {
            const auto request = parse_add_checkpoint(body).value();
            EXPECT_TRUE(test::cosigned_at(request.checkpoint, answer.body, served->verifier()));
        }
        ++asked;
    }
    EXPECT_EQ(asked, 9);
    // A log whose key has another name than the log.
    const auto& sum = recorded["sumdb_request"];
    ASSERT_EQ(served.post(sum["body"]).status, 404);
    ASSERT_TRUE(
        served->add_log(log::parse_vkey("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8").value(),
                        "go.sum database tree"));
    EXPECT_EQ(served.post(sum["body"]).status, sum["status"].get<int>());
}

}  // namespace
}  // namespace tilsyn::witness
