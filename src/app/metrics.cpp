#include "app/metrics.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "findings/verdict.hpp"
#include "notify/outbox.hpp"

namespace tilsyn::app {
namespace {

constexpr auto read_deadline = std::chrono::seconds(5);

std::string number(double value) {
    if (std::nearbyint(value) == value && std::abs(value) < 9e15) return std::to_string(std::int64_t(value));
    return fmt::format("{}", value);
}

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\' || c == '"') out += '\\';
        if (c == '\n')
            out += "\\n";
        else
            out += c;
    }
    return out;
}

void of_state(Exposition& out, db::Connection& reader, const schedule::Plan& plan, Timestamp now, bool& up) {
    const auto verdicts = findings::verdicts(reader, plan.policy, now);
    if (!verdicts) {
        up = false;
        return;
    }
    std::map<findings::Verdict, std::int64_t> controls, subjects;
    Duration oldest{0};
    for (std::size_t i = 0; i < verdicts->size(); ++i) {
        const auto& verdict = (*verdicts)[i];
        ++controls[verdict.verdict];
        for (const auto& [which, count] : verdict.counts) subjects[which] += count;
        // People take their time; a machine check that waits long after it was due says that something is stuck.
        if (plan.mode(plan.policy.controls[i]) != policy::Mode::person && verdict.next_due)
            oldest = std::max(oldest, Duration(now - *verdict.next_due));
    }
    out.family("tilsyn_controls", "gauge", "Controls by verdict.");
    for (const auto verdict : findings::all_verdicts)
        out.sample({{"verdict", to_string(verdict)}}, double(controls[verdict]));
    out.family("tilsyn_subjects", "gauge", "Pairs of control and subject by verdict.");
    for (const auto verdict : findings::all_verdicts)
        out.sample({{"verdict", to_string(verdict)}}, double(subjects[verdict]));
    out.family("tilsyn_oldest_due_run_seconds", "gauge",
               "How long the machine check that has waited longest has been due.");
    out.sample({}, std::chrono::duration<double>(oldest).count());
    out.family("tilsyn_policy_info", "gauge", "The policy in force.");
    out.sample({{"id", plan.policy.id}, {"hash", plan.policy.hash}}, 1);
}

void of_findings(Exposition& out, db::Connection& reader, bool& up) {
    std::map<std::string, std::int64_t> open{{"low", 0}, {"medium", 0}, {"high", 0}, {"critical", 0}};
    const auto read = reader.each("SELECT severity, count(*) FROM findings WHERE closed_at IS NULL GROUP BY severity",
                                  {}, [&](const db::Row& row) -> Result<bool> {
                                      open[row.text(0)] = row.integer(1);
                                      return true;
                                  });
    if (!read) {
        up = false;
        return;
    }
    out.family("tilsyn_findings_open", "gauge", "Open findings by severity.");
    for (const auto& [severity, count] : open) out.sample({{"severity", severity}}, double(count));
}

void of_log(Exposition& out, db::Connection& reader, bool& up) {
    const auto row = reader.one("SELECT size FROM log_head WHERE id = 1");
    if (!row || !*row) {
        up = false;
        return;
    }
    out.family("tilsyn_log_entries", "gauge", "Entries in the control log.");
    out.sample({}, double((*row)->integer(0)));
}

void of_alerts(Exposition& out, db::Connection& reader, Timestamp now, bool& up) {
    const auto channels = notify::channel_states(reader);
    if (!channels) {
        up = false;
        return;
    }
    out.family("tilsyn_alerts_waiting", "gauge", "Notices that the receiver of a channel has not taken yet.");
    for (const auto& channel : *channels) out.sample({{"channel", channel.channel}}, double(channel.waiting));
    out.family("tilsyn_alerts_oldest_waiting_seconds", "gauge", "How long the oldest of them has waited.");
    for (const auto& channel : *channels)
        out.sample({{"channel", channel.channel}},
                   channel.waiting_since ? std::chrono::duration<double>(now - *channel.waiting_since).count() : 0);
}

void of_database(Exposition& out, App& app) {
    bool up = false;
    if (const auto lease = app.readers().get(Deadline::in(read_deadline))) {
        up = true;
        (*lease)->set_deadline(Deadline::in(read_deadline));
        if (const auto plan = app.plan()) of_state(out, **lease, *plan, app.clock().now(), up);
        if (up) of_findings(out, **lease, up);
        if (up) of_log(out, **lease, up);
        if (up) of_alerts(out, **lease, app.clock().now(), up);
        (*lease)->set_deadline(std::nullopt);
    }
    out.family("tilsyn_database_up", "gauge", "1 when the database answered these figures.");
    out.sample({}, up ? 1 : 0);
}

// A family of one sample without labels.
auto single(Exposition& out, std::string_view type) {
    return [&out, type](std::string_view name, std::string_view help, std::int64_t value) {
        out.family(name, type, help);
        out.sample({}, double(value));
    };
}

void of_engine(Exposition& out, const schedule::EngineStats& stats) {
    const auto counter = single(out, "counter");
    counter("tilsyn_runs_total", "Runs with a final outcome, by this process.", stats.runs);
    counter("tilsyn_attempts_total", "Attempts, retries included.", stats.attempts);
    counter("tilsyn_runs_missed_total", "Planned runs that nobody made, as this process found.", stats.missed);
    counter("tilsyn_runs_cut_off_total", "Checks given up because they did not come back.", stats.cut_off);
    counter("tilsyn_runs_interrupted_total", "Runs taken over from processes that died.", stats.interrupted);
    counter("tilsyn_record_failures_total", "Batches of outcomes that the database did not take at first.",
            stats.record_failures);
    counter("tilsyn_clock_steps_total", "Times that the clock of the system jumped.", stats.clock_steps);
    out.family("tilsyn_runs_in_flight", "gauge", "Runs claimed by this process and not yet recorded.");
    out.sample({}, double(stats.in_flight));

    out.family("tilsyn_run_lag_seconds", "histogram",
               "From the planned time of a run to its outcome safely in the log.");
    std::int64_t below = 0;
    for (std::size_t i = 0; i < stats.lag.size(); ++i) {
        below += stats.lag[i];
        const bool last = i + 1 == stats.lag.size();  // holds everything above, too
        out.sample("_bucket", {{"le", last ? "+Inf" : fmt::format("{}", double(std::int64_t{1} << i) / 1000)}},
                   double(below));
    }
    out.sample("_sum", {}, double(stats.lag_ms) / 1000);
    out.sample("_count", {}, double(below));
}

void of_watch(Exposition& out, const monitor::MonitorStats& stats) {
    const auto gauge = single(out, "gauge");
    gauge("tilsyn_watch_leading", "1 when it is this process that watches the services.", stats.leading);
    gauge("tilsyn_watch_targets", "Pairs of control and subject that are watched.", stats.targets);
    gauge("tilsyn_watch_probes_under_way", "Probes under way.", stats.asking);
    gauge("tilsyn_watch_probes_waiting", "Probes that wait because too many are under way.", stats.waiting);
    out.family("tilsyn_watch_results_total", "counter", "Results of probes, by what was seen.");
    out.sample({{"seen", "up"}}, double(stats.up));
    out.sample({{"seen", "down"}}, double(stats.down));
    out.sample({{"seen", "unmeasured"}}, double(stats.unmeasured));
    gauge("tilsyn_watch_results_pending", "Results that the database has not taken yet.", stats.pending);
    out.family("tilsyn_watch_results_lost_total", "counter", "Results given up because the database took none.");
    out.sample({}, double(stats.lost));
    out.family("tilsyn_watch_held_up_seconds", "gauge", "The worst delay of the watching thread in the last second.");
    out.sample({}, double(stats.late_ms) / 1000);
}

void of_server(Exposition& out, const http::Counters& counters) {
    out.family("tilsyn_http_requests_total", "counter", "Requests answered, by status.");
    for (const auto& [status, count] : counters.by_status)
        out.sample({{"status", std::to_string(status)}}, double(count));
    out.family("tilsyn_http_refused_total", "counter", "Connections and requests refused because a bound was reached.");
    out.sample({}, double(counters.refused));
    out.family("tilsyn_http_timed_out_total", "counter", "Connections closed because the other side was too slow.");
    out.sample({}, double(counters.timed_out));
    out.family("tilsyn_http_open_connections", "gauge", "Open connections.");
    out.sample({}, double(counters.open_connections));
}

void of_process(Exposition& out) {
    std::ifstream statm("/proc/self/statm");
    std::int64_t total = 0, resident = 0;
    if (statm >> total >> resident) {
        out.family("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.");
        out.sample({}, double(resident * ::sysconf(_SC_PAGESIZE)));
    }
    std::error_code error;
    std::int64_t open = 0;
    for (auto entry = std::filesystem::directory_iterator("/proc/self/fd", error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error))
        ++open;
    if (!error) {
        out.family("process_open_fds", "gauge", "Number of open file descriptors.");
        out.sample({}, double(open));
    }
    out.family("tilsyn_build_info", "gauge", "The version that runs.");
    out.sample({{"version", version}}, 1);
}

}  // namespace

void Exposition::family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void Exposition::sample(std::string_view suffix, Labels labels, double value) {
    text_ += name_;
    text_ += suffix;
    char before = '{';
    for (const auto& [label, content] : labels) {
        text_ += before;
        text_ += fmt::format("{}=\"{}\"", label, escaped(content));
        before = ',';
    }
    if (labels.size() > 0) text_ += '}';
    text_ += fmt::format(" {}\n", number(value));
}

std::string metrics(App& app, const Running& running) {
    Exposition out;
    of_database(out, app);
    if (running.engine != nullptr) of_engine(out, *running.engine);
    if (running.watch != nullptr) of_watch(out, *running.watch);
    if (running.server != nullptr) of_server(out, *running.server);
    of_process(out);
    return out.text();
}

}  // namespace tilsyn::app
