// The small grammars of HTTP that are ours to read: request targets, languages, host names. No I/O.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn::http {

struct Target {
    std::string path;                          // decoded
    std::map<std::string, std::string> query;  // decoded
    std::string authority;                     // of the absolute form (http://host/path); else empty
};
// Errors, all Code::invalid: a bad escape, a control character, text that is not UTF-8, a "." or ".."
// segment, an encoded slash (no name of ours holds one, and what stands behind us may read it differently), a
// parameter given twice (two readers might each take another one).
Result<Target> parse_target(std::string_view target);

// The best of our languages by Accept-Language (RFC 9110 12.5.4); English when it names none of them.
Lang choose_language(std::string_view accept_language);

// Which Host headers are answered: see Limits::host_names.
class HostRule {
  public:
    HostRule(bool on_loopback, const std::vector<std::string>& names);
    bool accepts(std::string_view host) const;  // "name", "name:port", "[::1]:port"

  private:
    bool on_loopback_;
    bool any_;
    std::vector<std::string> names_;  // lower case
};

}  // namespace tilsyn::http
