// When is a service down? Pure: results in, state out, no clock of its own.
//
// One bad answer is looked at again soon, and only as many in a row as the control asks for (retries + 1) change the
// state: down to alert, and up again. While anything but "up" is the case it is asked often, so that the end is known
// as closely as the beginning. A service that comes and goes (flap_limit times down within flap_window) is not called
// up again before it has stood for flap_calm: people are told once of a service that flaps, not every minute.
#pragma once
#include <deque>
#include <optional>

#include "base/time.hpp"
#include "monitor/samples.hpp"

namespace tilsyn::monitor {

inline constexpr int flap_limit = 4;
inline constexpr Duration flap_window = std::chrono::hours(1);
inline constexpr Duration flap_calm = std::chrono::minutes(10);

struct WatchRules {
    Duration every{std::chrono::minutes(1)};
    int retries = 2;                                // further looks before a change is believed
    Duration retry_after{std::chrono::seconds(5)};  // between them, and while it is not up
};

class Watcher {
  public:
    explicit Watcher(WatchRules rules, std::optional<Seen> state = std::nullopt) : rules_(rules), state_(state) {}

    struct Step {
        bool changed = false;  // the state is another one from now on
        bool settled = true;   // false: something else was seen than the state says, and it is being looked at
        Duration next{0};      // after the beginning of this probe
        bool flapping = false;
    };
    Step take(Seen seen, Timestamp at);

    std::optional<Seen> state() const { return state_; }  // none: nothing is known yet
    bool flapping() const { return flapping_; }

  private:
    WatchRules rules_;
    std::optional<Seen> state_;
    std::optional<Seen> candidate_;
    int streak_ = 0;
    Timestamp since_{};            // of the candidate
    std::deque<Timestamp> downs_;  // when it went down, within flap_window
    bool flapping_ = false;
};

}  // namespace tilsyn::monitor
