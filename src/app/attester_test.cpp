// The service's side of witnesses as a whole: an installation that is cosigned, and one that was set back.
#include "app/attester.hpp"

#include <gtest/gtest.h>

#include "app/init.hpp"
#include "app/notary.hpp"
#include "base/file.hpp"
#include "log/store/tree.hpp"
#include "support/temporary.hpp"
#include "witness/service.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;

class AttesterTest : public testing::Test {
  protected:
    AttesterTest() {
        EXPECT_TRUE(init({data(), {}}, clock_));
        open();
        witness_ = witness::Witness::open({folder_.path() / "w", "example.net/witness"}, clock_).value();
        EXPECT_TRUE(witness_->add_log(app_->signer().value()->ring().verifier()));
        server_ = http::Server::start("127.0.0.1", 0, witness::routes(*witness_), {}).value();
        EXPECT_TRUE(write_file(data() / "witnesses", "witness auditor " + log::to_string(witness_->verifier()) +
                                                         " http://127.0.0.1:" + std::to_string(server_->port()) +
                                                         "\nquorum auditor\n"));
    }
    std::filesystem::path data() const { return folder_.path() / "data"; }
    void open() { app_ = App::open({data(), {}}, clock_).value(); }
    void grow(int count) {
        for (int i = 0; i < count; ++i)
            ASSERT_TRUE(app_->committer().write([](log::WriteContext& context) -> Result<void> {
                context.append(log::Entry("heartbeat").text("src", "test"));
                return {};
            }));
    }
    Result<log::StoredCheckpoint> sign() { return app_->sign(*app_->readers().get().value()); }
    // One round of a fresh start.
    Attester::State first_round() {
        Attester attester(*app_, 1h);
        attester.wait_for_first_round(Deadline::in(20s));
        return attester.state();
    }
    std::int64_t witnessed() {
        const auto newest = app_->newest_witnessed(*app_->readers().get().value()).value();
        return newest ? newest->checkpoint.size : 0;
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    test::TemporaryFolder folder_;
    std::unique_ptr<App> app_;
    std::unique_ptr<witness::Witness> witness_;
    std::unique_ptr<http::Server> server_;
};

TEST_F(AttesterTest, WhatIsSignedIsCosignedAsLongAsTheServiceRuns) {
    const Attester attester(*app_, 1ms);
    std::int64_t signed_size = 0;
    {
        const Notary notary(*app_, 1ms);
        grow(3);
        for (const auto deadline = Deadline::in(20s); witnessed() == 0 && !deadline.passed();) clock_.advance(1s);
        for (const auto deadline = Deadline::in(20s); signed_size == 0 && !deadline.passed();)
            signed_size = std::max<std::int64_t>(notary.state().signed_size, 0);
    }
    EXPECT_GT(signed_size, 0);
    for (const auto deadline = Deadline::in(20s); witnessed() < signed_size && !deadline.passed();) clock_.advance(1s);
    EXPECT_GE(witnessed(), signed_size);
    EXPECT_FALSE(attester.state().witnesses.front().trouble);
}

// The whole machine was put back to yesterday, the signer's memory with it: only the witness knows more.
TEST_F(AttesterTest, AfterARollbackOfEverythingNothingIsSigned) {
    grow(3);
    const auto yesterday = sign().value();
    first_round();
    app_.reset();
    std::filesystem::copy(data(), folder_.path() / "yesterday", std::filesystem::copy_options::recursive);
    open();
    grow(5);
    const auto seen = sign().value();
    EXPECT_FALSE(first_round().witnesses.front().trouble);
    ASSERT_EQ(witnessed(), seen.size);

    app_.reset();
    std::filesystem::remove_all(data());
    std::filesystem::rename(folder_.path() / "yesterday", data());
    open();
    const auto state = first_round();
    ASSERT_TRUE(state.witnesses.front().alarm);
    grow(9);
    const auto refused = sign();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().message.key, "witness.ahead");
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_FALSE(app_->log_continues(*app_->readers().get().value()));
    {
        const Notary notary(*app_, 1h);
    }
    {
        const Notary again(*app_, 1h);
    }
    const auto incidents = app_->registers()->list("incidents").value().rows;
    ASSERT_EQ(incidents.size(), 1U) << "one, however often it is tried";
    EXPECT_EQ(incidents.front().fields.at("severity"), "critical");
    EXPECT_EQ(incidents.front().fields.at("status"), "open");
    EXPECT_EQ(log::newest_checkpoint(*app_->readers().get().value()).value()->size, yesterday.size);
}

TEST_F(AttesterTest, AWitnessThatIsAwayKeepsNobodyFromSigning) {
    server_->stop();
    server_.reset();
    grow(3);
    ASSERT_TRUE(sign());
    const auto state = first_round();
    ASSERT_TRUE(state.witnesses.front().trouble);
    EXPECT_FALSE(state.witnesses.front().alarm);
    grow(1);
    EXPECT_TRUE(sign());
    EXPECT_EQ(witnessed(), 0);
}

// It was not signed for a day: cosigned now, it would tell a time for the entries since that is not theirs.
TEST_F(AttesterTest, AnOvertakenCheckpointIsShownButNotKept) {
    grow(3);
    ASSERT_TRUE(sign());
    grow(1);
    clock_.advance(24h);
    EXPECT_FALSE(first_round().witnesses.front().trouble);
    EXPECT_EQ(witnessed(), 0);
    const auto now = sign().value();
    first_round();
    EXPECT_EQ(witnessed(), now.size);
}

}  // namespace
}  // namespace tilsyn::app
