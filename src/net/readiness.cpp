#include "net/readiness.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

namespace tilsyn::net {
namespace asio = boost::asio;

// Outlives its place in the table while a wait is being called off: a new socket of the same number is another entry.
struct Readiness::Entry {
    explicit Entry(asio::io_context& io) : descriptor(io) {}
    asio::posix::stream_descriptor descriptor;
    bool read = false, write = false;       // wanted
    bool reading = false, writing = false;  // waited for
    bool forgotten = false;
};

Readiness::Readiness(asio::io_context& io, Ready ready) : io_(io), ready_(std::move(ready)) {}

Readiness::~Readiness() {
    while (!entries_.empty()) watch(entries_.begin()->first, false, false);
}

void Readiness::watch(int fd, bool read, bool write) {
    const auto found = entries_.find(fd);
    if (!read && !write) {
        if (found == entries_.end()) return;
        found->second->forgotten = true;
        found->second->descriptor.release();
        entries_.erase(found);
        return;
    }
    std::shared_ptr<Entry> entry;
    if (found != entries_.end()) {
        entry = found->second;
    } else {
        entry = std::make_shared<Entry>(io_);
        boost::system::error_code error;  // no exception may go through the library that calls us
        entry->descriptor.assign(fd, error);
        if (error) return;  // what waits for it ends at its deadline
        entries_.emplace(fd, entry);
    }
    entry->read = read;
    entry->write = write;
    arm(entry);
}

void Readiness::arm(const std::shared_ptr<Entry>& entry) {
    if (entry->read && !entry->reading) wait(entry, false);
    if (entry->write && !entry->writing) wait(entry, true);
}

void Readiness::wait(const std::shared_ptr<Entry>& entry, bool write) {
    (write ? entry->writing : entry->reading) = true;
    const auto what = write ? asio::posix::stream_descriptor::wait_write : asio::posix::stream_descriptor::wait_read;
    entry->descriptor.async_wait(what, [this, entry, write](const boost::system::error_code& error) {
        (write ? entry->writing : entry->reading) = false;
        if (error || entry->forgotten) return;
        // No longer wanted: the library has changed its mind in the meantime.
        if (write ? entry->write : entry->read) ready_(entry->descriptor.native_handle(), !write, write);
        if (!entry->forgotten) arm(entry);
    });
}

}  // namespace tilsyn::net
