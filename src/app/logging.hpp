// The service's own log: one JSON object a line on standard error, fit for journald. Never secrets, never row contents.
#pragma once
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"

namespace tilsyn::app {

enum class Level { debug, info, warning, error };
void start_logging(Level least);
// event: a stable dotted name, "http.request"; fields: names and values.
void log_event(Level level, std::string_view event,
               std::initializer_list<std::pair<std::string_view, std::string>> fields = {});
void log_error(std::string_view event, const Error& error);

// For what is tried again and again: says a trouble when it begins, not at every attempt. One thread.
class Troubles {
  public:
    enum class News { none, began, ended };
    // nullptr: it went well. `who`: of several that are tried for the same; "" there is one.
    News tell(std::string_view event, const Error* error, std::string_view who = {});

  private:
    std::map<std::string, std::string> told_;  // event and who -> key of the error
};

}  // namespace tilsyn::app
