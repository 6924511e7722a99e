#include "monitor/closing.hpp"

#include <algorithm>
#include <set>

#include "crypto/hash.hpp"

namespace tilsyn::monitor {
namespace {

constexpr std::size_t hours_at_once = 250;  // about 25 ms in which nobody else writes
constexpr std::size_t targets_at_once = 100;

}  // namespace

Closing::Closing(log::Committer& committer, std::string node, Retention retention,
                 std::shared_ptr<const schedule::Plan> plan, std::int64_t up_to, Timestamp now,
                 std::vector<HourOf> hours, bool first, Post post, Report report)
    : committer_(committer),
      node_(std::move(node)),
      retention_(retention),
      plan_(std::move(plan)),
      up_to_(up_to),
      hours_(std::move(hours)),
      post_(std::move(post)),
      report_(std::move(report)) {
    std::ranges::sort(hours_, {}, [](const HourOf& hour) { return std::pair(hour.target, hour.hour); });
    for (const auto& hour : hours_)
        if (targets_.empty() || targets_.back() != hour.target) targets_.push_back(hour.target);
    days_ = days_over(now, first);
}

std::vector<Closing::Day> Closing::days_over(Timestamp now, bool yesterday_too) const {
    const auto& zone = plan_->calendar.zone();
    const auto today = std::chrono::sys_days(zone.local(now).date);
    std::set<std::chrono::sys_days> over;
    if (yesterday_too) over.insert(today - std::chrono::days(1));
    std::set<std::int64_t> seen;
    for (const auto& hour : hours_) {
        if (!seen.insert(hour.hour).second) continue;
        const auto day = std::chrono::sys_days(zone.local(from_micros(hour.hour * ms_an_hour * 1000)).date);
        if (day < today) over.insert(day);
    }
    std::vector<Day> days;
    for (const auto day : over) {
        auto from = to_micros(zone.utc_of({Date(day), std::chrono::seconds(0)})) / 1000 / ms_an_hour;
        auto to =
            to_micros(zone.utc_of({Date(day + std::chrono::days(1)), std::chrono::seconds(0)})) / 1000 / ms_an_hour;
        days.push_back({day.time_since_epoch().count(), from, to});
    }
    return days;
}

void Closing::submit(log::Committer::Change change, std::function<void()> then) {
    committer_.submit(
        [self = shared_from_this(), change = std::move(change)](log::WriteContext& context) -> Result<void> {
            TRY(const bool mine, holds_lease(context.db(), self->node_));
            if (!mine) return fail(Code::conflict, "monitor.lease-lost");
            return change(context);
        },
        [self = shared_from_this(), then = std::move(then)](Result<void> result) {
            self->post_([self, then, result = std::move(result)] {
                if (result) return then();
                if (self->report_) self->report_(result.error());
                self->done_ = true;
            });
        });
}

void Closing::step() {
    if (next_hour_ < hours_.size()) {
        const auto count = std::min(hours_at_once, hours_.size() - next_hour_);
        auto hashes = std::make_shared<std::vector<std::string>>();
        submit(
            [this, count, hashes](log::WriteContext& context) -> Result<void> {
                TRY(*hashes, write_hours(context.db(), std::span(hours_).subspan(next_hour_, count)));
                return {};
            },
            [this, count, hashes] {
                hashes_.insert(hashes_.end(), hashes->begin(), hashes->end());
                next_hour_ += count;
                step();
            });
    } else if (!sealed_) {
        submit([this](log::WriteContext& context) { return seal(context); },
               [this] {
                   sealed_ = true;
                   step();
               });
    } else if (next_day_ < days_.size()) {
        const auto count = std::min(targets_at_once, targets_.size() - next_target_);
        submit(
            [this, count](log::WriteContext& context) -> Result<void> {
                const auto some = std::span(targets_).subspan(next_target_, count);
                const auto& day = days_[next_day_];
                TRY_VOID(write_day(context.db(), some, day.number, day.from_hour, day.to_hour));
                return drop_old(context.db(), some, retention_, up_to_);
            },
            [this, count] {
                next_target_ += count;
                if (next_target_ >= targets_.size()) {
                    next_target_ = 0;
                    ++next_day_;
                }
                step();
            });
    } else {
        done_ = ok_ = true;
    }
}

Result<void> Closing::seal(log::WriteContext& context) const {
    std::string list;
    for (std::size_t i = 0; i < hours_.size(); ++i)
        list += std::to_string(hours_[i].target) + " " + std::to_string(hours_[i].hour) + " " + hashes_[i] + "\n";
    context.append(log::Entry("monitor.hour")
                       .time("until", from_micros((up_to_ + 1) * ms_an_hour * 1000))
                       .integer("count", std::int64_t(hours_.size()))
                       .text("sha256", crypto::hex(crypto::sha256(list)))
                       .text("src", node_));
    return forget_tail(context.db(), up_to_);
}

}  // namespace tilsyn::monitor
