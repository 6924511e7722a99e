// The processes that share a database: each has a row with a heartbeat, and sees when another has died.
#pragma once
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "db/db.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::schedule {

class Nodes {
  public:
    explicit Nodes(std::string node);
    const std::string& self() const { return node_; }
    Result<void> join(log::WriteContext& context, std::string_view version);
    // How often this node has joined. What was claimed in an earlier life was given to others when it was declared
    // dead: its outcomes must not be recorded in a later one.
    std::uint64_t generation() const { return generation_; }
    // Code::conflict when others have declared this node dead: what it holds is no longer its own.
    Result<void> beat(log::WriteContext& context) const;
    Result<void> leave(log::WriteContext& context) const;
    Result<void> still_a_member(db::Connection& connection) const;
    // A process of this machine that is gone is dead at once; one elsewhere when its heartbeat has stood still for
    // `dead_after` by our own steady clock, so that clocks need not agree.
    Result<std::vector<std::string>> dead(db::Connection& connection, std::chrono::steady_clock::time_point now,
                                          std::chrono::seconds dead_after);

  private:
    struct Seen {
        std::int64_t heartbeat = 0;
        std::chrono::steady_clock::time_point since;
    };
    std::string node_;
    std::string host_;  // machine and process namespace: where a pid means anything
    std::int64_t pid_ = 0, pid_start_ = 0;
    std::map<std::string, Seen> seen_;
    std::atomic<std::uint64_t> generation_ = 0;  // changed by the committer's thread, read by all
};

}  // namespace tilsyn::schedule
