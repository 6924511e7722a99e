#include "monitor/spans.hpp"

#include <utility>

namespace tilsyn::monitor {

void SpanTracker::close(std::vector<Span>& out, std::int64_t lo, std::int64_t hi) {
    auto span = *std::exchange(open_, std::nullopt);
    span.to_lo = lo;
    span.to_hi = hi;
    span.open = false;
    out.push_back(span);
}

void SpanTracker::begin(std::vector<Span>& out, Seen state, std::int64_t lo, std::int64_t hi) {
    open_ = Span{state, lo, hi, hi, hi, true};
    out.push_back(*open_);
}

std::vector<Span> SpanTracker::take(const Sample& sample) {
    std::vector<Span> out;
    const auto now = sample.at;
    const auto before = std::exchange(last_, sample);
    if (!before || now < before->at) {  // the first, or the clock went back: what is open has no end that we know
        if (open_) close(out, open_->to_lo, open_->to_hi);
        if (sample.seen != Seen::up) begin(out, sample.seen, now, now);
        return out;
    }
    if (now - before->at > longest_gap_) {
        const bool unmeasured_before = open_ && open_->state == Seen::unmeasured;
        if (open_ && !unmeasured_before) close(out, before->at, before->at);
        if (!open_) begin(out, Seen::unmeasured, before->at, before->at);
        if (sample.seen == Seen::unmeasured) return out;
        close(out, now, now);
        if (sample.seen == Seen::down) begin(out, Seen::down, now, now);
        return out;
    }
    if (sample.seen == before->seen) {
        if (open_) open_->to_lo = open_->to_hi = now;
        return out;
    }
    // From the last that was measured to the first that is again, nothing is known.
    if (sample.seen == Seen::unmeasured) {
        if (open_) close(out, before->at, before->at);
        begin(out, Seen::unmeasured, before->at, before->at);
        return out;
    }
    if (before->seen == Seen::unmeasured) {
        if (open_) close(out, now, now);
        if (sample.seen == Seen::down) begin(out, Seen::down, now, now);
        return out;
    }
    if (sample.seen == Seen::down)
        begin(out, Seen::down, before->at, now);
    else if (open_)
        close(out, before->at, now);
    return out;
}

}  // namespace tilsyn::monitor
