#include "net/lookups.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

namespace tilsyn::net {
namespace asio = boost::asio;
namespace {

// The system's list of name servers is read again so often: a laptop moves, a DHCP lease changes.
constexpr auto read_again = std::chrono::seconds(30);
constexpr int patience_ms = 2000;  // with one name server, before the next is asked
constexpr int rounds = 2;

bool ares_ready() {
    static const bool ready = ::ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
    return ready;
}

struct Waiting {
    Waiting(asio::io_context& io, Deadline deadline) : wake(io, deadline.at()) {}
    asio::steady_timer wake;  // is called off when there is an answer
    bool answered = false;
    int status = ARES_ECANCELLED;
    std::vector<Address> addresses;
};

std::vector<Address> addresses_in(const ares_addrinfo* list) {
    std::vector<Address> out;
    for (const auto* node = list == nullptr ? nullptr : list->nodes; node != nullptr; node = node->ai_next) {
        if (node->ai_addrlen > sizeof(sockaddr_storage)) continue;
        Address address;
        std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
        address.length = node->ai_addrlen;
        out.push_back(address);
    }
    return out;
}

Result<std::vector<Address>> judge(Waiting& waiting, const std::string& host) {
    if (!waiting.answered) return fail(Code::timeout, "net.lookup-timeout", {{"host", host}});
    if (waiting.status == ARES_SUCCESS && !waiting.addresses.empty()) return std::move(waiting.addresses);
    const std::string words = ::ares_strerror(waiting.status);
    switch (waiting.status) {
        case ARES_SUCCESS:
        case ARES_ENOTFOUND:
        case ARES_ENODATA:
        case ARES_ENONAME:
        case ARES_EBADNAME:
            return fail(Code::unavailable, "net.name-not-found", {{"host", host}}).detail(words);
        default:  // servers that refuse, fail or do not answer: the name may well exist
            return fail(Code::unavailable, "net.lookup-failed", {{"host", host}})
                .detail(words)
                .hint("net.lookup-failed-hint", {{"host", host}});
    }
}

}  // namespace

// One reading of the system's configuration, and the look-ups made by it.
class Lookups::Channel : public std::enable_shared_from_this<Lookups::Channel> {
  public:
    explicit Channel(asio::io_context& io)
        : timer_(io), readiness_(io, [this](int fd, bool readable, bool writable) {
              process(readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
          }) {}
    ~Channel() {
        if (channel_ != nullptr) ::ares_destroy(channel_);
    }
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    bool open() {
        ares_options options{};
        options.timeout = patience_ms;
        options.tries = rounds;
        options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
            static_cast<Channel*>(self)->readiness_.watch(fd, readable != 0, writable != 0);
        };
        options.sock_state_cb_data = this;
        return ::ares_init_options(&channel_, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) ==
               ARES_SUCCESS;
    }

    void ask(const std::string& host, std::uint16_t port, Family family, const std::shared_ptr<Waiting>& waiting) {
        ares_addrinfo_hints hints{};
        hints.ai_family = family == Family::ipv4 ? AF_INET : family == Family::ipv6 ? AF_INET6 : AF_UNSPEC;
        hints.ai_socktype = SOCK_STREAM;
        hints.ai_flags = ARES_AI_NUMERICSERV;
        ++asked_;
        auto* user = new Asked{this, waiting};  // on_answer() is called exactly once, and owns it
        ::ares_getaddrinfo(channel_, host.c_str(), std::to_string(port).c_str(), &hints, &on_answer, user);
        keep_time();
    }
    bool idle() const { return asked_ == 0; }

  private:
    struct Asked {
        Channel* channel;
        std::shared_ptr<Waiting> waiting;  // whoever asked may have walked away
    };
    static void on_answer(void* user, int status, int, ares_addrinfo* list) {
        const std::unique_ptr<Asked> asked(static_cast<Asked*>(user));
        --asked->channel->asked_;
        auto& waiting = *asked->waiting;
        waiting.answered = true;
        waiting.status = status;
        waiting.addresses = addresses_in(list);
        if (list != nullptr) ::ares_freeaddrinfo(list);
        waiting.wake.cancel();
    }
    void process(ares_socket_t readable, ares_socket_t writable) {
        ::ares_process_fd(channel_, readable, writable);
        keep_time();
    }
    void keep_time() {
        timeval left{};
        if (::ares_timeout(channel_, nullptr, &left) == nullptr) {
            timer_.cancel();
            return;
        }
        timer_.expires_after(std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec));
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
            if (!error) self->process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        });
    }

    asio::steady_timer timer_;
    Readiness readiness_;
    ares_channel channel_ = nullptr;
    int asked_ = 0;
};

Lookups::Lookups(asio::io_context& io) : io_(io) {}
Lookups::~Lookups() = default;

Result<Lookups::Channel*> Lookups::channel() {
    const auto now = std::chrono::steady_clock::now();
    if (channels_.empty() || now - made_ > read_again) {
        std::erase_if(channels_, [](const auto& old) { return old->idle(); });
        auto fresh = std::make_shared<Channel>(io_);
        if (!ares_ready() || !fresh->open()) return fail(Code::busy, "net.no-memory");
        channels_.push_back(std::move(fresh));
        made_ = now;
    }
    return channels_.back().get();
}

asio::awaitable<Result<std::vector<Address>>> Lookups::find(std::string host, std::uint16_t port, Family family,
                                                            Deadline deadline) {
    if (host.empty() || host.find('\0') != host.npos) co_return fail(Code::invalid, "net.bad-host", {{"host", host}});
    if (auto written = written_address(host, port, family)) co_return std::move(*written);
    if (deadline.passed()) co_return fail(Code::timeout, "net.lookup-timeout", {{"host", host}});
    const auto asking = channel();
    if (!asking) co_return std::unexpected(asking.error());
    const auto waiting = std::make_shared<Waiting>(io_, deadline);
    (*asking)->ask(host, port, family, waiting);
    if (!waiting->answered) co_await waiting->wake.async_wait(asio::as_tuple(asio::use_awaitable));
    co_return judge(*waiting, host);
}

}  // namespace tilsyn::net
