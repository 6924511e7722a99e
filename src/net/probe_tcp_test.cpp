#include "net/probe_tcp.hpp"

#include <gtest/gtest.h>

#include "net/loopback_listener.hpp"

namespace tilsyn::net {
namespace {

using namespace std::chrono_literals;

TEST(TcpProbe, FindsAnOpenPort) {
    const test::Listener listener([](test::Connection& c) { c.hang(); });
    const auto result = tcp_probe({"127.0.0.1", listener.port()}, Deadline::in(5s));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, TcpState::open);
    EXPECT_EQ(result->address, "127.0.0.1");
    EXPECT_EQ(result->attempts.size(), 1u);
    EXPECT_GT(result->connect, Duration(0));
}

TEST(TcpProbe, TellsARefusedPortApart) {
    const auto result = tcp_probe({"127.0.0.1", test::closed_port()}, Deadline::in(5s));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, TcpState::refused);
    ASSERT_EQ(result->attempts.size(), 1u);
    EXPECT_FALSE(result->attempts[0].detail.empty());
}

TEST(TcpProbe, TellsAFilteredPortApart) {
    // A listener whose queue is full drops what comes next, just as a firewall does.
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_GE(fd, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&where), size), 0);
    ASSERT_EQ(::listen(fd, 0), 0);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size);
    std::vector<int> fill;
    for (int i = 0; i < 4; ++i) {
        fill.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        (void)::connect(fill.back(), reinterpret_cast<sockaddr*>(&where), size);
    }
    const auto begun = std::chrono::steady_clock::now();
    const auto result = tcp_probe({"127.0.0.1", ntohs(where.sin_port)}, Deadline::in(150ms));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, TcpState::filtered);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, 150ms);
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
    for (const int filler : fill) ::close(filler);
    ::close(fd);
}

TEST(TcpProbe, TriesEveryAddressUntilOneIsOpen) {
    const test::Listener listener([](test::Connection& c) { c.hang(); });
    const auto result = tcp_probe({"localhost", listener.port()}, Deadline::in(5s));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, TcpState::open);
    EXPECT_EQ(result->address, "127.0.0.1");
    EXPECT_EQ(result->attempts.back().state, TcpState::open);
}

TEST(TcpProbe, SpeaksIpv6WhereThereIsSome) {
    const test::Listener listener([](test::Connection& c) { c.hang(); }, "::1");
    if (!listener.listening()) GTEST_SKIP() << "no IPv6 loopback here";
    const auto result = tcp_probe({"::1", listener.port()}, Deadline::in(5s));
    ASSERT_TRUE(result);
    EXPECT_EQ(result->state, TcpState::open);
    EXPECT_EQ(result->address, "::1");
}

TEST(TcpProbe, RefusesWhatIsNoTarget) {
    EXPECT_EQ(tcp_probe({"127.0.0.1", 0}, Deadline::in(1s)).error().message.key, "net.bad-port");
    EXPECT_EQ(tcp_probe({"", 80}, Deadline::in(1s)).error().message.key, "net.bad-host");
    EXPECT_EQ(tcp_probe({std::string("a\0b", 3), 80}, Deadline::in(1s)).error().code, Code::invalid);
}

TEST(Resolve, NamesTheHostThatIsNotThere) {
    // A label of more than 63 bytes is refused before anything is asked of the network.
    const auto result = resolve(std::string(70, 'a') + ".example", 80, Family::any, Deadline::in(5s));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::unavailable);
    EXPECT_EQ(result.error().message.params.at(0).second, std::string(70, 'a') + ".example");
}

TEST(Resolve, GivesUpAtTheDeadline) {
    const auto result = resolve("localhost", 80, Family::any, Deadline::in(Duration(0)));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::timeout);
    EXPECT_EQ(result.error().message.key, "net.lookup-timeout");
}

TEST(Resolve, KeepsToTheFamilyAskedFor) {
    const auto v4 = resolve("localhost", 80, Family::ipv4, Deadline::in(5s));
    ASSERT_TRUE(v4);
    for (const auto& address : *v4) EXPECT_EQ(address.family(), AF_INET);
    EXPECT_FALSE(resolve("127.0.0.1", 80, Family::ipv6, Deadline::in(5s)));
}

}  // namespace
}  // namespace tilsyn::net
