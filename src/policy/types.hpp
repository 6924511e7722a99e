// A policy as the rest of Tilsyn sees it: checked, complete, in source order.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/i18n.hpp"
#include "base/time.hpp"
#include "policy/cadence.hpp"
#include "policy/kind_spec.hpp"

namespace tilsyn::policy {

// How strongly a promise is worded decides what a failed check means.
enum class Strength {
    absolute,     // always, never, all: a failure is a failure
    main_rule,    // as a rule: a failure unless a dated exception stands
    endeavour,    // we strive to: measured and shown
    conditional,  // if ..., then ...: no occurrence is not a pass
    advice,       // we invite, we encourage: checked that it is offered
    statement,    // a statement of fact
};
enum class Severity { low, medium, high, critical };
enum class WhenEmpty { unknown, not_applicable };

struct Role {
    std::string id;
    Text title;
    Position where;
};

// A phrase of the published text, up to its marker.
struct Phrase {
    std::string text;                   // without markers
    std::vector<std::string> promises;  // {B1} after the phrase; empty and no_promise false: nothing is said of it
    bool no_promise = false;            // {-}
};
struct Sentence {
    std::vector<Phrase> phrases;
    std::string text() const;
};

struct Section {
    std::string id;
    Text title;
    std::vector<Sentence> da, en;  // published text, in order
    Position where;
};

struct Promise {
    std::string id;
    std::string section;  // where its text stands
    Text text;            // the phrases that carry its marker, joined
    Strength strength = Strength::absolute;
    std::map<std::string, std::string> references;  // "iso27001" -> "A.8.13"
    Position where;
};

// What a control looks at. No register: the company as a whole, one subject named "company".
struct Subjects {
    std::string register_name;
    std::map<std::string, std::vector<std::string>> where;  // field -> accepted values
    bool operator==(const Subjects&) const = default;
};

struct Control {
    std::string id;
    Text title;
    Text why;  // optional: why one would want it
    std::vector<std::string> promises;
    Subjects subjects;
    Cadence cadence;
    Duration window{0};  // may be run this long after the planned time without being late
    Duration grace{0};   // beyond window + grace the run is missed
    std::optional<Duration> max_age;
    Duration timeout{std::chrono::seconds(30)};
    int retries = 0;
    Duration retry_after{std::chrono::seconds(10)};
    std::string owner;  // role
    Severity severity = Severity::medium;
    std::string procedure;  // path in the policy folder; internal, never published
    WhenEmpty when_empty = WhenEmpty::unknown;
    std::string kind;
    bool watched = false;  // kind_spec.hpp, watched_up_to
    ParamValues params;
    std::string definition;  // canonical JSON of all the above: what control.define logs, what diff compares
    Position where;
};

struct Policy {
    std::string id;
    Text title;
    std::string company;
    std::string timezone = "Europe/Copenhagen";
    std::string holidays = "DK";
    std::vector<Date> extra_holidays;
    std::vector<Role> roles;
    std::vector<Section> sections;
    std::vector<Promise> promises;
    std::vector<Control> controls;
    std::vector<std::pair<std::string, std::string>>
        files;         // relative name, exact bytes: what an applied version keeps
    std::string hash;  // SHA-256 (hex) over files, as docs/policy.md describes

    const Control* control(std::string_view id) const;
    const Promise* promise(std::string_view id) const;
    const Role* role(std::string_view id) const;
    Result<Calendar> calendar() const;
};

std::string_view to_string(Strength);
std::string_view to_string(Severity);
std::optional<Severity> parse_severity(std::string_view);
std::string_view to_string(WhenEmpty);

}  // namespace tilsyn::policy
