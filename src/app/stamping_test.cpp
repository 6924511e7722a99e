#include "app/stamping.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/file.hpp"
#include "log/store/signer.hpp"
#include "log/store/tree.hpp"
#include "net/loopback_listener.hpp"
#include "support/databases.hpp"
#include "support/tsa.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;
using net::test::Connection;
using net::test::Listener;
using testing::HasSubstr;
using State = Stamper::State;

std::string http(std::string_view status, std::string_view type, const std::string& body) {
    return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + std::string(type) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

// An authority that is asked over HTTP, and may be told to misbehave.
class Service {
  public:
    using Answer = std::function<std::string(const std::string& query)>;
    explicit Service(const test::Tsa::Options& options = {}) : tsa(options) {}
    const test::Tsa tsa;
    Answer answer = {};  // instead of the right one; empty: hang
    bool well = true;
    std::string last_request;
    std::string url() const { return listener_.url("/tsr"); }
    int asked() const { return listener_.accepted(); }

  private:
    void serve(Connection& connection) {
        last_request = connection.read_request();
        const auto end = last_request.find("\r\n\r\n");
        if (end == last_request.npos) return;
        const auto query = last_request.substr(end + 4);
        if (!well && !answer) return connection.hang();
        connection.send(well ? http("200 OK", "application/timestamp-reply", tsa.reply(query)) : answer(query));
    }
    Listener listener_{[this](Connection& connection) { serve(connection); }};
};

class Stamping : public testing::TestWithParam<db::Engine> {
  protected:
    Stamping()
        : database_(GetParam()),
          connection_(db::open(database_.location(), db::Access::read_write).value()),
          readers_(database_.location(), db::Access::read_only, 2) {
        EXPECT_TRUE(db::migrate(*connection_, log::migrations(), clock_.now()));
        EXPECT_TRUE(log::Signer::create(folder_.path() / "log.key", "example.com/log"));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
        signer_ = log::Signer::open({folder_.path() / "log.key", folder_.path() / "log.signed"}).value();
        restart();
    }
    void restart() {
        stamper_ =
            std::make_unique<Stamper>(Stamper::Options{.data = folder_.path(), .deadline = 5s}, *committer_, readers_);
    }
    void add(int count = 1) {
        for (int i = 0; i < count; ++i)
            ASSERT_TRUE(committer_->write([](log::WriteContext& context) -> Result<void> {
                context.append(log::Entry("test").control("c"));
                return {};
            }));
    }
    log::StoredCheckpoint sign() { return signer_->sign(*committer_, *connection_, tree_, clock_).value(); }
    std::int64_t add_and_sign(int count = 1) {
        add(count);
        return sign().size;
    }
    void configure(const std::string& text) { ASSERT_TRUE(write_file(folder_.path() / "tsa.toml", text)); }
    std::string entry(const std::string& name, const Service& service, const std::string& more = {}) {
        EXPECT_TRUE(write_file(folder_.path() / (name + ".pem"), service.tsa.ca()));
        return "[[tsa]]\nname = \"" + name + "\"\nurl = \"" + service.url() + "\"\nca = \"" + name + ".pem\"\n" + more;
    }
    std::vector<Stamper::Status> run() {
        const auto round = stamper_->run_once(clock_.now());
        EXPECT_FALSE(round.error) << render(*round.error, Lang::en);
        return round.tsas;
    }
    std::vector<log::Stamp> stamps() { return log::stamps_between(*connection_, 0, 1'000'000).value(); }
    std::vector<KeptStamp> verify() {
        return verify_kept_stamps(*connection_, read_tsas(folder_.path()).value()).value();
    }
    std::string text_of(std::int64_t size) {
        return log::parse_note(log::checkpoint_covering(*connection_, size, false).value()->note).value().text;
    }

    // openssl stamps with the real time.
    ManualClock clock_{std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now())};
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    db::Pool readers_;
    log::Tree tree_;
    std::unique_ptr<log::Committer> committer_;
    std::unique_ptr<log::Signer> signer_;
    std::unique_ptr<Stamper> stamper_;
};
INSTANTIATE_ENGINES(Stamping);

TEST_P(Stamping, NothingConfiguredIsNothingToDo) {
    add_and_sign();
    EXPECT_TRUE(run().empty());
    configure("# none yet\n");
    EXPECT_TRUE(run().empty());
    EXPECT_TRUE(stamps().empty());
}

TEST_P(Stamping, OnceADayTheNewestCheckpointIsStampedByEach) {
    test::Tsa::Options rsa;
    rsa.key = "rsa";
    rsa.name = "Other stamps";
    Service first, second(rsa);
    configure(entry("first", first) + entry("second", second));
    add_and_sign(3);
    auto now = run();
    ASSERT_EQ(now.size(), 2u);
    for (const auto& status : now) {
        EXPECT_EQ(status.state, State::stamped) << (status.error ? render(*status.error, Lang::en) : "");
        EXPECT_EQ(status.size, 3);
        EXPECT_EQ(status.next, clock_.now() + 24h);
        EXPECT_FALSE(status.warning);
    }
    EXPECT_THAT(first.last_request, HasSubstr("POST /tsr HTTP/1.1\r\n"));
    EXPECT_THAT(first.last_request, HasSubstr("Content-Type: application/timestamp-query\r\n"));
    ASSERT_EQ(stamps().size(), 2u);
    EXPECT_EQ(first.tsa.openssl_refuses(stamps()[0].token, text_of(3)), "");
    EXPECT_EQ(second.tsa.openssl_refuses(stamps()[1].token, text_of(3)), "");

    add_and_sign();
    clock_.advance(23h);
    EXPECT_EQ(run()[0].state, State::fresh);
    restart();  // knows it from the database
    EXPECT_EQ(run()[0].state, State::fresh);
    EXPECT_EQ(run()[1].size, 3);
    EXPECT_EQ(first.asked() + second.asked(), 2);

    clock_.advance(1h + 1s);
    EXPECT_EQ(run()[0].state, State::stamped);
    EXPECT_EQ(first.asked() + second.asked(), 4);
    clock_.advance(25h);
    EXPECT_EQ(run()[0].state, State::unchanged) << "the log has not moved";
    EXPECT_EQ(first.asked() + second.asked(), 4);
    EXPECT_EQ(stamps().size(), 4u);

    const auto kept = verify();
    ASSERT_EQ(kept.size(), 4u);
    for (const auto& stamp : kept) EXPECT_TRUE(stamp.verified) << render(stamp.verified.error(), Lang::en);
    EXPECT_EQ(kept[1].verified->tsa, "CN=Other stamps");
    const log::ProvedTimes times(witnessed_points(kept));
    EXPECT_EQ(times.of(3, kept[0].at).verdict, log::TimeVerdict::inside);
    EXPECT_EQ(times.of(3, kept[0].at - 1h).verdict, log::TimeVerdict::outside);
    EXPECT_EQ(times.of(0, kept[0].at).verdict, log::TimeVerdict::unbounded);
}

TEST_P(Stamping, OneThatFailsIsTriedAgainLaterAndHoldsUpNoOther) {
    Service bad, good, stranger;
    configure(entry("bad", bad) + entry("good", good));
    add_and_sign();
    const auto old_query = crypto::request_stamp("old").der;
    bad.well = false;
    struct Case {
        std::string words;
        Service::Answer answer;
    };
    const auto reply = [](const std::string& body) { return http("200 OK", "application/timestamp-reply", body); };
    const std::vector<Case> cases{
        {"answered with HTTP status 503", [&](const auto&) { return http("503 Busy", "text/plain", "busy"); }},
        {"this is not a time stamp", [&](const auto&) { return http("200 OK", "text/html", "<html>login</html>"); }},
        {"the time stamp is over something else", [&](const auto&) { return reply(bad.tsa.reply(old_query)); }},
        {"the time stamp answers another request",
         [&](const auto&) { return reply(bad.tsa.forge({.data = text_of(1)})); }},
        {"no trusted certificate vouches", [&](const auto& query) { return reply(stranger.tsa.reply(query)); }},
        {"larger than 65536 bytes", [&](const auto&) { return reply(std::string(200'000, '0')); }},
        {"the time-stamp authority gave no stamp: rejection",
         [&](const auto&) { return reply(std::string("\x30\x05\x30\x03\x02\x01\x02", 7)); }},
    };
    unsigned failures = 0;
    Duration wait = 1min;
    for (const auto& [words, answer] : cases) {
        bad.answer = answer;
        const auto now = run();
        EXPECT_EQ(now[0].state, State::failed) << words;
        ASSERT_TRUE(now[0].error) << words;
        EXPECT_THAT(render(*now[0].error, Lang::en), HasSubstr(words));
        EXPECT_EQ(now[0].failures, ++failures);
        EXPECT_EQ(now[0].next, clock_.now() + wait);
        EXPECT_EQ(now[1].state, failures == 1 ? State::stamped : State::fresh) << words;
        // Not before its time.
        clock_.advance(wait - 1s);
        EXPECT_EQ(run()[0].failures, failures);
        EXPECT_EQ(bad.asked(), int(failures));
        clock_.advance(1s);
        wait = std::min<Duration>(wait * 2, 4h);
    }
    EXPECT_EQ(stamps().size(), 1u);
    bad.well = true;
    EXPECT_EQ(run()[0].state, State::stamped);
    EXPECT_EQ(run()[0].failures, 0u);
    EXPECT_EQ(stamps().size(), 2u);
}

TEST_P(Stamping, OneThatDoesNotAnswerIsLeftAtTheDeadline) {
    Service slow;
    slow.well = false;
    configure(entry("slow", slow) + "[[tsa]]\nname = \"gone\"\nurl = \"http://127.0.0.1:" +
              std::to_string(net::test::closed_port()) + "/\"\nca = \"slow.pem\"\n");
    add_and_sign();
    Stamper stamper({.data = folder_.path(), .deadline = 200ms, .first_retry = 2h}, *committer_, readers_);
    auto now = clock_.now();
    const auto round = stamper.run_once(now);
    EXPECT_EQ(round.tsas[0].error->code, Code::timeout);
    EXPECT_EQ(round.tsas[1].error->code, Code::unavailable);
    EXPECT_EQ(stamper.run_once(now += 2h).tsas[0].next, now + 4h);
    EXPECT_EQ(stamper.run_once(now += 4h).tsas[0].next, now + 4h) << "never longer than that";
}

TEST_P(Stamping, ACheckpointThatTheLogHasOvertakenIsNotStamped) {
    Service service;
    configure(entry("tsa", service));
    EXPECT_EQ(run()[0].state, State::not_signed) << "nothing was ever signed";
    add_and_sign(2);
    add();
    clock_.advance(3min);  // and nobody signs
    EXPECT_EQ(run()[0].state, State::not_signed);
    EXPECT_EQ(service.asked(), 0);
    sign();
    clock_.advance(1min);
    EXPECT_EQ(run()[0].state, State::stamped);
    EXPECT_EQ(stamps().front().size, 3);
}

TEST_P(Stamping, ClocksThatDifferAreSaidToDiffer) {
    Service service;
    configure(entry("tsa", service));
    add_and_sign();
    clock_.jump(-2h);
    const auto status = run()[0];
    EXPECT_EQ(status.state, State::stamped);
    ASSERT_TRUE(status.warning);
    EXPECT_THAT(render(*status.warning, Lang::en), HasSubstr("2h"));
    // Set back, it does not wait for the day it once thought was tomorrow.
    add_and_sign();
    clock_.jump(-24h * 30);
    add_and_sign();
    EXPECT_EQ(run()[0].state, State::stamped);
    EXPECT_EQ(stamps().size(), 2u);
}

TEST_P(Stamping, WhatIsKeptIsVerifiedAsAWhole) {
    Service service;
    configure(entry("tsa", service));
    for (int day = 0; day < 3; ++day) {
        add_and_sign();
        ASSERT_EQ(run()[0].state, State::stamped);
        clock_.advance(24h);
    }
    const auto why = [&](std::size_t which) {
        const auto kept = verify();
        return kept.at(which).verified ? std::string("holds") : kept.at(which).verified.error().message.key;
    };
    EXPECT_EQ(why(0), "holds");
    ASSERT_TRUE(connection_->execute("UPDATE log_stamp SET stamped_at = stamped_at - 3600000000 WHERE size = 1"));
    EXPECT_EQ(why(0), "stamp.other-time");
    ASSERT_TRUE(connection_->execute(
        "UPDATE log_stamp SET token = (SELECT token FROM log_stamp WHERE size = 3) WHERE size = 2"));
    EXPECT_EQ(why(1), "stamp.wrong-imprint");
    EXPECT_EQ(why(2), "holds");
    EXPECT_EQ(witnessed_points(verify()).size(), 1u);
    ASSERT_TRUE(connection_->execute("UPDATE log_checkpoint SET size = 99 WHERE size = 3"));
    EXPECT_EQ(why(2), "stamp.no-checkpoint");
    ASSERT_TRUE(connection_->execute("UPDATE log_checkpoint SET size = 3 WHERE size = 99"));

    configure(entry("tsa", service, "retired = true\n"));
    EXPECT_EQ(why(2), "holds");
    add_and_sign();
    EXPECT_EQ(run()[0].state, State::retired);
    configure(entry("tsa", service));
    EXPECT_EQ(run()[0].state, State::stamped) << "back in use";
    configure("");
    EXPECT_EQ(why(2), "stamp.unknown-tsa");
    EXPECT_TRUE(run().empty());
}

TEST_P(Stamping, AFaultInTheFileIsSaidWithItsPlace) {
    Service service;
    const auto good = entry("tsa", service);
    const std::vector<std::pair<std::string, std::string>> faults{
        {"[[tsa", "tsa.toml:1:"},
        {"colour = 1", "“colour” is not something"},
        {"tsa = 1", "“tsa” is not something"},
        {"tsa = [1]", "“tsa” is not something"},
        {good + "colour = 1", "tsa.toml:5:"},
        {good + "retired = \"yes\"", "“retired” is not something"},
        {"[[tsa]]\nname = \"tsa\"\n", "needs name, url and ca"},
        {"[[tsa]]\nname = \"a b\"\nurl = \"http://x/\"\nca = \"tsa.pem\"\n", "“a b” cannot name"},
        {"[[tsa]]\nname = \"a\"\nurl = \"ftp://x/\"\nca = \"tsa.pem\"\n", "must begin with http"},
        {"[[tsa]]\nname = \"a\"\nurl = \"http://x/\"\nca = \"none.pem\"\n", "none.pem"},
        {"[[tsa]]\nname = \"a\"\nurl = \"http://x/\"\nca = \"tsa.toml\"\n", "not certificates in PEM form"},
        {good + good, "two time-stamp authorities are called tsa"},
    };
    for (const auto& [text, words] : faults) {
        configure(text);
        const auto round = stamper_->run_once(clock_.now());
        ASSERT_TRUE(round.error) << text;
        EXPECT_THAT(render(*round.error, Lang::en), HasSubstr(words)) << text;
        EXPECT_TRUE(round.tsas.empty());
    }
    std::string many;
    for (int i = 0; i < 9; ++i)
        many += "[[tsa]]\nname = \"t" + std::to_string(i) + "\"\nurl = \"http://x/\"\nca = \"tsa.pem\"\n";
    configure(many);
    EXPECT_THAT(render(*stamper_->run_once(clock_.now()).error, Lang::en), HasSubstr("more than 8"));
}

}  // namespace
}  // namespace tilsyn::app
