#include "checks/probe.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
namespace {

constexpr std::string_view v4_heading =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n";

class Probe : public testing::Test {
  protected:
    Probe() { std::filesystem::create_directories(root_.path() / "proc/net"); }
    void put(const std::string& name, const std::string& content) {
        ASSERT_TRUE(write_file(root_.path() / "proc/net" / name, content));
    }
    bool own(Code code, std::string_view key) {
        Environment environment;
        environment.root = root_.path();
        return our_own(fail(code, key).error, environment);
    }
    test::TemporaryFolder root_;
};

TEST_F(Probe, ReadsRoutes) {
    EXPECT_TRUE(has_network(root_.path())) << "nothing is known: do not blame ourselves";
    put("route", std::string(v4_heading) + "eth0\t0000A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n");
    put("ipv6_route",
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n");
    EXPECT_FALSE(has_network(root_.path())) << "a local net and a way to nowhere";
    put("ipv6_route",
        "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
        "fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n");
    EXPECT_TRUE(has_network(root_.path()));
    put("ipv6_route", "");
    put("route", std::string(v4_heading) + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
    EXPECT_TRUE(has_network(root_.path()));
}

TEST_F(Probe, TellsWhoseFaultItIs) {
    put("route", std::string(v4_heading));
    EXPECT_TRUE(own(Code::unavailable, "net.unreachable"));
    put("route", std::string(v4_heading) + "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n");
    EXPECT_FALSE(own(Code::unavailable, "net.unreachable"));
    EXPECT_FALSE(own(Code::unavailable, "net.refused"));
    EXPECT_FALSE(own(Code::timeout, "net.first-byte-timeout"));
    EXPECT_FALSE(own(Code::unavailable, "net.name-not-found"));
    EXPECT_TRUE(own(Code::unavailable, "net.lookup-failed"));
    EXPECT_TRUE(own(Code::timeout, "net.lookup-timeout"));
    EXPECT_TRUE(own(Code::invalid, "net.bad-url"));
    EXPECT_TRUE(own(Code::busy, "net.lookups-hang"));
}

TEST(ProbeDeadline, LeavesTimeToTell) {
    const auto run = Deadline::in(std::chrono::seconds(30));
    EXPECT_EQ(run.at() - probe_deadline(run).at(), std::chrono::seconds(1));
    const auto brief = Deadline::in(std::chrono::milliseconds(50));
    EXPECT_EQ(brief.at() - probe_deadline(brief).at(), std::chrono::milliseconds(20));
}

}  // namespace
}  // namespace tilsyn::checks
