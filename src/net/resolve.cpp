#include "net/resolve.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>

namespace tilsyn::net {
namespace {

std::atomic<int> unfinished_lookups{0};

struct Answer {
    int code = 0;
    int system_error = 0;
    std::vector<Address> addresses;
};

struct Lookup {
    std::mutex mutex;
    std::condition_variable changed;
    bool done = false;
    Answer answer;
};

Answer ask_system(const std::string& host, std::uint16_t port, Family family, int flags) {
    addrinfo hints{};
    hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    Answer answer;
    answer.code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    answer.system_error = errno;
    if (answer.code != 0) return answer;
    for (const auto* entry = list; entry != nullptr; entry = entry->ai_next) {
        if (entry->ai_addrlen > sizeof(sockaddr_storage)) continue;
        Address address;
        std::memcpy(&address.storage, entry->ai_addr, entry->ai_addrlen);
        address.length = entry->ai_addrlen;
        answer.addresses.push_back(address);
    }
    ::freeaddrinfo(list);
    return answer;
}

Result<std::vector<Address>> judge(Answer answer, const std::string& host) {
    if (answer.code == 0 && !answer.addresses.empty()) return std::move(answer.addresses);
    const std::string words = answer.code == EAI_SYSTEM ? std::generic_category().message(answer.system_error)
                                                        : std::string(::gai_strerror(answer.code));
    switch (answer.code) {
        case 0:
        case EAI_NONAME:
        case EAI_NODATA:
        case EAI_ADDRFAMILY:
            return fail(Code::unavailable, "net.name-not-found", {{"host", host}}).detail(words);
        default:  // EAI_AGAIN, EAI_FAIL, EAI_SYSTEM: the name may well exist
            return fail(Code::unavailable, "net.lookup-failed", {{"host", host}})
                .detail(words)
                .hint("net.lookup-failed-hint", {{"host", host}});
    }
}

}  // namespace

std::string to_string(const Address& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address.family() == AF_INET6) {
        sockaddr_in6 v6;
        std::memcpy(&v6, &address.storage, sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    } else {
        sockaddr_in v4;
        std::memcpy(&v4, &address.storage, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    }
    return text;
}

Result<std::vector<Address>> resolve(const std::string& host, std::uint16_t port, Family family, Deadline deadline) {
    if (host.empty() || host.find('\0') != host.npos) return fail(Code::invalid, "net.bad-host", {{"host", host}});
    // An address needs no resolver, and no thread.
    auto numeric = ask_system(host, port, family, AI_NUMERICHOST);
    if (numeric.code == 0) return judge(std::move(numeric), host);
    if (deadline.passed()) return fail(Code::timeout, "net.lookup-timeout", {{"host", host}});

    if (unfinished_lookups.fetch_add(1) >= max_unfinished_lookups) {
        unfinished_lookups.fetch_sub(1);
        return fail(Code::busy, "net.lookups-hang", {{"count", std::to_string(max_unfinished_lookups)}});
    }
    auto lookup = std::make_shared<Lookup>();
    try {
        std::thread([lookup, host, port, family] {
            auto answer = ask_system(host, port, family, 0);
            {
                const std::lock_guard lock(lookup->mutex);
                lookup->answer = std::move(answer);
                lookup->done = true;
            }
            lookup->changed.notify_one();
            unfinished_lookups.fetch_sub(1);
        }).detach();
    } catch (const std::system_error& error) {
        unfinished_lookups.fetch_sub(1);
        return fail(Code::busy, "net.no-thread").detail(error.what());
    }
    std::unique_lock lock(lookup->mutex);
    if (!lookup->changed.wait_until(lock, deadline.at(), [&] { return lookup->done; }))
        return fail(Code::timeout, "net.lookup-timeout", {{"host", host}});
    return judge(std::move(lookup->answer), host);
}

}  // namespace tilsyn::net
