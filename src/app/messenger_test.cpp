// From a finding to somebody who is told: a webhook, and a real postfix with a real mailbox.
#include "app/messenger.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "app/init.hpp"
#include "app/status.hpp"
#include "base/file.hpp"
#include "http/server.hpp"
#include "notify/outbox.hpp"
#include "support/postfix.hpp"

namespace tilsyn::app {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using namespace std::chrono_literals;

class Alerts : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(init({.data = data_, .database = {}}, clock_));
        app_ = App::open({.data = data_, .database = {}}, clock_).value();
        control_ = app_->plan()->policy.controls.front().id;
    }
    void channels(const std::string& text) { ASSERT_TRUE(write_file(data_ / "channels.toml", text)); }
    void finding(const std::string& id) {
        ASSERT_TRUE(app_->committer().write([&](log::WriteContext& context) -> Result<void> {
            TRY_VOID(context.db().execute(
                "INSERT INTO finding(id, control, subject, severity, owner, opened_at, due_at) VALUES(?, ?, ?, 'high', "
                "'ops', ?, ?)",
                {id, control_, "subject of " + id, to_micros(context.now()), to_micros(context.now() + 24h)}));
            return {};
        }));
    }
    void closed(const std::string& id) {
        ASSERT_TRUE(app_->committer().write([&](log::WriteContext& context) -> Result<void> {
            TRY_VOID(
                context.db().execute("UPDATE finding SET closed_at = ? WHERE id = ?", {to_micros(context.now()), id}));
            return {};
        }));
    }
    int send() {
        troubles_.clear();
        return send_alerts(*app_,
                           {.stopping = {},
                            .trouble = [this](const std::string& channel,
                                              const Error& error) { troubles_[channel] = render(error, Lang::en); }},
                           Duration(0))
            .value_or(-1);
    }

    static std::unique_ptr<http::Server> hook(http::Handler handler) {
        std::vector<http::Route> routes;
        routes.emplace_back(http::Method::post, "/hook",
                            http::Access{http::Auth::public_, 1 << 20, http::Rate::light, http::Bodies::any},
                            std::move(handler));
        return http::Server::start("127.0.0.1", 0, std::move(routes), {}).value();
    }

    test::TemporaryFolder folder_;
    std::filesystem::path data_ = folder_.path() / "data";
    ManualClock clock_{SystemClock().now()};
    std::unique_ptr<App> app_;
    std::string control_;
    std::map<std::string, std::string> troubles_;
};

TEST_F(Alerts, AWebhookIsToldOnceAndAgainWhenItWasAway) {
    std::vector<std::string> bodies, keys;
    std::atomic<int> status = 503;
    std::mutex mutex;
    auto server = hook([&](const http::Request& request) -> http::Response {
        const std::scoped_lock lock(mutex);
        if (status == 200) bodies.push_back(request.body);
        keys.push_back(request.header("idempotency-key"));
        return {.status = status, .body = "so it is"};
    });
    channels("[channel.hook]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:" + std::to_string(server->port()) +
             "/hook\"\n");
    EXPECT_EQ(send(), 0);
    finding("F1");
    finding("F2");
    EXPECT_EQ(send(), 0);
    EXPECT_THAT(troubles_["hook"], HasSubstr("answers 503"));
    EXPECT_EQ(send(), 0) << "not at once again";
    clock_.advance(2min);
    const auto stuck = app::status(*app_).value();
    EXPECT_THAT(render(stuck, Lang::en, {}), HasSubstr("1 alert to hook has not been taken since"));
    EXPECT_EQ(to_json(stuck)["alerts_stuck"][0]["waiting"], 1);
    status = 200;
    clock_.advance(21s);
    EXPECT_EQ(send(), 1);
    clock_.advance(1h);
    EXPECT_EQ(send(), 0);
    ASSERT_EQ(bodies.size(), 1u);
    const auto told = json::parse(bodies[0]);
    EXPECT_EQ(told["counts"]["opened"], 2);
    EXPECT_EQ(told["opened"][0]["subject"], "subject of F1");
    ASSERT_EQ(keys.size(), 2u);
    EXPECT_EQ(keys[0], keys[1]);
    closed("F1");
    EXPECT_EQ(send(), 1);
    EXPECT_EQ(json::parse(bodies[1])["closed"][0]["id"], "F1");
    // And one that is new is told what is open, and no more.
    channels("[channel.late]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:" + std::to_string(server->port()) +
             "/hook\"\n");
    EXPECT_EQ(send(), 1);
    EXPECT_EQ(json::parse(bodies[2])["counts"], (json{{"opened", 1}, {"closed", 0}}));
}

TEST_F(Alerts, OneThatIsAwayDoesNotHoldUpTheOthers) {
    auto server = hook([](const http::Request&) -> http::Response { return {}; });
    const auto nobody = test::free_port();
    channels("[channel.away]\ntype = \"chat\"\nurl = \"http://127.0.0.1:" + std::to_string(nobody) +
             "/services/s3cret\"\n[channel.there]\ntype = \"chat\"\nurl = \"http://127.0.0.1:" +
             std::to_string(server->port()) + "/hook\"\n");
    finding("F1");
    EXPECT_EQ(send(), 1);
    EXPECT_THAT(troubles_["away"], AllOf(HasSubstr("refused"), testing::Not(HasSubstr("s3cret"))));
    const auto states = notify::channel_states(**app_->readers().get()).value();
    EXPECT_EQ(states[0].waiting, 1);
    EXPECT_EQ(states[1].waiting, 0);
}

TEST_F(Alerts, ArriveInAMailboxOverTls) {
    if (::geteuid() != 0) GTEST_SKIP() << "postfix is started by root";
    test::Postfix postfix;
    const auto mail = "[channel.mail]\ntype = \"mail\"\nserver = \"" + postfix.server() +
                      "\"\nfrom = \"tilsyn@example.com\"\nto = [\"ops@example.com\"]\nlanguage = \"da\"\n";
    // A certificate that nobody vouches for is no server to hand anything to.
    channels(mail);
    finding("F1");
    EXPECT_EQ(send(), 0);
    EXPECT_THAT(troubles_["mail"], HasSubstr("certificate"));
    channels(mail + "ca = \"" + postfix.certificate() + "\"\n");
    clock_.advance(1h);
    EXPECT_EQ(send(), 1);
    const auto box = postfix.mailbox(1);
    EXPECT_THAT(box, AllOf(HasSubstr("Subject: Ikke i orden"), HasSubstr("Auto-Submitted: auto-generated")));
    // Down for a while, and what happened meanwhile comes when it is back.
    postfix.stop();
    finding("F2");
    EXPECT_EQ(send(), 0);
    EXPECT_THAT(troubles_["mail"], HasSubstr("did not take the message"));
    finding("F3");
    postfix.start();
    clock_.advance(1h);
    EXPECT_EQ(send(), 2);
    (void)postfix.mailbox(3);
    const auto read = test::run_command(
        "python3 -c 'import sys, mailbox, email, email.policy\n"
        "for m in mailbox.mbox(sys.argv[1]):\n"
        "    m = email.message_from_bytes(m.as_bytes(), policy=email.policy.default)\n"
        "    print(m[\"subject\"], \"|\", m.get_content())' '" +
        postfix.inbox().string() + "'");
    EXPECT_THAT(read.output, AllOf(HasSubstr("subject of F1"), HasSubstr("subject of F2"), HasSubstr("subject of F3"),
                                   HasSubstr("»tilsyn status« viser det hele")));
    EXPECT_TRUE(send_test_alert(*app_, "mail"));
    EXPECT_THAT(postfix.mailbox(4), HasSubstr("=?utf-8?B?"));
    EXPECT_EQ(send_test_alert(*app_, "nobody").error().code, Code::not_found);
}

}  // namespace
}  // namespace tilsyn::app
