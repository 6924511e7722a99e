#include "monitor/closing.hpp"

#include <gtest/gtest.h>

#include <future>

#include "crypto/hash.hpp"
#include "support/scheduling.hpp"

namespace tilsyn::monitor {
namespace {

using namespace std::chrono_literals;

class Closed : public testing::TestWithParam<db::Engine> {
  protected:
    Closed() : database_(GetParam()), schedule_(database_.location(), clock_, migrations()) {
        plan_ = schedule_.use({test::control("a", "null", "1h")});
        EXPECT_TRUE(schedule_.connection->execute("UPDATE monitor_lease SET node = 'one'"));
    }
    // Two targets, asked every minute of these hours; in the tail as the monitor leaves them.
    std::vector<HourOf> hours(std::int64_t first, std::int64_t last) {
        std::vector<HourOf> out;
        std::vector<SampleOf> all;
        for (TargetId target : {1, 2})
            for (auto hour = first; hour <= last; ++hour) {
                SampleWriter writer;
                for (int minute = 0; minute < 60; ++minute) {
                    const Sample sample{hour * ms_an_hour + minute * 60'000, Seen::up, std::uint32_t(minute)};
                    writer.add(sample);
                    all.push_back({target, sample});
                }
                out.push_back({target, hour, writer.bytes()});
            }
        EXPECT_TRUE(write_results(*schedule_.connection, 1, all, {}));
        return out;
    }
    // Steps run on the committer's thread here, one after another.
    bool close(std::vector<HourOf> hours, std::int64_t up_to, const std::string& node = "one") {
        std::promise<void> end;
        std::vector<std::string> troubles;
        std::shared_ptr<Closing> closing;
        closing = std::make_shared<Closing>(
            *schedule_.committer, node, Retention{}, plan_, up_to, clock_.now(), std::move(hours), false,
            [&](std::function<void()> work) {
                work();
                if (closing->done()) end.set_value();
            },
            [&](const Error& error) { troubles.push_back(error.message.key); });
        closing->start();
        end.get_future().wait();
        troubles_ = troubles;
        return closing->ok();
    }

    ManualClock clock_{parse_utc("2026-11-24T12:30:00Z").value()};
    test::FreshDatabase database_;
    test::Schedule schedule_;
    std::shared_ptr<const schedule::Plan> plan_;
    std::vector<std::string> troubles_;
};

std::int64_t at(std::string_view text) {
    return hour_of(to_micros(parse_utc(text).value()) / 1000);
}

TEST_P(Closed, AnHourIsStoredSealedAndOutOfTheTail) {
    const auto hour = at("2026-11-24T11:00:00Z");
    const auto both = hours(hour, hour);
    ASSERT_TRUE(close(both, hour));
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_chunk"), 2);
    EXPECT_EQ(schedule_.number("SELECT sum(up) FROM monitor_hour"), 120);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_tail"), 0);
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_day"), 0) << "the day is not over";
    const auto chunk = crypto::hex(crypto::sha256(both[0].samples));
    const auto list = "1 " + std::to_string(hour) + " " + chunk + "\n2 " + std::to_string(hour) + " " + chunk + "\n";
    EXPECT_EQ(schedule_.text("SELECT sha256 FROM monitor_chunk WHERE target = 1"), chunk);
    bool sealed = false;
    ASSERT_TRUE(schedule_.connection->each("SELECT body FROM log_entry", {}, [&](const db::Row& row) -> Result<bool> {
        const auto entry = row.text(0);
        sealed = sealed || (entry.find("monitor.hour") != entry.npos &&
                            entry.find(crypto::hex(crypto::sha256(list))) != entry.npos);
        return true;
    }));
    EXPECT_TRUE(sealed) << "by an entry that commits to both chunks";
}

TEST_P(Closed, ADayThatIsOverHasARowByTheCompanysClock) {
    // 24 November by the clock in Copenhagen begins at 23:00 UTC.
    const auto first = at("2026-11-23T21:00:00Z"), last = at("2026-11-24T01:00:00Z");
    ASSERT_TRUE(close(hours(first, last), last));
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_day"), 2) << "one of each target";
    EXPECT_EQ(schedule_.number("SELECT max(up) FROM monitor_day"), 120) << "21 and 22 o'clock UTC";
}

TEST_P(Closed, ClosedTwiceIsTheSame) {
    const auto hour = at("2026-11-23T21:00:00Z");
    const auto both = hours(hour, hour);
    ASSERT_TRUE(close(both, hour));
    ASSERT_TRUE(close(both, hour));
    EXPECT_EQ(schedule_.number("SELECT sum(up) FROM monitor_hour"), 120);
    EXPECT_EQ(schedule_.number("SELECT sum(up) FROM monitor_day"), 120);
}

TEST_P(Closed, WithoutTheLeaseNothingIsWritten) {
    const auto hour = at("2026-11-24T11:00:00Z");
    EXPECT_FALSE(close(hours(hour, hour), hour, "another"));
    EXPECT_EQ(troubles_, std::vector<std::string>{"monitor.lease-lost"});
    EXPECT_EQ(schedule_.number("SELECT count(*) FROM monitor_chunk"), 0);
    EXPECT_GT(schedule_.number("SELECT count(*) FROM monitor_tail"), 0);
}

INSTANTIATE_ENGINES(Closed);

}  // namespace
}  // namespace tilsyn::monitor
