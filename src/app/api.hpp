// The routes of the API, as api/openapi.yaml describes them. Each says who may call it, how large a body may be and
// how often; handlers parse, call a slice, and render JSON.
#pragma once
#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "app/app.hpp"
#include "app/backups.hpp"
#include "http/types.hpp"

namespace tilsyn::app {

// What the routes need of the service around them. Functions may be empty, as in tests; called on pool threads.
struct ServiceHooks {
    bool metrics_public = false;           // listening on loopback only
    std::function<std::string()> metrics;  // the text of /metrics
    std::function<bool()> log_verified;    // the head of the log fitted its entries when it was last looked at
    std::function<bool()> engine_alive;
    std::function<std::optional<RunningJob>()> backup_running;  // of this process
    std::function<void()> wake;                                 // something may be due now
    std::function<void()> keys_changed;                         // a key was revoked here: forget what was known of keys
};

// `app` must outlive the routes. App::engine() must have been called before, or never.
std::vector<http::Route> routes(App& app, const ServiceHooks& hooks = {});

}  // namespace tilsyn::app
