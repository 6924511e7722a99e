// How values look: moments in the policy's zone, errors and rows as JSON.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "app/app.hpp"
#include "base/error.hpp"

namespace tilsyn::commands {

// Civil time in the policy's zone, UTC while there is no policy.
class Moments {
  public:
    explicit Moments(const app::App& app);
    std::string at(Timestamp t) const { return zone_.format(t); }
    std::string at(const std::optional<Timestamp>& t) const { return t ? zone_.format(*t) : std::string(); }
    std::string day(Timestamp t) const { return zone_.format(t).substr(0, 10); }
    const Zone& zone() const { return zone_; }

  private:
    Zone zone_;
};

// {"code", "message": {"da", "en"}, "hint": ..., "file", "line", "column"}: what is not known is null.
nlohmann::json to_json(const Error& error);
nlohmann::json to_json(const Text& text);
nlohmann::json moment(const std::optional<Timestamp>& t);

}  // namespace tilsyn::commands
