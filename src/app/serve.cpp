#include "app/serve.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "app/api.hpp"
#include "app/api_auth.hpp"
#include "app/attester.hpp"
#include "app/backups.hpp"
#include "app/logging.hpp"
#include "app/messenger.hpp"
#include "app/metrics.hpp"
#include "app/notary.hpp"
#include "app/serve_log.hpp"
#include "app/serve_notify.hpp"
#include "log/store/verify.hpp"
#include "monitor/monitor.hpp"

namespace tilsyn::app {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Steady = std::chrono::steady_clock;

constexpr auto tick = milliseconds(500);
constexpr auto reload_every = seconds(2);  // a policy that another process has applied is taken up
constexpr auto sign_every = seconds(5);
constexpr auto attest_every = seconds(10);
constexpr auto alerts_every = seconds(1);
constexpr auto watch_every = seconds(3);  // what is to be watched is looked up, and the lease kept
constexpr auto backups_every = seconds(30);
constexpr auto first_attesting = seconds(30);  // a witness that does not answer must not keep us from signing
constexpr auto heartbeat_every = std::chrono::hours(1);
constexpr auto engine_is_late = seconds(30);  // its own heartbeat is every 5 s

sigset_t stop_signals() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    return set;
}

// What threads of the engine and the server share with the service's own. Outlives the call of serve(), because the
// engine does.
struct Shared {
    std::atomic<bool> hung = false;
    std::atomic<bool> log_verified = true;  // App::open has looked
    std::mutex mutex;
    std::unique_ptr<http::Server> server;  // guarded by mutex: requests may come before start() has returned
};

bool engine_alive(App& app, const std::string& node) {
    const auto lease = app.readers().get(Deadline::in(seconds(1)));
    if (!lease) return false;
    const auto row = (*lease)->one("SELECT heartbeat_at FROM schedule_node WHERE node = ?", {node});
    return row && *row && app.clock().now() - (*row)->time(0) < engine_is_late;
}

// What is done every now and then. Never fails the service: what went wrong is logged, and tried again.
class Chores {
  public:
    Chores(App& app, std::string node, std::shared_ptr<Shared> shared, monitor::Monitor& watch)
        : app_(&app),
          watch_(&watch),
          node_(std::move(node)),
          shared_(std::move(shared)),
          next_reload_(app.clock().steady() + reload_every),
          next_heartbeat_(app.clock().steady() + heartbeat_every) {}

    void run() {
        const auto now = app_->clock().steady();
        if (now >= next_reload_) {
            reload();
            next_reload_ = now + reload_every;
        }
        if (now >= next_watch_) {
            const auto watched = watch_->refresh(app_->plan());
            troubles_.tell("monitor.refresh", watched ? nullptr : &watched.error());
            next_watch_ = now + watch_every;
        }
        if (now >= next_heartbeat_) {
            heartbeat();
            next_heartbeat_ = now + heartbeat_every;
        }
    }

  private:
    void reload() {
        const auto reloaded = app_->reload_policy();
        if (reloaded && *reloaded) log_event(Level::info, "policy.reloaded", {{"hash", app_->plan()->policy.hash}});
        troubles_.tell("policy.reload", reloaded ? nullptr : &reloaded.error());
    }

    void heartbeat() {
        if (const auto lease = app_->readers().get()) {
            const auto verified = log::verify_tail(**lease);
            if (!verified) log_error("log.verify", verified.error());
            // A database that does not answer has not been tampered with.
            shared_->log_verified = verified || verified.error().code != Code::corrupt;
        }
        const auto written = app_->committer().write([this](log::WriteContext& context) -> Result<void> {
            context.append(log::Entry("heartbeat").text("src", node_));
            return {};
        });
        if (!written) log_error("heartbeat", written.error());
    }

    App* app_;
    monitor::Monitor* watch_;
    std::string node_;
    std::shared_ptr<Shared> shared_;
    Steady::time_point next_reload_, next_heartbeat_, next_watch_{};
    Troubles troubles_;
};

bool on_loopback(const std::string& address) {
    return address.starts_with("127.") || address == "::1";
}

ServiceHooks hooks_for(App& app, schedule::Engine& engine, const monitor::Monitor& watch,
                       const std::shared_ptr<Shared>& shared, KeyCheck& keys, const std::shared_ptr<JobBoard>& board,
                       const ServeOptions& options) {
    ServiceHooks hooks;
    hooks.metrics_public = on_loopback(options.address);
    hooks.metrics = [&app, &engine, &watch, shared] {
        const auto stats = engine.stats();
        const auto watched = watch.stats();
        http::Counters counters;
        {
            const std::scoped_lock lock(shared->mutex);
            if (shared->server) counters = shared->server->counters();
        }
        return metrics(app, {&stats, &counters, &watched});
    };
    hooks.log_verified = [shared] { return shared->log_verified.load(); };
    hooks.engine_alive = [&app, &engine, shared] { return !shared->hung && engine_alive(app, engine.node()); };
    hooks.wake = [&engine] { engine.wake(); };
    hooks.backup_running = [&app, board] { return board->now(app.clock()); };
    hooks.keys_changed = [&keys] { keys.forget(); };
    return hooks;
}

}  // namespace

Result<std::unique_ptr<StopSignal>> StopSignal::create() {
    std::unique_ptr<StopSignal> signal(new StopSignal);
    const auto set = stop_signals();
    if (pthread_sigmask(SIG_BLOCK, &set, nullptr) != 0)
        return fail(Code::io, "api.no-signals").detail(std::strerror(errno));
    signal->signals_ = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    signal->wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (signal->signals_ < 0 || signal->wake_ < 0) return fail(Code::io, "api.no-signals").detail(std::strerror(errno));
    return signal;
}

StopSignal::~StopSignal() {
    if (signals_ >= 0) ::close(signals_);
    if (wake_ >= 0) ::close(wake_);
    const auto set = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

bool StopSignal::wait(milliseconds limit) {
    if (requested_) return true;
    pollfd watched[] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(watched, 2, int(limit.count())) > 0 && (watched[0].revents & POLLIN) != 0) {
        signalfd_siginfo info{};
        if (::read(signals_, &info, sizeof info) == ssize_t(sizeof info)) requested_ = true;
    }
    return requested_;
}

void StopSignal::request() {
    requested_ = true;
    const std::uint64_t one = 1;
    (void)!::write(wake_, &one, sizeof one);
}

void StopSignal::give_up_patience() {
    const auto set = stop_signals();
    pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

Result<void> serve(App& app, const ServeOptions& options, StopSignal& stop) {
    ::signal(SIGPIPE, SIG_IGN);  // a reader of our log that went away must not end us
    auto shared = std::make_shared<Shared>();
    auto notifier = Notifier::from_environment();
    KeyCheck keys(app);
    const auto board = std::make_shared<JobBoard>();
    AccessLog access_log;

    auto& engine = app.engine([shared](const Error& error) {
        const bool hung = error.message.key == "schedule.too-many-hung";
        if (hung && shared->hung.exchange(true)) return;  // said once
        log_error("engine", error);
    });
    // Watches nothing until it is told what, by the chores.
    monitor::Monitor watch(app.committer(), app.readers(), app.environment(), app.clock(), {.node = engine.node()},
                           [](const Error& error) { log_error("monitor", error); });

    http::Limits limits;
    limits.drain = options.drain;
    limits.host_names = options.host_names;
    TRY(auto server,
        http::Server::start(
            options.address, options.port, routes(app, hooks_for(app, engine, watch, shared, keys, board, options)),
            [&keys](std::string_view key) { return keys(key); }, limits,
            [&access_log](const http::Served& served) { access_log.add(served); }));
    const auto port = server->port();
    auto* running = server.get();
    {
        const std::scoped_lock lock(shared->mutex);
        shared->server = std::move(server);
    }
    // The server goes before what its handlers use, however this function ends.
    const auto close = [&shared] {
        std::unique_ptr<http::Server> gone;
        {
            const std::scoped_lock lock(shared->mutex);
            gone = std::move(shared->server);
        }
    };

    if (auto joined = engine.join(); !joined) {
        running->stop();
        close();
        return joined;
    }
    // Rules over what is watched find it known, also when they are the first that runs.
    if (const auto watched = watch.refresh(app.plan()); !watched) log_error("monitor", watched.error());
    engine.start();
    log_event(Level::info, "service.start",
              {{"version", std::string(version)},
               {"address", options.address},
               {"port", std::to_string(port)},
               {"node", engine.node()}});
    Attester attester(app, attest_every);
    auto notary = std::make_unique<Notary>(
        app, sign_every, [&attester] { attester.wait_for_first_round(Deadline::in(first_attesting)); });
    BackupThread backups(app, backups_every, board);
    Messenger messenger(app, alerts_every);
    Chores chores(app, engine.node(), shared, watch);  // its hours count from before anybody is told that we are ready
    notifier.send("READY=1");
    if (options.listening) options.listening(port);

    while (!stop.wait(tick) && !shared->hung) {
        chores.run();
        notifier.watch(Steady::now());
    }

    notifier.send("STOPPING=1");
    attester.stop();
    backups.stop();
    messenger.stop();
    stop.give_up_patience();
    log_event(Level::info, "service.stopping", {});
    running->stop();
    close();
    watch.stop();  // while this process is still a node: its last results are its own
    engine.stop(options.drain);
    notary.reset();  // after the last entry: it signs what is left
    log_event(Level::info, "service.stop", {{"hung", shared->hung ? "true" : "false"}});
    if (shared->hung) return fail(Code::internal, "api.hung-checks");
    return {};
}

}  // namespace tilsyn::app
