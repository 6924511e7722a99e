#include "monitor/samples.hpp"

#include <gtest/gtest.h>

#include <random>

namespace tilsyn::monitor {
namespace {

TEST(Samples, AnHourOfThemComesBackAndIsSmall) {
    std::mt19937_64 random(1);
    std::vector<Sample> samples;
    SampleWriter writer;
    std::int64_t at = 1'795'478'400'000;
    for (int i = 0; i < 360; ++i) {
        samples.push_back(
            {at + std::int64_t(random() % 4), i == 99 ? Seen::down : Seen::up, std::uint32_t(500 + random() % 2000)});
        writer.add(samples.back());
        at += 10'000;
    }
    EXPECT_EQ(*read_samples(writer.bytes()), samples);
    EXPECT_EQ(writer.count(), samples.size());
    EXPECT_LT(writer.bytes().size(), samples.size() * 4);
}

TEST(Samples, AnyOrderAndAnyMomentComesBack) {
    const std::vector<Sample> samples = {{-5, Seen::up, 0},
                                         {std::int64_t{1} << 62, Seen::unmeasured, 0xffff'ffffu},
                                         {0, Seen::down, 1},
                                         {0, Seen::down, 1},
                                         {-(std::int64_t{1} << 62), Seen::up, 7}};
    SampleWriter writer;
    for (const auto& sample : samples) writer.add(sample);
    EXPECT_EQ(*read_samples(writer.bytes()), samples);
    EXPECT_TRUE(read_samples(SampleWriter().bytes())->empty());
}

TEST(Samples, DamagedBytesAreRefused) {
    EXPECT_FALSE(read_samples(""));
    EXPECT_FALSE(read_samples("\x02"));
    EXPECT_FALSE(read_samples("\x01\x02"));                                  // half a sample
    EXPECT_FALSE(read_samples("\x01\x02\x03"));                              // seen what?
    EXPECT_FALSE(read_samples("\x01\x02\xff\xff\xff\xff\xff\xff\xff\x01"));  // longer than half a day
    EXPECT_FALSE(read_samples("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01"));
}

}  // namespace
}  // namespace tilsyn::monitor
