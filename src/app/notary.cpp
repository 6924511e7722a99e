#include "app/notary.hpp"

namespace tilsyn::app {

Notary::Notary(App& app, Duration every, std::function<void()> before_first)
    : app_(&app), every_(every), before_first_(std::move(before_first)), thread_([this] { work(); }) {}

Notary::~Notary() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Notary::State Notary::state() const {
    const std::scoped_lock lock(mutex_);
    return state_;
}

void Notary::work() {
    if (before_first_) before_first_();
    for (;;) {
        sign();
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, every_, [&] { return stopping_; })) break;
    }
    sign();
}

void Notary::sign() {
    const auto attempt = [&]() -> Result<log::StoredCheckpoint> {
        TRY(const auto reader, app_->readers().get());
        return app_->sign(*reader);
    };
    const auto done = attempt();
    {
        const std::scoped_lock lock(mutex_);
        if (done) state_.signed_size = done->size;
        state_.refused = !done && done.error().code == Code::conflict;
    }
    // Another node has the key: nothing of ours to say.
    const bool quiet = done || done.error().code == Code::not_found;
    const auto news = troubles_.tell("log.sign", quiet ? nullptr : &done.error());
    if (news == Troubles::News::began && done.error().code == Code::conflict) open_incident(done.error());
}

// Somebody has to look before the log is signed again: that is an incident, one a day at most.
void Notary::open_incident(const Error& why) {
    const auto lang = lang_from_environment();
    const auto now = app_->clock().now();
    const auto moment = format_utc_seconds(now);
    const auto title = tr(lang, "app.log-refused", {{"why", render(why.message, lang)}});
    const auto added = app_->registers()->add(
        "incidents", "control-log-" + moment.substr(0, 10),
        {{"title", title}, {"severity", "critical"}, {"detected_at", moment}, {"status", "open"}}, "tilsyn");
    if (!added && added.error().code != Code::conflict) log_error("log.incident", added.error());
}

}  // namespace tilsyn::app
