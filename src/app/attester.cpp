#include "app/attester.hpp"

namespace tilsyn::app {

Attester::Attester(App& app, Duration every)
    : app_(&app),
      every_(every),
      witnessing_(app.committer(), app.readers(), app.tree(),
                  {.policy = app.witnesses(), .stopping = [this] { return stopping(); }}),
      stamper_({.data = app.data(), .stopping = [this] { return stopping(); }}, app.committer(), app.readers()),
      thread_([this] { work(); }) {}

Attester::~Attester() {
    stop();
    thread_.join();
}

void Attester::stop() {
    {
        const std::scoped_lock lock(mutex_);
        stopping_ = true;
    }
    changed_.notify_all();
}

bool Attester::stopping() const {
    const std::scoped_lock lock(mutex_);
    return stopping_;
}

void Attester::wait_for_first_round(Deadline deadline) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, deadline.at(), [&] { return asked_ || stopping_; });
}

Attester::State Attester::state() const {
    const std::scoped_lock lock(mutex_);
    return state_;
}

void Attester::work() {
    for (;;) {
        // Another node has the key, signs, and asks.
        const auto signer = app_->signer();
        const bool elsewhere = !signer && signer.error().code == Code::not_found;
        if (!elsewhere) ask_witnesses();
        {
            const std::scoped_lock lock(mutex_);
            asked_ = true;
        }
        changed_.notify_all();
        if (!elsewhere) ask_authorities();
        std::unique_lock lock(mutex_);
        if (changed_.wait_for(lock, every_, [&] { return stopping_; })) return;
    }
}

void Attester::ask_witnesses() {
    const auto states = witnessing_.run_once(app_->clock().now());
    tell("log.witness", states ? nullptr : &states.error());
    if (!states) return;
    std::optional<Error> alarm;
    for (const auto& witness : *states) {
        tell("log.witness", witness.trouble ? &*witness.trouble : nullptr, witness.name);
        if (witness.alarm && !alarm) alarm = witness.trouble;
    }
    app_->refuse_to_sign(alarm);
    const std::scoped_lock lock(mutex_);
    state_.witnesses = *states;
}

void Attester::ask_authorities() {
    const auto round = stamper_.run_once(app_->clock().now());
    tell("log.stamp", round.error ? &*round.error : nullptr);
    for (const auto& tsa : round.tsas) {
        tell("log.stamp", tsa.error ? &*tsa.error : nullptr, tsa.tsa);
        if (tsa.warning && tsa.state == Stamper::State::stamped)
            log_event(Level::warning, "log.stamp", {{"message", render(*tsa.warning, Lang::en)}});
    }
    const std::scoped_lock lock(mutex_);
    state_.stamps = round.tsas;
}

void Attester::tell(std::string_view event, const Error* error, const std::string& who) {
    if (troubles_.tell(event, error, who) == Troubles::News::ended)
        log_event(Level::info, event, {{"name", who}, {"state", "well again"}});
}

}  // namespace tilsyn::app
