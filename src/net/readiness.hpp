// Waits for sockets that a library owns (curl, c-ares) and tells it when they can be read or written.
#pragma once
#include "base/asio.hpp"

#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <unordered_map>

namespace tilsyn::net {

class Readiness {
  public:
    // Called on the io_context's thread. The library may close the socket, or ask for others, in the call.
    using Ready = std::function<void(int fd, bool readable, bool writable)>;
    Readiness(boost::asio::io_context& io, Ready ready);
    ~Readiness();  // the sockets stay open: they are the library's
    Readiness(const Readiness&) = delete;
    Readiness& operator=(const Readiness&) = delete;

    // From now on until it is called again. Neither: the socket is forgotten, and may then be closed.
    void watch(int fd, bool read, bool write);

  private:
    struct Entry;
    void arm(const std::shared_ptr<Entry>& entry);
    void wait(const std::shared_ptr<Entry>& entry, bool write);

    boost::asio::io_context& io_;
    Ready ready_;
    std::unordered_map<int, std::shared_ptr<Entry>> entries_;
};

}  // namespace tilsyn::net
