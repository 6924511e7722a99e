#include "net/curl_loop.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace tilsyn::net {
namespace asio = boost::asio;
namespace {

constexpr std::size_t most_spare = 64;

struct Transfer {
    asio::steady_timer wake;  // is called off when the transfer has ended
    CURLcode code = CURLE_ABORTED_BY_CALLBACK;
};

bool curl_ready() {
    static const bool ready = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    return ready;
}

}  // namespace

CurlLoop::CurlLoop(asio::io_context& io)
    : io_(io),
      timer_(io),
      readiness_(io,
                 [this](int fd, bool readable, bool writable) {
                     act(fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
                 }),
      multi_(curl_ready() ? ::curl_multi_init() : nullptr) {
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &on_socket);
    ::curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &on_timer);
    ::curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
}

CurlLoop::~CurlLoop() {
    spare_.clear();
    ::curl_multi_cleanup(multi_);
}

CurlHandle CurlLoop::take() {
    if (!spare_.empty()) {
        auto handle = std::move(spare_.back());
        spare_.pop_back();
        ::curl_easy_reset(handle.easy.get());
        return handle;
    }
    CurlHandle handle;
    if (multi_ == nullptr) return handle;
    handle.addresses.reset(::curl_share_init());
    handle.easy.reset(::curl_easy_init());
    ::curl_share_setopt(handle.addresses.get(), CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    ::curl_easy_setopt(handle.easy.get(), CURLOPT_SHARE, handle.addresses.get());
    return handle;
}

void CurlLoop::give_back(CurlHandle handle) {
    if (handle.easy && spare_.size() < most_spare) spare_.push_back(std::move(handle));
}

asio::awaitable<CURLcode> CurlLoop::perform(CURL* easy) {
    Transfer transfer{asio::steady_timer(io_, asio::steady_timer::time_point::max())};
    ::curl_easy_setopt(easy, CURLOPT_PRIVATE, &transfer);
    if (::curl_multi_add_handle(multi_, easy) != CURLM_OK) co_return CURLE_FAILED_INIT;
    co_await transfer.wake.async_wait(asio::as_tuple(asio::use_awaitable));
    ::curl_multi_remove_handle(multi_, easy);
    co_return transfer.code;
}

int CurlLoop::on_socket(CURL*, curl_socket_t fd, int what, void* self, void*) {
    static_cast<CurlLoop*>(self)->readiness_.watch(fd, what == CURL_POLL_IN || what == CURL_POLL_INOUT,
                                                   what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
    return 0;
}

int CurlLoop::on_timer(CURLM*, long milliseconds, void* self) {
    auto& loop = *static_cast<CurlLoop*>(self);
    if (milliseconds < 0) {
        loop.timer_.cancel();
        return 0;
    }
    if (milliseconds == 0) {  // at once: no timer, which would cost a call of the system to set
        loop.timer_.cancel();
        if (!std::exchange(loop.at_once_, true))
            asio::post(loop.io_, [&loop] {
                loop.at_once_ = false;
                loop.act(CURL_SOCKET_TIMEOUT, 0);
            });
        return 0;
    }
    loop.timer_.expires_after(std::chrono::milliseconds(milliseconds));
    loop.timer_.async_wait([&loop](const boost::system::error_code& error) {
        if (!error) loop.act(CURL_SOCKET_TIMEOUT, 0);
    });
    return 0;
}

void CurlLoop::act(curl_socket_t fd, int events) {
    int running = 0, left = 0;
    ::curl_multi_socket_action(multi_, fd, events, &running);
    while (const auto* message = ::curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        char* user = nullptr;
        ::curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
        auto& transfer = *reinterpret_cast<Transfer*>(user);
        transfer.code = message->data.result;
        transfer.wake.cancel();
    }
}

}  // namespace tilsyn::net
