#include "monitor/sketch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace tilsyn::monitor {
namespace {

TEST(Sketch, QuantilesAreWithinTheErrorThatIsStated) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> latency(9, 1.5);  // some 8 ms, with a long tail
    std::vector<std::uint64_t> values;
    Sketch sketch;
    for (int i = 0; i < 20'000; ++i) {
        values.push_back(std::uint64_t(latency(random)));
        sketch.add(values.back());
    }
    std::ranges::sort(values);
    for (const double q : {0.0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0}) {
        const auto rank = std::max<std::size_t>(1, std::size_t(std::ceil(q * double(values.size()))));
        const auto exact = double(values[rank - 1]);
        EXPECT_NEAR(double(*sketch.quantile(q)), exact, exact / 64) << q;
    }
}

TEST(Sketch, SmallValuesAreExactAndTheLargestFit) {
    Sketch sketch;
    EXPECT_FALSE(sketch.quantile(0.5));
    for (std::uint64_t v = 0; v < 32; ++v) sketch.add(v);
    EXPECT_EQ(*sketch.quantile(0.5), 15u);
    Sketch large;
    large.add(~std::uint64_t{0});
    EXPECT_GT(*large.quantile(0.5), std::uint64_t{1} << 63);
    EXPECT_EQ(*Sketch::decode(large.encode()), large);
}

TEST(Sketch, MergedIsTheSameAsAllTogetherByteForByte) {
    std::mt19937_64 random(2);
    Sketch all, merged;
    for (int part = 0; part < 24; ++part) {
        Sketch one;
        for (int i = 0; i < 500; ++i) {
            const auto value = random() % 1'000'000;
            all.add(value);
            one.add(value);
        }
        merged.merge(*Sketch::decode(one.encode()));
    }
    EXPECT_EQ(merged, all);
    EXPECT_EQ(merged.encode(), all.encode());
    EXPECT_EQ(all.count(), 12'000u);
}

TEST(Sketch, DamagedBytesAreRefused) {
    Sketch sketch;
    for (std::uint64_t v = 1; v < 100'000; v *= 3) sketch.add(v, v);
    const auto bytes = sketch.encode();
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
        const auto part = Sketch::decode(bytes.substr(0, cut));
        if (part) EXPECT_LT(part->count(), sketch.count());  // ends between two buckets
    }
    EXPECT_FALSE(Sketch::decode(""));
    EXPECT_FALSE(Sketch::decode("\x02\x01\x01"));
    EXPECT_FALSE(Sketch::decode(std::string("\x01\x01\x00", 3)));  // a bucket of none
    EXPECT_FALSE(Sketch::decode("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x01"));
}

}  // namespace
}  // namespace tilsyn::monitor
