#include "http/pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>

namespace tilsyn::http {
namespace {

using namespace std::chrono_literals;

TEST(Pool, RefusesWhatItsQueueCannotHold) {
    std::promise<void> started, go;
    auto gone = go.get_future().share();
    Pool pool(1, 2, 1);
    ASSERT_TRUE(pool.post(Rate::light, [&] {
        started.set_value();
        gone.wait();
    }));
    ASSERT_EQ(started.get_future().wait_for(10s), std::future_status::ready);
    std::promise<void> last;
    EXPECT_TRUE(pool.post(Rate::light, [] {}));
    EXPECT_TRUE(pool.post(Rate::light, [&] { last.set_value(); }));
    EXPECT_FALSE(pool.post(Rate::light, [] {}));
    go.set_value();
    EXPECT_EQ(last.get_future().wait_for(10s), std::future_status::ready);
}

TEST(Pool, KeepsAThreadFreeOfHeavyJobs) {
    std::promise<void> go;
    auto gone = go.get_future().share();
    std::atomic<int> heavy{0};
    Pool pool(2, 10, 10);
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(pool.post(Rate::heavy, [&] {
            ++heavy;
            gone.wait();
        }));
    std::promise<void> light;
    ASSERT_TRUE(pool.post(Rate::light, [&] { light.set_value(); }));
    EXPECT_EQ(light.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_LE(heavy, 1);
    std::promise<void> all;
    ASSERT_TRUE(pool.post(Rate::heavy, [&] { all.set_value(); }));
    go.set_value();
    EXPECT_EQ(all.get_future().wait_for(10s), std::future_status::ready);
    EXPECT_EQ(heavy, 3);
}

TEST(Pool, StopDropsWhatWaitsAndLetsGoOfIt) {
    std::promise<void> started, go;
    auto gone = go.get_future().share();
    auto held = std::make_shared<int>(1);
    bool ran = false;
    {
        Pool pool(1, 10, 1);
        ASSERT_TRUE(pool.post(Rate::light, [&] {
            started.set_value();
            gone.wait();
        }));
        started.get_future().wait();
        ASSERT_TRUE(pool.post(Rate::light, [&ran, held] { ran = true; }));
        auto stopping = std::async(std::launch::async, [&] { pool.stop(); });
        while (held.use_count() > 1) std::this_thread::yield();  // dropped before the running one is done
        go.set_value();
        stopping.get();
        EXPECT_FALSE(pool.post(Rate::light, [] {}));
    }
    EXPECT_FALSE(ran);
}

}  // namespace
}  // namespace tilsyn::http
