#include "schedule/engine.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <queue>
#include <unordered_set>

#include "base/random.hpp"
#include "schedule/nodes.hpp"
#include "schedule/recorder.hpp"
#include "schedule/subject_rows.hpp"
#include "schedule/workers.hpp"

namespace tilsyn::schedule {
namespace {

using Steady = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr auto sweep_every = std::chrono::seconds(1);
constexpr auto look_again = milliseconds(500);  // for due runs that another process has made
constexpr auto clock_tolerance = std::chrono::seconds(2);
constexpr std::int64_t claim_limit = 4'000;   // claims in hand for one kind, at most
constexpr double claim_ahead_seconds = 0.25;  // as many claims ahead as workers do in this time

std::string key_of(std::string_view control, std::string_view subject) {
    return std::string(control) + '\n' + std::string(subject);
}

// One run of a check: all the subjects of a batch control, or one subject.
struct Run {
    std::shared_ptr<const Plan> plan;
    const policy::Control* control = nullptr;
    const checks::Kind* kind = nullptr;
    std::vector<checks::Subject> subjects;
    std::vector<Claim> claims;
    std::uint64_t generation = 0;  // of this node, when it was claimed
    int attempt = 1;
};

struct Retry {
    Steady::time_point at;
    std::shared_ptr<Run> run;
    bool operator<(const Retry& other) const { return at > other.at; }  // the soonest on top
};

}  // namespace

struct Engine::Impl {
    log::Committer& committer;
    db::Pool& readers;
    checks::Environment environment;
    const Clock& clock;
    EngineOptions options;
    Report report;
    Nodes nodes{"node-" + random_id().substr(0, 10)};
    std::unique_ptr<Recorder> recorder;

    mutable std::mutex mutex;  // guards what follows
    std::condition_variable changed;
    std::shared_ptr<const Plan> plan;
    bool stopping = false, woken = false;
    std::map<std::string, std::int64_t> in_hand;  // claims by kind
    std::unordered_set<std::string> held;         // the same claims one by one: key_of(control, subject)
    bool doubtful = false;                        // the database may hold claims of ours that are not in `held`
    std::map<std::string, double> seconds_a_run;  // moving average by kind
    std::priority_queue<Retry> retries;
    EngineStats stats;

    // The dispatcher's alone.
    Steady::time_point next_sweep{}, next_beat{};
    std::optional<std::pair<Timestamp, Steady::time_point>> clock_mark;
    std::thread thread;
    bool joined = false;
    bool probes_only = false;
    Workers workers;  // last: its threads use everything above until they are joined

    Impl(log::Committer& c, db::Pool& r, checks::Environment e, const Clock& k, EngineOptions o, Report p)
        : committer(c),
          readers(r),
          environment(std::move(e)),
          clock(k),
          options(std::move(o)),
          report(std::move(p)),
          workers(options.threads, options.per_subject) {
        environment.clock = &clock;
        environment.readers = &readers;
        recorder = std::make_unique<Recorder>(
            committer, nodes, [this](std::span<const Recorder::Item> items) { on_recorded(items); },
            [this](const Error& error, std::size_t dropped) { on_record_failure(error, dropped); });
    }

    void tell(const Error& error) const {
        if (report) report(error);
    }
    std::shared_ptr<const Plan> current_plan() const {
        std::scoped_lock lock(mutex);
        return plan;
    }

    void on_recorded(std::span<const Recorder::Item> items) {
        const auto now = clock.now();
        std::scoped_lock lock(mutex);
        for (const auto& item : items) {
            if (item.generation != nodes.generation()) continue;  // of an earlier life: others have run it
            ++stats.attempts;
            if (!item.outcome.final) continue;
            ++stats.runs;
            if (held.erase(key_of(item.outcome.control->id, item.outcome.subject)) > 0)
                --in_hand[item.outcome.control->kind];
            const auto lag = std::chrono::duration_cast<milliseconds>(now - item.outcome.planned).count();
            std::size_t bucket = 0;
            while (bucket + 1 < stats.lag.size() && (std::int64_t{1} << bucket) <= lag) ++bucket;
            ++stats.lag[bucket];
            stats.lag_ms += std::max<std::int64_t>(0, lag);
        }
        woken = true;
        changed.notify_all();
    }

    void on_record_failure(const Error& error, std::size_t dropped) {
        tell(error);
        std::scoped_lock lock(mutex);
        ++stats.record_failures;
        if (dropped > 0) {  // declared dead: nothing that was claimed is ours any more
            in_hand.clear();
            held.clear();
        }
        changed.notify_all();
    }

    // --- running one check ------------------------------------------------------------------------------------------
    void carry_out(const std::shared_ptr<Run>& run, const std::shared_ptr<std::atomic<bool>>& live) {
        const auto begun = Steady::now();
        const checks::CollectRequest request{
            run->control, run->subjects,       run->claims.front().planned, Deadline(begun + run->control->timeout),
            &environment, &run->plan->calendar};
        auto judgements = checks::run(*run->kind, request);
        if (!live->load()) return;  // cut off in the meantime: that has been logged
        {
            std::scoped_lock lock(mutex);
            auto& average = seconds_a_run[run->control->kind];
            const double took =
                std::chrono::duration<double>(Steady::now() - begun).count() / double(run->subjects.size());
            average = average == 0 ? took : 0.9 * average + 0.1 * took;
        }
        finish(run, std::move(judgements));
    }

    void finish(const std::shared_ptr<Run>& run, std::vector<checks::Judgement> judgements) {
        const auto now = clock.now();
        std::vector<Recorder::Item> items;
        auto again = std::make_shared<Run>(*run);
        again->subjects.clear();
        again->claims.clear();
        ++again->attempt;
        for (std::size_t i = 0; i < run->claims.size(); ++i) {
            const auto& claim = run->claims[i];
            const auto outcome = judgements[i].outcome;
            const bool retry = run->attempt <= run->control->retries &&
                               (outcome == checks::Outcome::fail || outcome == checks::Outcome::unknown);
            Outcome item{run->control,
                         claim.subject,
                         claim.planned,
                         now,
                         std::move(judgements[i]),
                         claim.attempt - 1 + run->attempt,
                         !retry,
                         0,
                         {},
                         nodes.self()};
            const auto interval = run->control->cadence.interval;
            if (!retry && run->control->cadence.form == policy::Cadence::Form::interval && interval.count() > 0 &&
                now > claim.planned)
                item.skipped = (now - claim.planned) / interval;
            items.push_back({std::move(item), run->plan, run->generation});
            if (retry) {
                again->subjects.push_back(run->subjects[i]);
                again->claims.push_back(claim);
            }
        }
        recorder->add(std::move(items));
        if (again->claims.empty()) return;
        std::scoped_lock lock(mutex);
        retries.push({Steady::now() + run->control->retry_after, std::move(again)});
        changed.notify_all();
    }

    void dispatch(const std::shared_ptr<Run>& run) {
        Workers::Task task;
        task.kind = run->control->kind;
        task.subject =
            run->subjects.size() == 1 && run->subjects[0].id != company ? run->subjects[0].id : std::string();
        task.kind_limit = run->kind->spec->max_concurrent;
        task.timeout = std::chrono::duration_cast<milliseconds>(run->control->timeout);
        task.run = [this, run, live = task.live] { carry_out(run, live); };
        task.given_up = [this, run] {
            {
                std::scoped_lock lock(mutex);
                ++stats.cut_off;
            }
            checks::Judgement judgement;
            judgement.outcome = checks::Outcome::unknown;
            judgement.why = msg("schedule.cut-off", {{"timeout", format_duration(run->control->timeout)}});
            finish(run, std::vector<checks::Judgement>(run->claims.size(), judgement));
        };
        workers.add(std::move(task));
    }

    // --- one round of the dispatcher ---
    Result<void> watch_clock() {
        const auto wall = clock.now();
        const auto steady = clock.steady();
        const auto mark = std::exchange(clock_mark, std::pair(wall, steady));
        if (!mark) return {};
        const auto step = (wall - mark->first) - std::chrono::duration_cast<Duration>(steady - mark->second);
        if (step < clock_tolerance && step > -clock_tolerance) return {};
        {
            std::scoped_lock lock(mutex);
            ++stats.clock_steps;
        }
        tell(fail(Code::conflict, "schedule.clock-step", {{"step", format_duration(step)}}).error);
        return committer.write([&](log::WriteContext& context) -> Result<void> {
            context.append(log::Entry("clock.step")
                               .text("src", nodes.self())
                               .integer("ms", std::chrono::duration_cast<milliseconds>(step).count()));
            return {};
        });
    }

    Result<void> beat() {
        if (Steady::now() < next_beat) return {};
        next_beat = Steady::now() + options.heartbeat;
        auto alive = committer.write([&](log::WriteContext& context) { return nodes.beat(context); });
        if (!alive && alive.error().code == Code::conflict) {
            tell(alive.error());
            {
                const std::scoped_lock lock(mutex);  // nothing that was claimed is ours any more
                in_hand.clear();
                held.clear();
            }
            alive = committer.write([&](log::WriteContext& context) { return nodes.join(context, options.version); });
        }
        TRY_VOID(std::move(alive));
        return take_over();
    }

    Result<void> take_over() {
        std::vector<std::string> dead;
        {
            TRY(const auto reader, readers.get());
            TRY(dead, nodes.dead(*reader, Steady::now(), options.dead_after));
        }
        const auto now_plan = current_plan();
        if (!now_plan) return {};
        for (const auto& node : dead) {
            std::int64_t released = 0;
            TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
                TRY(released, release_dead_node(context, *now_plan, node));
                return {};
            }));
            std::scoped_lock lock(mutex);
            stats.interrupted += released;
        }
        return {};
    }

    Result<void> sweep_missed(const Plan& now_plan) {
        if (Steady::now() < next_sweep) return {};
        next_sweep = Steady::now() + sweep_every;
        for (;;) {
            bool any = false;
            {
                TRY(const auto reader, readers.get());
                TRY(const auto row,
                    reader->one("SELECT 1 FROM subject_state WHERE state <> 1 AND deadline_at < ? LIMIT 1",
                                {to_micros(clock.now())}));
                any = row.has_value();
            }
            if (!any) return {};
            std::int64_t missed = 0;
            TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
                TRY(missed, record_missed(context, now_plan));
                return {};
            }));
            std::scoped_lock lock(mutex);
            stats.missed += missed;
            if (missed == 0) return {};
        }
    }

    std::int64_t room_for(const checks::Kind& kind) {
        std::scoped_lock lock(mutex);
        const double average = seconds_a_run[kind.spec->name];
        const auto limit = kind.spec->max_concurrent;
        const double ahead = average <= 0 ? limit : limit * std::max(1.0, claim_ahead_seconds / average);
        const auto target = kind.spec->mode == policy::Mode::batch
                                ? claim_limit
                                : std::clamp(std::int64_t(ahead), std::int64_t(limit), claim_limit);
        return target - in_hand[kind.spec->name];
    }

    void doubt() {
        const std::scoped_lock lock(mutex);
        doubtful = true;
    }

    // A claim may be durable without this process knowing: the answer to its COMMIT was lost with the connection, or
    // what had to be read after it could not be. Nobody would ever run it, since its node lives. It goes back.
    Result<void> settle() {
        std::unordered_set<std::string> mine;
        {
            const std::scoped_lock lock(mutex);
            if (!doubtful) return {};
            mine = held;  // before the database is read: what is recorded in the meantime is in neither
        }
        std::vector<Claim> lost;
        {
            TRY(const auto reader, readers.get());
            TRY_VOID(reader->each("SELECT control, subject, planned_at FROM subject_state WHERE state = 1 AND node = ?",
                                  std::array<db::Value, 1>{nodes.self()}, [&](const db::Row& row) -> Result<bool> {
                                      if (!mine.contains(key_of(row.text(0), row.text(1))))
                                          lost.push_back({row.text(0), row.text(1), row.time(2), 1});
                                      return true;
                                  }));
        }
        if (!lost.empty())
            TRY_VOID(
                committer.write([&](log::WriteContext& context) { return hand_back(context, nodes.self(), lost); }));
        const std::scoped_lock lock(mutex);
        doubtful = false;
        return {};
    }

    // Claims what is due of one kind and hands it to the workers. Returns when the kind's next run is due, if it has
    // one.
    Result<std::optional<Timestamp>> claim_due(const std::shared_ptr<const Plan>& now_plan, const checks::Kind& kind,
                                               bool& claimed) {
        std::optional<Timestamp> next;
        {
            TRY(const auto reader, readers.get());
            TRY(const auto row,
                reader->one(
                    "SELECT planned_at FROM subject_state WHERE kind = ? AND state = 0 ORDER BY planned_at LIMIT 1",
                    {kind.spec->name}));
            if (!row) return next;
            next = row->time(0);
        }
        const auto room = room_for(kind);
        if (*next > clock.now() || room <= 0) return next;
        std::vector<Claim> claims;
        std::uint64_t generation = 0;
        int tries = 0;  // a batch is run again after a lost connection, and may have been committed all the same
        const auto written = committer.write([&](log::WriteContext& context) -> Result<void> {
            ++tries;
            TRY_VOID(nodes.still_a_member(context.db()));
            TRY(claims, claim(context, kind.spec->name, nodes.self(), clock.now(), room));
            generation = nodes.generation();
            return {};
        });
        if (!written || tries > 1) doubt();
        TRY_VOID(written);
        if (claims.empty()) return next;
        claimed = true;
        auto rows = [&]() -> Result<std::map<std::string, registers::Fields>> {
            TRY(const auto reader, readers.get());
            return load_rows(*reader, claims);
        }();
        if (!rows) {
            doubt();  // settle() gives them back
            return std::unexpected(std::move(rows).error());
        }
        {
            std::scoped_lock lock(mutex);
            in_hand[kind.spec->name] += std::int64_t(claims.size());
            for (const auto& claim : claims) held.insert(key_of(claim.control, claim.subject));
        }
        std::map<std::pair<std::string, Timestamp>, std::shared_ptr<Run>> batches;
        std::vector<Claim> unknown;
        for (auto& claim : claims) {
            const auto* control = now_plan->control(claim.control);
            if (control == nullptr) {
                unknown.push_back(std::move(claim));
                continue;
            }
            checks::Subject subject{claim.subject, (*rows)[claim.subject]};  // a copy: other controls look at it, too
            const bool batch = kind.spec->mode == policy::Mode::batch;
            auto& run = batch ? batches[{control->id, claim.planned}]
                              : batches[{claim.control + "\n" + claim.subject, claim.planned}];
            if (!run) run = std::make_shared<Run>(Run{now_plan, control, &kind, {}, {}, generation, 1});
            run->subjects.push_back(std::move(subject));
            run->claims.push_back(std::move(claim));
        }
        for (const auto& [key, run] : batches) dispatch(run);
        if (!unknown.empty()) {  // of a policy that this node has not loaded yet
            TRY_VOID(give_back(kind.spec->name, unknown));
        }
        return next;
    }

    Result<void> give_back(const std::string& kind, const std::vector<Claim>& claims) {
        {
            std::scoped_lock lock(mutex);
            for (const auto& claim : claims)
                if (held.erase(key_of(claim.control, claim.subject)) > 0) --in_hand[kind];
        }
        auto given =
            committer.write([&](log::WriteContext& context) { return hand_back(context, nodes.self(), claims); });
        if (!given) doubt();
        return given;
    }

    void run_retries() {
        std::vector<std::shared_ptr<Run>> ready;
        {
            std::scoped_lock lock(mutex);
            while (!retries.empty() && retries.top().at <= Steady::now()) {
                ready.push_back(retries.top().run);
                retries.pop();
            }
        }
        for (const auto& run : ready) dispatch(run);
    }

    struct Round {
        bool claimed = false;
        Duration wait{look_again};
    };
    Result<Round> round() {
        const auto now_plan = current_plan();
        Round result;
        TRY_VOID(watch_clock());
        TRY_VOID(beat());
        TRY_VOID(settle());
        recorder->flush();
        const int lost = workers.sweep(std::chrono::duration_cast<milliseconds>(options.cut_off_after));
        if (lost > options.cut_off_limit)
            return fail(Code::internal, "schedule.too-many-hung", {{"count", std::to_string(lost)}});
        run_retries();
        if (!now_plan) return result;
        TRY_VOID(sweep_missed(*now_plan));
        for (const auto& kind : now_plan->kinds) {
            if (!kind.by_machine() || (probes_only && kind.spec->mode == policy::Mode::batch)) continue;
            TRY(const auto next, claim_due(now_plan, kind, result.claimed));
            if (next) result.wait = std::clamp(Duration(*next - clock.now()), Duration(milliseconds(2)), result.wait);
        }
        std::scoped_lock lock(mutex);
        if (!retries.empty())
            result.wait = std::clamp(std::chrono::duration_cast<Duration>(retries.top().at - Steady::now()),
                                     Duration(0), result.wait);
        return result;
    }

    bool idle() {
        std::scoped_lock lock(mutex);
        return retries.empty() && workers.waiting() == 0 && workers.running() == 0 && recorder->pending() == 0;
    }

    void loop() {
        for (;;) {
            auto result = round();
            Duration wait = look_again;
            if (result)
                wait = result->wait;
            else
                tell(result.error());
            std::unique_lock lock(mutex);
            if (stopping) return;
            // Workers that are full are woken by on_recorded; a due run that nobody has room for needs no spinning.
            changed.wait_for(lock, wait, [&] { return stopping || woken; });
            woken = false;
            if (stopping) return;
        }
    }
};

Engine::Engine(log::Committer& committer, db::Pool& readers, checks::Environment environment, const Clock& clock,
               EngineOptions options, Report report)
    : impl_(std::make_unique<Impl>(committer, readers, std::move(environment), clock, std::move(options),
                                   std::move(report))) {}

Engine::~Engine() {
    if (impl_->joined) stop(std::chrono::seconds(5));
}

void Engine::set_plan(std::shared_ptr<const Plan> plan) {
    {
        std::scoped_lock lock(impl_->mutex);
        impl_->plan = std::move(plan);
    }
    wake();
}

std::shared_ptr<const Plan> Engine::plan() const {
    return impl_->current_plan();
}

void Engine::wake() {
    std::scoped_lock lock(impl_->mutex);
    impl_->woken = true;
    impl_->changed.notify_all();
}

const std::string& Engine::node() const {
    return impl_->nodes.self();
}

EngineStats Engine::stats() const {
    std::scoped_lock lock(impl_->mutex);
    auto stats = impl_->stats;
    for (const auto& [kind, count] : impl_->in_hand) stats.in_flight += count;
    return stats;
}

Result<void> Engine::join() {
    TRY_VOID(impl_->committer.write(
        [&](log::WriteContext& context) { return impl_->nodes.join(context, impl_->options.version); }));
    impl_->joined = true;
    impl_->next_beat = Steady::now() + impl_->options.heartbeat;
    return impl_->take_over();
}

Result<void> Engine::run_due(Deadline deadline, const std::function<void(std::int64_t, std::int64_t)>& progress) {
    if (const auto now_plan = plan())
        TRY_VOID(
            impl_->committer.write([&](log::WriteContext& context) { return release_watched(context, *now_plan); }));
    // Rules over observations come after the probes that make them: on the first day they would otherwise find nothing.
    for (const bool probes_only : {true, false}) {
        impl_->probes_only = probes_only;
        for (;;) {
            auto round = impl_->round();
            // Something may have fallen due while the last outcomes were written: done is only what two rounds agree
            // on.
            if (round && !round->claimed && impl_->idle()) round = impl_->round();
            if (!round) {
                impl_->probes_only = false;
                return std::unexpected(std::move(round).error());
            }
            if (!round->claimed && impl_->idle()) break;
            if (deadline.passed()) {
                impl_->probes_only = false;
                return fail(Code::timeout, "schedule.not-done-in-time");
            }
            if (progress) {
                const auto now = stats();
                progress(now.runs, now.runs + now.in_flight);
            }
            std::unique_lock lock(impl_->mutex);
            impl_->changed.wait_for(lock, milliseconds(round->claimed ? 2 : 50), [&] { return impl_->woken; });
            impl_->woken = false;
        }
    }
    return {};
}

void Engine::start() {
    impl_->thread = std::thread([impl = impl_.get()] { impl->loop(); });
}

void Engine::stop(milliseconds drain) {
    {
        std::scoped_lock lock(impl_->mutex);
        impl_->stopping = true;
        impl_->changed.notify_all();
    }
    if (impl_->thread.joinable()) impl_->thread.join();
    std::vector<Workers::Task> not_begun;
    if (!impl_->workers.stop(drain, not_begun)) impl_->tell(fail(Code::timeout, "schedule.not-drained").error);
    impl_->recorder->wait_empty(drain);
    // What was claimed and has no outcome goes back: due again, at once, for whoever comes next.
    auto left = impl_->committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "UPDATE subject_state SET state = 0, node = NULL, attempt = attempt - 1 WHERE state = 1 AND node = ?",
            {impl_->nodes.self()}));
        return impl_->nodes.leave(context);
    });
    if (!left) impl_->tell(left.error());
    impl_->joined = false;
}

}  // namespace tilsyn::schedule
