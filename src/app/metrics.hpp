// Figures for Prometheus, in its text format (version 0.0.4). Names begin with tilsyn_; the process's own are the usual
// process_ ones.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "app/app.hpp"
#include "http/server.hpp"
#include "monitor/monitor.hpp"

namespace tilsyn::app {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// Writes families in order: family(), then its samples.
class Exposition {
  public:
    void family(std::string_view name, std::string_view type, std::string_view help);
    void sample(Labels labels, double value) { sample("", labels, value); }
    void sample(std::string_view suffix, Labels labels, double value);  // name + suffix: "_bucket"
    const std::string& text() const { return text_; }

  private:
    std::string name_, text_;
};

struct Running {
    const schedule::EngineStats* engine = nullptr;
    const http::Counters* server = nullptr;
    const monitor::MonitorStats* watch = nullptr;
};
// What is not running is left out. What the database cannot tell at the moment is left out, and tilsyn_database_up is
// 0.
std::string metrics(App& app, const Running& running);

}  // namespace tilsyn::app
