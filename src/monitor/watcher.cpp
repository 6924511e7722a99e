#include "monitor/watcher.hpp"

#include <algorithm>

namespace tilsyn::monitor {

Watcher::Step Watcher::take(Seen seen, Timestamp at) {
    while (!downs_.empty() && at - downs_.front() > flap_window) downs_.pop_front();
    const auto soon = std::min(rules_.every, rules_.retry_after);
    Step step;
    if (seen == state_) {
        candidate_.reset();
        streak_ = 0;
        step.next = seen == Seen::up ? rules_.every : soon;
        step.flapping = flapping_;
        return step;
    }
    if (candidate_ != seen) {
        candidate_ = seen;
        streak_ = 0;
        since_ = at;
    }
    ++streak_;
    const bool first_sight = !state_ && seen == Seen::up;  // nobody has said that it was down
    bool believed = first_sight || streak_ > rules_.retries;
    if (seen == Seen::up && flapping_) believed = believed && at - since_ >= flap_calm;
    if (!believed) {
        step.settled = false;
        step.next = soon;
        step.flapping = flapping_;
        return step;
    }
    state_ = seen;
    candidate_.reset();
    streak_ = 0;
    if (seen == Seen::down) {
        downs_.push_back(at);
        if (int(downs_.size()) >= flap_limit) flapping_ = true;
    } else if (seen == Seen::up) {
        flapping_ = false;  // it has stood for long enough
    }
    step.changed = true;
    step.next = seen == Seen::up ? rules_.every : soon;
    step.flapping = flapping_;
    return step;
}

}  // namespace tilsyn::monitor
