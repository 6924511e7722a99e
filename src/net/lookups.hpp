// Names to addresses without a thread: c-ares on Asio. What resolve.hpp says of answers and errors holds here.
#pragma once
#include "base/asio.hpp"

#include <ares.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "net/readiness.hpp"
#include "net/resolve.hpp"

namespace tilsyn::net {

class Lookups {
  public:
    explicit Lookups(boost::asio::io_context& io);
    ~Lookups();
    Lookups(const Lookups&) = delete;
    Lookups& operator=(const Lookups&) = delete;

    boost::asio::awaitable<Result<std::vector<Address>>> find(std::string host, std::uint16_t port, Family family,
                                                              Deadline deadline);

  private:
    class Channel;
    Result<Channel*> channel();

    boost::asio::io_context& io_;
    std::vector<std::shared_ptr<Channel>> channels_;  // the newest last; older ones end with their last look-up
    std::chrono::steady_clock::time_point made_{};
};

// An address written out needs nobody's help: nullopt when `host` is not one.
std::optional<Result<std::vector<Address>>> written_address(const std::string& host, std::uint16_t port, Family family);

}  // namespace tilsyn::net
