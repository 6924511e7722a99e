#include "app/messenger.hpp"

#include <algorithm>

#include "app/logging.hpp"
#include "notify/deliver.hpp"
#include "notify/outbox.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;

constexpr auto patience = 30s;    // with one receiver
constexpr auto claimed = 90s;     // for us alone; longer than that patience
constexpr int most_at_once = 20;  // notices to one channel in a row
constexpr std::size_t channels_at_once = 4;

// Nobody else has this data folder on this machine.
std::string name_of(App& app) {
    return app.environment().hostname + ":" + app.data().string();
}

// What waits for one channel, in order, until one does not get through.
Result<int> deliver_all(App& app, const notify::Channel& channel, const AlertHooks& hooks) {
    int sent = 0;
    while (sent < most_at_once && !(hooks.stopping && hooks.stopping())) {
        std::optional<notify::Notice> notice;
        {
            TRY(const auto reader, app.readers().get());
            TRY(notice, notify::take(app.committer(), *reader, channel.id, app.clock().now(), claimed, name_of(app)));
        }
        if (!notice) break;
        const auto delivered = notify::deliver(*notice, channel, app.clock().now(), Deadline::in(patience));
        if (!delivered) {
            TRY_VOID(notify::mark_failed(app.committer(), *notice, render(delivered.error(), Lang::en)));
            return std::unexpected(delivered.error());
        }
        TRY_VOID(notify::mark_sent(app.committer(), *notice));
        ++sent;
    }
    return sent;
}

}  // namespace

Result<int> send_alerts(App& app, const AlertHooks& hooks, Duration wait) {
    const auto plan = app.plan();
    TRY(const auto channels, notify::read_channels(app.data()));
    if (!plan || channels.empty()) return 0;
    for (const auto& channel : channels) {
        TRY(const auto reader, app.readers().get());
        TRY_VOID(notify::gather(app.committer(), *reader, plan->policy, channel, app.clock().now(), wait));
    }
    std::atomic<int> sent = 0;
    std::mutex telling;
    for (std::size_t first = 0; first < channels.size(); first += channels_at_once) {
        std::vector<std::thread> threads;
        for (std::size_t i = first; i < std::min(channels.size(), first + channels_at_once); ++i)
            threads.emplace_back([&, i] {
                const auto done = deliver_all(app, channels[i], hooks);
                if (done) {
                    sent += *done;
                } else if (hooks.trouble) {
                    const std::scoped_lock lock(telling);
                    hooks.trouble(channels[i].id, done.error());
                }
            });
        for (auto& thread : threads) thread.join();
    }
    return sent.load();
}

Result<notify::Notice> send_test_alert(App& app, const std::string& id) {
    const auto plan = app.plan();
    TRY(const auto channels, notify::read_channels(app.data()));
    const auto channel = std::ranges::find(channels, id, &notify::Channel::id);
    if (channel == channels.end() || !plan)
        return fail(Code::not_found, "notify.no-channel", {{"channel", id}}).hint("notify.no-channel-hint");
    auto notice = notify::write_test(*channel, plan->policy, app.clock().now());
    // Not behind what waits there: whoever tries a channel wants to know now. And not by the service as well.
    notice.due = notice.made + claimed;
    TRY_VOID(notify::put(app.committer(), notice, "test-" + notice.id, {}));
    ++notice.attempts;
    const auto delivered = notify::deliver(notice, *channel, app.clock().now(), Deadline::in(patience));
    if (!delivered) {
        TRY_VOID(notify::mark_failed(app.committer(), notice, render(delivered.error(), Lang::en)));
        return std::unexpected(delivered.error());
    }
    TRY_VOID(notify::mark_sent(app.committer(), notice));
    return notice;
}

Messenger::Messenger(App& app, Duration every) : app_(&app), every_(every), thread_([this] { work(); }) {}

Messenger::~Messenger() {
    stop();
    thread_.join();
}

void Messenger::stop() {
    stopping_ = true;
    const std::scoped_lock lock(mutex_);
    changed_.notify_all();
}

void Messenger::work() {
    Troubles troubles;
    const AlertHooks hooks{
        .stopping = [this] { return stopping_.load(); },
        .trouble = [&](const std::string& channel, const Error& error) { troubles.tell("alert", &error, channel); }};
    const auto back = notify::give_back(app_->committer(), name_of(*app_));
    troubles.tell("alert", back ? nullptr : &back.error());
    while (!stopping_) {
        const auto sent = send_alerts(*app_, hooks);
        troubles.tell("alert", sent ? nullptr : &sent.error());
        if (sent && *sent > 0) {
            log_event(Level::info, "alert", {{"sent", std::to_string(*sent)}});
            continue;  // there may be more
        }
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, every_, [&] { return stopping_.load(); });
    }
}

}  // namespace tilsyn::app
