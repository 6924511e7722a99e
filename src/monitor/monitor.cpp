#include "monitor/monitor.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_map>
#include <unordered_set>

#include "monitor/closing.hpp"
#include "monitor/target.hpp"
#include "monitor/writer.hpp"
#include "net/loop.hpp"

namespace tilsyn::monitor {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto tick_every = milliseconds(100);
constexpr auto own_delay = milliseconds(250);  // a thread that is held up so long misses answers that came in time
constexpr auto clock_tolerance = milliseconds(5);
constexpr auto close_after = seconds(60);  // an hour is closed so long after its end: late answers belong to it
constexpr auto read_again = seconds(60);
constexpr auto close_again = seconds(10);  // after a failure

// A failure that only says that time passed: it may have passed here.
bool only_of_time(const net::Answer& answer, const checks::Judgement& judgement) {
    if (const auto* tcp = std::get_if<Result<net::TcpResult>>(&answer))
        if (*tcp && (*tcp)->state == net::TcpState::filtered) return true;
    const bool timeout =
        std::visit([](const auto& result) { return !result && result.error().code == Code::timeout; }, answer);
    return timeout || judgement.too_slow;
}

Duration took(const net::Answer& answer, Duration measured) {
    if (const auto* http = std::get_if<Result<net::HttpResult>>(&answer)) {
        if (*http) return (*http)->timings.total;
    } else if (const auto& tcp = std::get<Result<net::TcpResult>>(answer)) {
        return tcp->lookup + tcp->connect;
    }
    return measured;
}

}  // namespace

struct Monitor::Impl {
    log::Committer& committer;
    db::Pool& readers;
    checks::Environment environment;
    const Clock& clock;
    MonitorOptions options;
    Report report;

    // refresh()'s alone.
    std::map<std::pair<std::string, std::string>, TargetId> ids;
    bool leads = false;
    std::shared_ptr<const schedule::Plan> known_plan;
    std::int64_t known_changes = 0;
    Steady::time_point next_read{};

    // The loop's alone.
    std::unordered_map<TargetId, Target> targets;
    std::deque<TargetId> waiting;
    std::int64_t asking = 0;
    Timestamp anchor_wall{};
    Steady::time_point anchor{}, next_tick{}, next_second{}, held_to{}, next_close{};
    milliseconds worst{0};
    bool stopping = false;
    std::unique_ptr<Writer> writer;
    std::shared_ptr<Closing> closing;  // of the last hours, done or under way
    bool first_closing = true;
    std::vector<HourOf> left_hours;  // of targets that are no longer watched

    mutable std::mutex mutex;  // guards `shown` and `stopped`
    std::condition_variable changed;
    MonitorStats shown, counted;
    bool stopped = false;

    // What a commit has to say may come when this monitor is gone.
    struct Gate {
        std::mutex mutex;
        net::Loop* loop = nullptr;
    };
    std::shared_ptr<Gate> gate = std::make_shared<Gate>();

    net::Loop loop;  // last: its thread uses everything above

    Impl(log::Committer& c, db::Pool& r, checks::Environment e, const Clock& k, MonitorOptions o, Report p)
        : committer(c), readers(r), environment(std::move(e)), clock(k), options(std::move(o)), report(std::move(p)) {
        options.most_at_once = std::min(options.most_at_once, net::room_for_probes());
        environment.clock = &clock;
        gate->loop = &loop;
        writer = std::make_unique<Writer>(committer, options.node, options.most_pending, post(), report);
        loop.post([this] { begin(); });
    }
    ~Impl() {
        const std::scoped_lock lock(gate->mutex);
        gate->loop = nullptr;
    }
    Writer::Post post() const {
        return [g = gate](std::function<void()> work) {
            const std::scoped_lock lock(g->mutex);
            if (g->loop != nullptr) g->loop->post(std::move(work));
        };
    }

    // --- time ---
    Timestamp wall_of(Steady::time_point at) const {
        return anchor_wall + std::chrono::duration_cast<Duration>(at - anchor);
    }
    Steady::time_point steady_of(Timestamp at) const { return anchor + (at - anchor_wall); }

    void begin() {
        anchor = Steady::now();
        anchor_wall = clock.now();
        next_tick = next_second = anchor;
        tick();
    }

    void tick() {
        const auto now = Steady::now();
        const auto late = std::chrono::duration_cast<milliseconds>(now - next_tick);
        worst = std::max(worst, late);
        if (late > own_delay) held_to = now;
        writer->send(now, stopping);
        if (now >= next_second) {
            next_second = now + seconds(1);
            each_second(now);
        }
        next_tick = now + tick_every;
        if (stopping && !writer->busy()) {
            const std::scoped_lock lock(mutex);
            stopped = true;
            changed.notify_all();
            return;
        }
        loop.at(next_tick, [this] { tick(); });
    }

    // Was this thread held up at any time since `begun`?
    bool held_up_since(Steady::time_point begun) const {
        return held_to > begun || Steady::now() - next_tick > own_delay;
    }

    void each_second(Steady::time_point now) {
        // The wall clock is followed, whether it is slewed or set; SpanTracker sees a jump as time of which nothing is
        // known.
        const auto wall = clock.now();
        const auto apart = wall - wall_of(now);
        if (apart > clock_tolerance || apart < -clock_tolerance) {
            const bool set = apart > seconds(1) || apart < -seconds(1);
            anchor = now;
            anchor_wall = wall;
            if (set)
                for (auto& [id, target] : targets)
                    if (!target.asking) arm(target, target.next_turn(wall));
        }
        for (auto& [id, target] : targets)
            if (wall >= target.entry_due) tell(target, false);
        close_hours(wall, now);
        const std::scoped_lock lock(mutex);
        shown = counted;
        shown.targets = std::int64_t(targets.size());
        shown.asking = asking;
        shown.waiting = std::int64_t(waiting.size());
        shown.pending = writer->pending();
        shown.lost = writer->lost();
        shown.late_ms = std::exchange(worst, milliseconds(0)).count();
    }

    // --- asking ---
    void arm(Target& target, Timestamp when) {
        loop.at(steady_of(when), [this, id = target.id, turn = ++target.turn] {
            const auto found = targets.find(id);
            if (found == targets.end() || found->second.turn != turn || found->second.asking || stopping) return;
            if (asking >= std::int64_t(options.most_at_once))
                waiting.push_back(id);
            else
                ask(found->second);
        });
    }

    void ask(Target& target) {
        const auto begun = Steady::now();
        if (!target.probe) {
            take(target, begun, Seen::unmeasured, Duration(0), checks::not_measured(target.probe.error().message));
            return;
        }
        target.asking = true;
        ++asking;
        loop.start(*target.probe, Deadline(begun + target.control->timeout),
                   [this, id = target.id, begun, plan = target.plan, control = target.control, kind = target.kind,
                    probe = *target.probe](net::Answer answer) {
                       --asking;
                       answered(id, begun, *control, *kind, probe, answer);
                       ask_next();
                   });
    }

    void ask_next() {
        while (!waiting.empty() && asking < std::int64_t(options.most_at_once) && !stopping) {
            const auto found = targets.find(waiting.front());
            waiting.pop_front();
            if (found != targets.end() && !found->second.asking) ask(found->second);
        }
    }

    void answered(TargetId id, Steady::time_point begun, const policy::Control& control, const checks::Kind& kind,
                  const net::Probe& probe, const net::Answer& answer) {
        const auto found = targets.find(id);
        if (found == targets.end()) return;
        auto& target = found->second;
        target.asking = false;
        auto judgement = checks::judge_answer(kind, control, probe, answer, environment);
        auto seen = judgement.outcome == checks::Outcome::pass   ? Seen::up
                    : judgement.outcome == checks::Outcome::fail ? Seen::down
                                                                 : Seen::unmeasured;
        if (seen == Seen::down && only_of_time(answer, judgement) && held_up_since(begun)) {
            seen = Seen::unmeasured;
            judgement = checks::not_measured(msg("monitor.held-up"));
        }
        const auto measured = std::chrono::duration_cast<Duration>(Steady::now() - begun);
        take(target, begun, seen, took(answer, measured), std::move(judgement));
    }

    // A result: into the spans, the state, the tail, and if something changed into the control log.
    void take(Target& target, Steady::time_point begun, Seen seen, Duration took, checks::Judgement judgement) {
        const auto at = wall_of(begun);
        const auto now = wall_of(Steady::now());
        Sample sample{to_ms(at), seen, std::uint32_t(std::clamp<std::int64_t>(took.count() / 10, 0, 0xffff'ffff))};
        // An answer that came more than a minute into the next hour: its own has been closed.
        if (closing && hour_of(sample.at) <= closing->up_to()) sample.at = (closing->up_to() + 1) * ms_an_hour;
        counted.up += seen == Seen::up;
        counted.down += seen == Seen::down;
        counted.unmeasured += seen == Seen::unmeasured;
        target.hours[hour_of(sample.at)].add(sample);
        writer->add({target.id, sample});
        for (const auto& span : target.tracker.take(sample)) writer->add(SpanOf{target.id, span});
        const auto step = target.watcher.take(seen, at);
        ++target.looks;
        target.good += seen == Seen::up;
        if (step.flapping) judgement.details["flapping"] = true;
        if (target.watcher.state() == seen) target.said = std::move(judgement);
        if (step.changed) tell(target, true);
        const bool calm = step.settled && seen == Seen::up;
        arm(target, calm ? target.next_turn(std::max(at, now)) : std::max(now, at + step.next));
    }

    // The control log hears of it.
    void tell(Target& target, bool news) {
        if (!target.said) return;  // nothing has been seen yet that agrees with what the log says: soon
        const auto now = wall_of(Steady::now());
        target.entry_due = now + schedule::watched_entry_every;
        schedule::Outcome outcome{.control = target.control,
                                  .subject = target.subject.id,
                                  .planned = now,
                                  .observed = now,
                                  .judgement = *target.said,
                                  .node = options.node};
        auto& details = outcome.judgement.details;
        details["looks"] = {{"made", std::exchange(target.looks, 0)}, {"good", std::exchange(target.good, 0)}};
        if (const auto& open = target.tracker.open(); news && open)
            details["began"] = {{"after_ms", open->from_lo}, {"by_ms", open->from_hi}};
        writer->add({target.plan, std::move(outcome)});
    }

    // --- hours ---
    void close_hours(Timestamp wall, Steady::time_point now) {
        if (closing && !closing->done()) return;
        if (now < next_close) return;
        const auto up_to = hour_of(to_ms(wall - close_after)) - 1;
        if (closing && closing->ok()) {
            for (auto& [id, target] : targets)
                while (!target.hours.empty() && target.hours.begin()->first <= closing->up_to())
                    target.hours.erase(target.hours.begin());
            std::erase_if(left_hours, [&](const HourOf& hour) { return hour.hour <= closing->up_to(); });
            if (closing->up_to() >= up_to) return;
        } else if (closing) {  // again, from the start: nothing is added twice
            next_close = now + close_again;
            closing.reset();
            return;
        }
        std::vector<HourOf> due;
        for (const auto& hour : left_hours)
            if (hour.hour <= up_to) due.push_back(hour);
        std::shared_ptr<const schedule::Plan> plan;
        for (const auto& [id, target] : targets) {
            plan = target.plan;
            for (const auto& [hour, samples] : target.hours)
                if (hour <= up_to) due.push_back({id, hour, samples.bytes()});
        }
        if (due.empty() || !plan) return;
        closing = std::make_shared<Closing>(committer, options.node, options.retention, plan, up_to, wall,
                                            std::move(due), std::exchange(first_closing, false), post(), report);
        closing->start();
    }

    // --- what is watched ---
    struct News {
        std::shared_ptr<const schedule::Plan> plan;
        std::vector<schedule::Watched> watched;
        std::vector<TargetId> ids;
        std::optional<Recovered> recovered;  // when this process has just taken the lease
    };

    void adopt(News news) {
        if (stopping) return;
        if (news.recovered) {
            targets.clear();
            writer->begin(news.recovered->next_id);
            for (const auto& [key, samples] : news.recovered->hours)  // of what is no longer watched
                if (std::ranges::find(news.ids, key.first) == news.ids.end())
                    left_hours.push_back({key.first, key.second, samples.bytes()});
        }
        counted.leading = true;
        const auto now = wall_of(Steady::now());
        const Recovered none;
        std::unordered_set<TargetId> named;
        for (std::size_t i = 0; i < news.ids.size(); ++i) {
            const auto id = news.ids[i];
            named.insert(id);
            if (const auto found = targets.find(id); found != targets.end()) {
                const auto every = found->second.control->cadence.interval;
                renew(found->second, news.plan, news.watched[i]);
                if (!found->second.asking && every != found->second.control->cadence.interval)
                    arm(found->second, found->second.next_turn(now));
                continue;
            }
            auto target = make_target(id, news.plan, news.watched[i], news.recovered ? *news.recovered : none);
            auto& fresh = targets.emplace(id, std::move(target)).first->second;
            arm(fresh, fresh.next_turn(now));
        }
        for (auto it = targets.begin(); it != targets.end();) {
            if (named.contains(it->first)) {
                ++it;
                continue;
            }
            for (auto& [hour, samples] : it->second.hours) left_hours.push_back({it->first, hour, samples.bytes()});
            it = targets.erase(it);
        }
    }

    void lose() {
        targets.clear();
        waiting.clear();
        left_hours.clear();
        closing.reset();
        writer->drop();
        counted.leading = false;
    }
};

Monitor::Monitor(log::Committer& committer, db::Pool& readers, checks::Environment environment, const Clock& clock,
                 MonitorOptions options, Report report)
    : impl_(std::make_unique<Impl>(committer, readers, std::move(environment), clock, std::move(options),
                                   std::move(report))) {}

Monitor::~Monitor() {
    stop();
}

Result<void> Monitor::refresh(std::shared_ptr<const schedule::Plan> plan) {
    auto& impl = *impl_;
    if (!plan) return {};
    bool mine = false;
    {
        TRY(const auto reader, impl.readers.get());
        TRY(mine, holds_lease(*reader, impl.options.node));
    }
    if (!mine)
        TRY_VOID(impl.committer.write([&](log::WriteContext& context) -> Result<void> {
            TRY(mine, take_lease(context.db(), impl.options.node));
            return {};
        }));
    if (!mine) {
        if (std::exchange(impl.leads, false)) impl.loop.post([this] { impl_->lose(); });
        return {};
    }
    Impl::News news{plan, {}, {}, {}};
    std::int64_t changes = 0;
    {
        TRY(const auto reader, impl.readers.get());
        // The rows are read again when a register has changed; and now and then all the same.
        TRY(const auto row, reader->one("SELECT coalesce(max(sequence), 0) FROM register_change"));
        changes = row ? row->integer(0) : 0;
        const bool same = impl.leads && plan == impl.known_plan && changes == impl.known_changes;
        if (same && Steady::now() < impl.next_read) return {};
        TRY(news.watched, schedule::watched(*reader, *plan));
        if (!impl.leads) {
            TRY(news.recovered, recover(*reader));
        }
    }
    std::vector<std::pair<std::string, std::string>> fresh;
    std::vector<std::int64_t> since;  // the end of its first turn: by then it has been asked once
    for (const auto& watched : news.watched) {
        if (impl.ids.contains({watched.control->id, watched.subject.id})) continue;
        fresh.emplace_back(watched.control->id, watched.subject.id);
        since.push_back(to_ms(impl.clock.now() + watched.control->cadence.interval));
    }
    if (!fresh.empty()) {
        std::vector<TargetId> ids;
        TRY_VOID(impl.committer.write([&](log::WriteContext& context) -> Result<void> {
            TRY(ids, target_ids(context.db(), fresh, since));
            return {};
        }));
        for (std::size_t i = 0; i < fresh.size(); ++i) impl.ids[fresh[i]] = ids[i];
    }
    for (const auto& watched : news.watched) news.ids.push_back(impl.ids[{watched.control->id, watched.subject.id}]);
    impl.leads = true;
    impl.known_plan = plan;
    impl.known_changes = changes;
    impl.next_read = Steady::now() + read_again;
    impl.loop.post(
        [this, shared = std::make_shared<Impl::News>(std::move(news))] { impl_->adopt(std::move(*shared)); });
    return {};
}

void Monitor::stop(milliseconds limit) {
    auto& impl = *impl_;
    impl.loop.post([this] { impl_->stopping = true; });
    std::unique_lock lock(impl.mutex);
    impl.changed.wait_for(lock, limit, [&] { return impl.stopped; });
}

MonitorStats Monitor::stats() const {
    const std::scoped_lock lock(impl_->mutex);
    return impl_->shown;
}

}  // namespace tilsyn::monitor
