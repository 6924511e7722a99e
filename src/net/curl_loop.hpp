// curl's transfers as coroutines: any number at a time on one thread (libcurl's multi interface on Asio).
#pragma once
#include "base/asio.hpp"

#include <curl/curl.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <vector>

#include "net/readiness.hpp"

namespace tilsyn::net {

// A handle, and a store of looked-up addresses that no other handle sees: two probes of one name, one by IPv4 and one
// by IPv6, must not use each other's.
struct CurlHandle {
    struct FreeShare {
        void operator()(CURLSH* share) const { ::curl_share_cleanup(share); }
    };
    struct FreeEasy {
        void operator()(CURL* handle) const { ::curl_easy_cleanup(handle); }
    };
    std::unique_ptr<CURLSH, FreeShare> addresses;
    std::unique_ptr<CURL, FreeEasy> easy;  // goes first
};

class CurlLoop {
  public:
    explicit CurlLoop(boost::asio::io_context& io);
    ~CurlLoop();  // when no transfer is under way any more
    CurlLoop(const CurlLoop&) = delete;
    CurlLoop& operator=(const CurlLoop&) = delete;

    CurlHandle take();  // as new; handles are kept, because making one costs more than a request
    void give_back(CurlHandle);
    // Does what the handle is set up for; CURLOPT_TIMEOUT_MS bounds it. Called off: CURLE_ABORTED_BY_CALLBACK.
    boost::asio::awaitable<CURLcode> perform(CURL* easy);

  private:
    static int on_socket(CURL*, curl_socket_t fd, int what, void* self, void*);
    static int on_timer(CURLM*, long milliseconds, void* self);
    void act(curl_socket_t fd, int events);

    boost::asio::io_context& io_;
    boost::asio::steady_timer timer_;
    Readiness readiness_;
    std::vector<CurlHandle> spare_;
    bool at_once_ = false;  // curl has asked to be called, and will be
    CURLM* multi_;
};

}  // namespace tilsyn::net
