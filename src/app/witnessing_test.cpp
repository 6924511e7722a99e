// The log's side against a witness that runs, and against ones that are down, slow, or lie.
#include "app/witnessing.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "base/file.hpp"
#include "log/store/signer.hpp"
#include "log/store/witnessed.hpp"
#include "net/loopback_listener.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"
#include "witness/add_checkpoint.hpp"
#include "witness/service.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;

const ManualClock& clock_of_all() {
    static const ManualClock clock(parse_utc("2026-11-23T04:05:06Z").value());
    return clock;
}

// A log with its key: several can be of the same origin, as after a restored backup.
class OwnLog {
  public:
    explicit OwnLog(const std::filesystem::path& key_file)
        : database_(db::Engine::sqlite), writer_(db::open(database_.location(), db::Access::read_write).value()) {
        EXPECT_TRUE(db::migrate(*writer_, log::migrations(), clock_of_all().now()));
        if (!std::filesystem::exists(key_file)) {
            EXPECT_TRUE(log::Signer::create(key_file, "example.com/log"));
        }
        committer_ = log::Committer::start({database_.location()}, clock_of_all()).value();
        signer_ = log::Signer::open({key_file, folder_.path() / "log.signed"}).value();
    }
    log::StoredCheckpoint grow(int count) {
        for (int i = 0; i < count; ++i)
            EXPECT_TRUE(committer_->write([](log::WriteContext& context) -> Result<void> {
                context.append(log::Entry("test").control("c"));
                return {};
            }));
        return signer_->sign(*committer_, *writer_, tree_, clock_of_all()).value();
    }
    log::VerifierKey verifier() const { return signer_->ring().verifier(); }
    db::Connection& writer() { return *writer_; }
    Witnessing witnessing(const std::filesystem::path& policy, Duration patience = 5s) {
        return {*committer_, readers_, tree_, {.policy = policy, .patience = patience}};
    }

  private:
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> writer_;
    std::unique_ptr<log::Committer> committer_;
    std::unique_ptr<log::Signer> signer_;
    db::Pool readers_{database_.location(), db::Access::read_only, 2};
    log::Tree tree_;
};

class WitnessingTest : public testing::Test {
  protected:
    WitnessingTest()
        : log_(folder_.path() / "log.key"),
          witness_(witness::Witness::open({folder_.path() / "w", "example.net/witness"}, clock_of_all()).value()),
          server_(http::Server::start("127.0.0.1", 0, witness::routes(*witness_), {}).value()) {
        EXPECT_TRUE(witness_->add_log(log_.verifier()));
        ask_at(url(server_->port()));
    }
    static std::string url(std::uint16_t port) { return "http://127.0.0.1:" + std::to_string(port); }
    std::filesystem::path policy() const { return folder_.path() / "witnesses"; }
    void ask_at(const std::string& where) {
        ASSERT_TRUE(write_file(policy(), "log " + log::to_string(log_.verifier()) + "\nwitness auditor " +
                                             log::to_string(witness_->verifier()) + " " + where +
                                             "\nquorum auditor\n"));
    }
    WitnessState once(Witnessing& witnessing, Duration later = 0s) {
        now_ += later;
        const auto states = witnessing.run_once(now_).value();
        EXPECT_EQ(states.size(), 1u);
        return states.front();
    }
    // How one attempt ends with a witness that answers so.
    std::string told_by(std::function<http::Response(const http::Request&)> handler) {
        std::vector<http::Route> routes;
        routes.emplace_back(http::Method::post, "/add-checkpoint",
                            http::Access{http::Auth::public_, 1u << 20, http::Rate::light, http::Bodies::any},
                            std::move(handler));
        const auto liar = http::Server::start("127.0.0.1", 0, std::move(routes), {}).value();
        ask_at(url(liar->port()));
        auto witnessing = log_.witnessing(policy());
        const auto state = once(witnessing);
        EXPECT_EQ(state.size, 0);
        EXPECT_FALSE(log::newest_witnessed(log_.writer(), std::nullopt).value()) << "nothing false is kept";
        return state.trouble ? state.trouble->message.key + (state.alarm ? "!" : "") : "";
    }
    static http::Response plain(int status, std::string body) {
        http::Response response;
        response.status = status;
        response.body = std::move(body);
        return response;
    }

    Timestamp now_ = clock_of_all().now();
    test::TemporaryFolder folder_;
    OwnLog log_;
    std::unique_ptr<witness::Witness> witness_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(WitnessingTest, WithoutAPolicyThereIsNobodyToAsk) {
    std::filesystem::remove(policy());
    auto witnessing = log_.witnessing(policy());
    EXPECT_TRUE(witnessing.run_once(now_).value().empty());
    ASSERT_TRUE(write_file(policy(), "witness\n"));
    EXPECT_FALSE(witnessing.run_once(now_)) << "a policy that cannot be read is not no policy";
}

TEST_F(WitnessingTest, KeepsWhatTheWitnessCosignsAsTheLogGrows) {
    auto witnessing = log_.witnessing(policy());
    EXPECT_FALSE(once(witnessing).trouble) << "nothing is signed yet: nothing to ask";
    for (const int count : {3, 300, 1}) {
        const auto newest = log_.grow(count);
        const auto state = once(witnessing, 5min);
        ASSERT_FALSE(state.trouble) << render(*state.trouble, Lang::en);
        EXPECT_EQ(state.name, "auditor");
        EXPECT_EQ(state.size, newest.size);
        EXPECT_EQ(state.at, clock_of_all().now());
        const auto kept = log::newest_witnessed(log_.writer(), std::nullopt).value().value().checkpoint;
        EXPECT_EQ(kept.size, newest.size);
        const std::vector keys{log_.verifier(), witness_->verifier()};
        EXPECT_EQ(log::open_note(log::parse_note(kept.note).value(), keys)->size(), 2u);
    }
    EXPECT_EQ(witness_->logs()->front().size, 304);
}

TEST_F(WitnessingTest, AsksNoMoreOftenThanItWasTold) {
    auto witnessing = log_.witnessing(policy());
    log_.grow(3);
    EXPECT_EQ(once(witnessing).size, 3);
    log_.grow(3);
    EXPECT_EQ(once(witnessing, 4min).size, 3);
    EXPECT_EQ(once(witnessing, 1min).size, 6);
    log_.grow(3);
    EXPECT_EQ(once(witnessing, -24h).size, 9) << "a clock that was set back does not keep it waiting";
}

TEST_F(WitnessingTest, GoesOnFromWhereTheWitnessSaysItIs) {
    auto witnessing = log_.witnessing(policy());
    log_.grow(7);
    ASSERT_EQ(once(witnessing).size, 7);
    // The answer never came, or another node got it.
    ASSERT_TRUE(log_.writer().execute("DELETE FROM log_cosignature"));
    log_.grow(4);
    const auto state = once(witnessing, 5min);
    ASSERT_FALSE(state.trouble) << render(*state.trouble, Lang::en);
    EXPECT_EQ(state.size, 11);
}

TEST_F(WitnessingTest, ALogThatWasSetBackIsAnAlarm) {
    auto witnessing = log_.witnessing(policy());
    log_.grow(9);
    ASSERT_EQ(once(witnessing).size, 9);
    OwnLog restored(folder_.path() / "log.key");
    restored.grow(3);
    auto again = restored.witnessing(policy());
    const auto state = once(again);
    ASSERT_TRUE(state.trouble);
    EXPECT_EQ(state.trouble->message.key, "witness.ahead");
    EXPECT_TRUE(state.alarm);
    EXPECT_FALSE(state.at);
    EXPECT_TRUE(once(again).alarm) << "and it is not forgotten";
}

TEST_F(WitnessingTest, ALogThatWasRewrittenIsAnAlarm) {
    auto witnessing = log_.witnessing(policy());
    log_.grow(9);
    ASSERT_EQ(once(witnessing).size, 9);
    for (const int count : {9, 12}) {
        OwnLog rewritten(folder_.path() / "log.key");
        rewritten.grow(count);
        auto again = rewritten.witnessing(policy());
        const auto state = once(again);
        ASSERT_TRUE(state.trouble);
        EXPECT_EQ(state.trouble->message.key, "witness.other-history");
        EXPECT_TRUE(state.alarm);
    }
    EXPECT_EQ(witness_->logs()->front().forks, 1) << "of the same size: the witness has the evidence";
}

// Whoever has the key can sign what he likes, but the witness has a memory of its own.
TEST_F(WitnessingTest, AThiefOfTheKeyGetsNoCosignatureForAFork) {
    auto witnessing = log_.witnessing(policy());
    log_.grow(5);
    ASSERT_EQ(once(witnessing).size, 5);
    std::filesystem::copy_file(folder_.path() / "log.key", folder_.path() / "stolen.key");
    OwnLog forged(folder_.path() / "stolen.key");
    for (const int count : {3, 2, 4}) {  // shorter, of the same size, longer
        forged.grow(count);
        auto thief = forged.witnessing(policy());
        const auto state = once(thief);
        ASSERT_TRUE(state.trouble) << count;
        EXPECT_TRUE(state.alarm) << state.trouble->message.key;
        EXPECT_FALSE(log::newest_witnessed(forged.writer(), std::nullopt).value());
    }
    log_.grow(1);
    const auto state = once(witnessing, 5min);
    EXPECT_FALSE(state.trouble) << "the true log goes on";
    EXPECT_EQ(state.size, 6);
}

TEST_F(WitnessingTest, SaysWhatTheWitnessLacks) {
    log_.grow(3);
    ASSERT_TRUE(witness_->forget_key(log_.verifier()));
    auto witnessing = log_.witnessing(policy());
    EXPECT_EQ(once(witnessing).trouble->message.key, "witness.refuses-our-key");
    const auto stranger = witness::Witness::open({folder_.path() / "w2", "example.net/other"}, clock_of_all()).value();
    const auto server = http::Server::start("127.0.0.1", 0, witness::routes(*stranger), {}).value();
    ask_at(url(server->port()) + "/");
    EXPECT_EQ(once(witnessing, 1min).trouble->message.key, "witness.knows-us-not");
    ask_at("");
    EXPECT_EQ(once(witnessing, 2min).trouble->message.key, "witness.no-url");
    ASSERT_TRUE(witness_->add_log(log_.verifier()));
    ask_at(url(server_->port()));
    EXPECT_FALSE(once(witnessing, 4min).trouble);
}

TEST_F(WitnessingTest, AWitnessThatIsDownIsAskedMoreAndMoreSeldom) {
    log_.grow(3);
    std::atomic<int> asked = 0;
    const net::test::Listener deaf([&](net::test::Connection&) { ++asked; });
    ask_at(url(deaf.port()));
    auto witnessing = log_.witnessing(policy());
    ASSERT_TRUE(once(witnessing).trouble);
    EXPECT_EQ(once(witnessing).trouble->code, Code::unavailable);
    EXPECT_EQ(asked, 1);
    once(witnessing, 59s);
    EXPECT_EQ(asked, 1);
    once(witnessing, 1s);
    EXPECT_EQ(asked, 2);
    once(witnessing, 119s);
    EXPECT_EQ(asked, 2);
    once(witnessing, 1s);
    EXPECT_EQ(asked, 3);
    for (int i = 0; i < 20; ++i) once(witnessing, 1h);
    EXPECT_EQ(asked, 23) << "but never less than hourly";
    ask_at(url(server_->port()));
    EXPECT_FALSE(once(witnessing, 1h).trouble);
}

TEST_F(WitnessingTest, AWitnessThatIsSilentCostsItsPatienceAndNoMore) {
    log_.grow(3);
    const net::test::Listener silent([](net::test::Connection& connection) { connection.hang(); });
    ask_at(url(silent.port()));
    auto witnessing = log_.witnessing(policy(), 200ms);
    const auto begun = std::chrono::steady_clock::now();
    const auto state = once(witnessing);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 5s);
    ASSERT_TRUE(state.trouble);
    EXPECT_EQ(state.trouble->code, Code::timeout);
    log_.grow(1);  // and holds nobody else up
}

TEST_F(WitnessingTest, OneThatFailsDoesNotKeepTheOthersFromCosigning) {
    log_.grow(3);
    const auto stranger =
        log::verifier_key("example.org/down", log::KeyType::cosignature, crypto::SigningKey::generate().public_key());
    ASSERT_TRUE(write_file(policy(), "witness down " + log::to_string(stranger) + " " + url(net::test::closed_port()) +
                                         "\nwitness auditor " + log::to_string(witness_->verifier()) + " " +
                                         url(server_->port()) + "\ngroup both any down auditor\nquorum both\n"));
    auto witnessing = log_.witnessing(policy());
    const auto states = witnessing.run_once(now_).value();
    ASSERT_EQ(states.size(), 2u);
    EXPECT_TRUE(states[0].trouble);
    EXPECT_FALSE(states[1].trouble);
    EXPECT_EQ(states[1].size, 3);
}

TEST_F(WitnessingTest, KeepsNothingFromAWitnessThatLies) {
    const auto newest = log_.grow(3);
    const auto text = log::parse_note(newest.note)->text;
    const auto stolen = crypto::SigningKey::generate();
    const auto line = [&](const std::string& over, const std::string& name) {
        return log::to_line(log::cosign_note(over, name, stolen, now_));
    };
    auto posing = log::cosign_note(text, "example.net/witness", stolen, now_);
    posing.id = witness_->verifier().id;
    const std::pair<std::string, std::string> answers[] = {
        {"", "witness.bad-cosignature"},
        {"thank you\n", "witness.bad-cosignature"},
        {line(text, "example.org/somebody"), "witness.bad-cosignature"},
        {line(text, "example.net/witness"), "witness.bad-cosignature"},
        {log::to_line(posing), "witness.bad-cosignature"},
        {std::string(1u << 20, 'x'), "witness.bad-answer"},
    };
    for (const auto& [body, expected] : answers)
        EXPECT_EQ(told_by([&](const auto&) { return plain(200, body); }), expected) << body.substr(0, 100);
    // A true cosignature of another checkpoint.
    OwnLog other(folder_.path() / "log.key");
    other.grow(3);
    ask_at(url(server_->port()));
    auto witnessing = other.witnessing(policy());
    ASSERT_FALSE(once(witnessing).trouble);
    const auto whole = log::newest_witnessed(other.writer(), std::nullopt).value()->checkpoint.note;
    const auto true_line = whole.substr(whole.rfind("\u2014 example.net/witness"));
    EXPECT_EQ(told_by([&](const auto&) { return plain(200, true_line); }), "witness.bad-cosignature");
}

TEST_F(WitnessingTest, IsNotLedInCirclesByAWitness) {
    log_.grow(3);
    std::atomic<int> asked = 0;
    EXPECT_EQ(told_by([&](const auto&) { return plain(409, std::to_string(1 + asked++ % 2) + "\n"); }),
              "witness.moving");
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(told_by([](const auto&) { return plain(409, "0\n"); }), "witness.moving");
    EXPECT_EQ(told_by([](const auto&) { return plain(409, "many\n"); }), "witness.bad-answer");
    EXPECT_EQ(told_by([](const auto&) { return plain(409, ""); }), "witness.bad-answer");
    EXPECT_EQ(told_by([](const auto&) { return plain(409, "4\n"); }), "witness.ahead!");
    EXPECT_EQ(told_by([](const auto&) { return plain(500, ""); }), "witness.bad-answer");
    EXPECT_EQ(told_by([](const auto&) { return plain(302, ""); }), "witness.bad-answer");
}

TEST_F(WitnessingTest, TakesItsOwnLineAmongOthers) {
    const auto newest = log_.grow(3);
    const auto text = log::parse_note(newest.note)->text;
    const auto other = log::to_line(log::cosign_note(text, "example.org/other", crypto::SigningKey::generate(), now_));
    ASSERT_TRUE(witness_->add_log(log_.verifier()));
    const auto own = witness_->add_checkpoint(witness::add_checkpoint_body(0, {}, newest.note))->lines;
    std::vector<http::Route> routes;
    routes.emplace_back(http::Method::post, "/prefix/add-checkpoint",
                        http::Access{http::Auth::public_, 1u << 20, http::Rate::light, http::Bodies::any},
                        [&](const auto&) { return plain(200, other + own + other); });
    const auto server = http::Server::start("127.0.0.1", 0, std::move(routes), {}).value();
    ask_at(url(server->port()) + "/prefix/");
    auto witnessing = log_.witnessing(policy());
    EXPECT_FALSE(once(witnessing).trouble);
    EXPECT_EQ(log::newest_witnessed(log_.writer(), std::nullopt).value()->checkpoint.note, newest.note + own);
}

}  // namespace
}  // namespace tilsyn::app
