// Outcomes on their way into the log. Gathered while a batch is being committed, so that ten thousand outcomes cost a
// few commits; kept and tried again while the database cannot take them. Thread-safe.
#pragma once
#include <array>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "schedule/nodes.hpp"
#include "schedule/state.hpp"

namespace tilsyn::schedule {

class Recorder {
  public:
    struct Item {
        Outcome outcome;
        std::shared_ptr<const Plan> plan;
        std::uint64_t generation = 0;  // Nodes::generation() when it was claimed
    };
    // `recorded` is told of what became durable, `failed` of a batch that did not (it stays, and is tried again by
    // flush(), unless this node was declared dead: then it is dropped, for others have taken its runs over).
    using Recorded = std::function<void(std::span<const Item>)>;
    using Failed = std::function<void(const Error&, std::size_t dropped)>;
    Recorder(log::Committer& committer, const Nodes& nodes, Recorded recorded, Failed failed);

    void add(std::vector<Item> items);
    void flush();  // sends what is pending, unless a batch is on its way
    std::size_t pending() const;
    // Until nothing is pending or on its way, or the time is up. False: something is left.
    bool wait_empty(std::chrono::milliseconds limit);

  private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the committer's callback
};

}  // namespace tilsyn::schedule
