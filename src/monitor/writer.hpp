// What has been seen, on its way into the database: gathered while the last batch is being committed, in order, kept
// and tried again while the database cannot take it. Lives on the loop; only the commit itself happens elsewhere.
#pragma once
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/store/committer.hpp"
#include "monitor/store.hpp"
#include "schedule/state.hpp"

namespace tilsyn::monitor {

class Writer {
  public:
    struct Told {
        std::shared_ptr<const schedule::Plan> plan;  // which outcome.control is of
        schedule::Outcome outcome;
    };
    using Post = std::function<void(std::function<void()>)>;  // onto the loop, from any thread
    using Report = std::function<void(const Error&)>;
    Writer(log::Committer& committer, std::string node, std::size_t most_pending, Post post, Report report);

    void begin(std::int64_t next_id) { next_id_ = next_id; }
    void add(const SampleOf& sample);
    void add(const SpanOf& span) { pending_.spans.push_back(span); }
    void add(Told told) { pending_.told.push_back(std::move(told)); }
    // What is pending, unless a batch is under way: news at once, results alone twice a second.
    void send(std::chrono::steady_clock::time_point now, bool all = false);
    void drop();  // the lease is lost: what is pending is another's to see
    bool busy() const { return under_way_ || again_ || !pending_.empty(); }
    std::int64_t pending() const { return std::int64_t(pending_.samples.size()); }
    std::int64_t lost() const { return lost_; }

  private:
    struct Batch {
        std::int64_t id = 0;
        std::vector<SampleOf> samples;
        std::vector<SpanOf> spans;
        std::vector<Told> told;
        bool empty() const { return samples.empty() && spans.empty() && told.empty(); }
    };
    static Result<void> write(log::WriteContext& context, const std::string& node, const Batch& batch);
    void done(const Result<void>& result, std::shared_ptr<Batch> batch);

    log::Committer& committer_;
    std::string node_;
    std::size_t most_pending_;
    Post post_;
    Report report_;
    Batch pending_;
    std::shared_ptr<Batch> again_;  // was not taken; goes first
    bool under_way_ = false;
    std::chrono::steady_clock::time_point next_send_{};
    std::string trouble_;  // the last error that was reported, until it is over
    std::int64_t next_id_ = 1, lost_ = 0;
    std::uint64_t life_ = 0;  // a batch of before the lease was lost is nobody's
};

}  // namespace tilsyn::monitor
