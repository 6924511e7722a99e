#include "monitor/writer.hpp"

#include <utility>

namespace tilsyn::monitor {
namespace {
// A transaction costs as much as ten probes; what a process that is killed has not written is no longer than this.
constexpr auto together = std::chrono::milliseconds(500);
constexpr auto again_after = std::chrono::seconds(1);  // what the database did not take
}  // namespace

Writer::Writer(log::Committer& committer, std::string node, std::size_t most_pending, Post post, Report report)
    : committer_(committer),
      node_(std::move(node)),
      most_pending_(most_pending),
      post_(std::move(post)),
      report_(std::move(report)) {}

void Writer::add(const SampleOf& sample) {
    if (pending_.samples.size() >= most_pending_) {
        if (lost_++ % 100'000 == 0 && report_)
            report_(fail(Code::busy, "monitor.results-lost", {{"count", std::to_string(most_pending_)}}).error);
        return;
    }
    pending_.samples.push_back(sample);
}

void Writer::send(std::chrono::steady_clock::time_point now, bool all) {
    if (under_way_ || (!again_ && pending_.empty())) return;
    if (!all && (again_ || pending_.told.empty()) && now < next_send_) return;
    next_send_ = now + together;
    auto batch = std::move(again_);
    if (!batch) {
        batch = std::make_shared<Batch>(std::exchange(pending_, {}));
        batch->id = next_id_++;
    }
    under_way_ = true;
    // The commit may come to its end when nobody is here any more: it touches nothing of this object but on the loop.
    committer_.submit([node = node_, batch](log::WriteContext& context) { return write(context, node, *batch); },
                      [this, post = post_, batch, life = life_](Result<void> result) {
                          post([this, batch, life, result = std::move(result)] {
                              under_way_ = false;
                              if (life == life_) done(result, batch);
                          });
                      });
}

// Whoever has the lease writes: a process that was paused, and declared dead, finds here that it is.
Result<void> Writer::write(log::WriteContext& context, const std::string& node, const Batch& batch) {
    TRY(const bool mine, holds_lease(context.db(), node));
    if (!mine) return fail(Code::conflict, "monitor.lease-lost");
    TRY_VOID(write_results(context.db(), batch.id, batch.samples, batch.spans));
    for (std::size_t start = 0; start < batch.told.size();) {  // nearly always one plan
        std::vector<schedule::Outcome> outcomes;
        auto end = start;
        for (; end < batch.told.size() && batch.told[end].plan == batch.told[start].plan; ++end)
            outcomes.push_back(batch.told[end].outcome);
        TRY_VOID(schedule::record(context, *batch.told[start].plan, outcomes));
        start = end;
    }
    return {};
}

void Writer::done(const Result<void>& result, std::shared_ptr<Batch> batch) {
    if (result) {
        trouble_.clear();
        return;
    }
    if (report_ && result.error().message.key != std::exchange(trouble_, result.error().message.key))
        report_(result.error());  // once, not once a second
    if (result.error().code == Code::conflict) return;
    again_ = std::move(batch);
    next_send_ = std::chrono::steady_clock::now() + again_after;
}

void Writer::drop() {
    pending_ = {};
    again_.reset();
    ++life_;
}

}  // namespace tilsyn::monitor
