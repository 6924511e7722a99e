// The one way to write. A Committer owns the write connection and runs all changes, each together with the entries it
// puts in the control log, in one transaction per batch (group commit): nothing that is not in the log is in the state,
// and a caller that got its answer has it on the disk.
//
// SQLite: one writer by BEGIN IMMEDIATE. PostgreSQL: any number of nodes; a batch holds the row of log_head and moves
// it by compare-and-swap, so the log has one order and a node that was paused cannot fork it (docs/adr/0003).
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "db/db.hpp"
#include "log/entry.hpp"

namespace tilsyn::log {

// What a change sees. Valid only during the call.
class WriteContext {
  public:
    // Where the change makes its own statements; undone with it when it fails.
    db::Connection& db();
    Timestamp now() const { return now_; }
    // Adds an entry; returns its index in the log. Rolled back with the change it belongs to.
    std::int64_t append(Entry entry) {
        entries_.push_back(std::move(entry));
        return next_index_ + std::int64_t(entries_.size()) - 1;
    }

  private:
    friend class Committer;
    db::Connection* db_ = nullptr;
    Timestamp now_{};
    std::int64_t next_index_ = 0;
    std::vector<Entry> entries_;
    // A change shares its transaction with others, and so needs a savepoint, but only from its first statement on: most
    // of the cost of a change on PostgreSQL is the way to the server and back.
    bool shared_ = false, saved_ = false;
    Result<void> saving_;
};

struct Head {
    std::int64_t size = 0;
    Hash root{};
};

class Committer {
  public:
    struct Options {
        db::Location location;
        std::size_t queue_limit = 10000;  // changes waiting; beyond it submit() answers busy
        std::size_t batch_limit = 256;    // changes in one transaction
    };
    // A change may be run more than once (after a lost connection): it must not have effects outside the context.
    using Change = std::function<Result<void>(WriteContext&)>;
    using Done = std::function<void(Result<void>)>;  // called on the committer's thread; must be quick

    // Opens the connection, and refuses to start when the stored head does not fit the newest entries (verify.hpp).
    static Result<std::unique_ptr<Committer>> start(Options options, const Clock& clock);
    ~Committer();  // finishes what is queued

    void submit(Change change, Done done);  // answers Code::busy at once when the queue is full
    // Submits and waits until it is durable.
    Result<void> write(Change change);
    Head head() const;  // newest committed head this node has seen

  private:
    struct Impl;
    explicit Committer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

std::span<const db::Migration> migrations();

}  // namespace tilsyn::log
