#include "schedule/recorder.hpp"

#include <algorithm>

namespace tilsyn::schedule {
namespace {
constexpr std::size_t batch_limit = 2'000;
}

struct Recorder::State : std::enable_shared_from_this<Recorder::State> {
    log::Committer* committer;
    const Nodes* nodes;
    Recorded recorded;
    Failed failed;
    mutable std::mutex mutex;  // guards what follows
    std::condition_variable changed;
    std::vector<Item> pending;
    bool under_way = false;

    void send() {
        auto batch = std::make_shared<std::vector<Item>>();
        {
            std::scoped_lock lock(mutex);
            if (under_way || pending.empty()) return;
            under_way = true;
            const auto count = std::min(pending.size(), batch_limit);
            batch->assign(std::make_move_iterator(pending.begin()),
                          std::make_move_iterator(pending.begin() + std::ptrdiff_t(count)));
            pending.erase(pending.begin(), pending.begin() + std::ptrdiff_t(count));
        }
        auto self = shared_from_this();
        committer->submit([self, batch](log::WriteContext& context) { return self->write(context, *batch); },
                          [self, batch](const Result<void>& result) { self->done(result, *batch); });
    }

    Result<void> write(log::WriteContext& context, const std::vector<Item>& batch) const {
        TRY_VOID(nodes->still_a_member(context.db()));
        // Nearly always one plan; a policy applied a moment ago makes two.
        for (std::size_t start = 0; start < batch.size();) {
            std::vector<Outcome> outcomes;
            std::size_t end = start;
            for (; end < batch.size() && batch[end].plan == batch[start].plan; ++end)
                if (batch[end].generation == nodes->generation()) outcomes.push_back(batch[end].outcome);
            if (!outcomes.empty()) TRY_VOID(record(context, *batch[start].plan, outcomes));
            start = end;
        }
        return {};
    }

    void done(const Result<void>& result, std::vector<Item>& batch) {
        const bool dropped = !result && result.error().code == Code::conflict;
        {
            std::scoped_lock lock(mutex);
            under_way = false;
            if (!result && !dropped)
                pending.insert(pending.begin(), std::make_move_iterator(batch.begin()),
                               std::make_move_iterator(batch.end()));
        }
        if (result)
            recorded(batch);
        else
            failed(result.error(), dropped ? batch.size() : 0);
        changed.notify_all();
        if (result || dropped) send();  // otherwise the engine's next flush tries again
    }
};

Recorder::Recorder(log::Committer& committer, const Nodes& nodes, Recorded recorded, Failed failed)
    : state_(std::make_shared<State>()) {
    state_->committer = &committer;
    state_->nodes = &nodes;
    state_->recorded = std::move(recorded);
    state_->failed = std::move(failed);
}

void Recorder::add(std::vector<Item> items) {
    {
        std::scoped_lock lock(state_->mutex);
        state_->pending.insert(state_->pending.end(), std::make_move_iterator(items.begin()),
                               std::make_move_iterator(items.end()));
    }
    state_->send();
}

void Recorder::flush() {
    state_->send();
}

std::size_t Recorder::pending() const {
    std::scoped_lock lock(state_->mutex);
    return state_->pending.size() + (state_->under_way ? 1 : 0);
}

bool Recorder::wait_empty(std::chrono::milliseconds limit) {
    std::unique_lock lock(state_->mutex);
    return state_->changed.wait_for(lock, limit, [&] { return state_->pending.empty() && !state_->under_way; });
}

}  // namespace tilsyn::schedule
