// What a check kind says of itself. From this one declaration come the validation of policy.toml, the reference page,
// the JSON Schema and, later, the form in the UI.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/i18n.hpp"
#include "base/time.hpp"

namespace tilsyn::policy {

enum class ParamType {
    text,
    integer,
    real,
    boolean,
    duration,
    text_list,
    integer_list,
    choice,
    bilingual,
    bilingual_list,
    sql,
    map
};

struct ParamSpec {
    std::string name;
    ParamType type = ParamType::text;
    bool required = false;
    std::string default_value;         // as written in TOML; empty: none
    Text help;                         // one sentence
    std::vector<std::string> choices;  // for ParamType::choice
    std::optional<double> min, max;    // for numbers; for durations in seconds
    std::string example;               // as written in TOML
};

// A value as it stands in the policy, checked against its ParamSpec. text also carries choice, sql.
struct ParamValue {
    std::string text;
    std::int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    Duration duration{0};
    std::vector<std::string> list;
    std::vector<std::int64_t> integers;
    std::vector<Text> texts;  // bilingual: one element
    std::map<std::string, std::string> map;
    Position where;
};

// Defaults are filled in, so get() of a declared parameter with a default never fails. Unknown names give an empty
// value.
class ParamValues {
  public:
    bool has(std::string_view name) const { return values_.contains(name); }
    const ParamValue& get(std::string_view name) const;
    void set(std::string name, ParamValue value) { values_[std::move(name)] = std::move(value); }
    const std::map<std::string, ParamValue, std::less<>>& all() const { return values_; }

  private:
    std::map<std::string, ParamValue, std::less<>> values_;
};

enum class Mode {
    machine,  // one subject at a time
    batch,    // all due subjects of a control in one go (query)
    person,   // somebody is asked (sign_off)
};
enum class Method { test, examine, interview };           // OSCAL's words for how it is known
enum class Posture { trusted_input, robust_to_hostile };  // the second is earned by a fuzz target

// A fault a kind finds in its own parameters beyond their types (SQL outside the portable subset, a URL without host).
struct ParamFault {
    std::string param;
    Message message;
    int line_offset = 0;  // lines below the parameter's first line (multi-line SQL)
    int column = 0;       // 1-based; 0: the parameter's own column
};

// A control of such a kind that is due at least this often is watched by the monitor: every answer is kept, and the
// control log gets what changes and one entry an hour. A rarer one is a planned run like any other.
inline constexpr Duration watched_up_to = std::chrono::minutes(10);

struct KindSpec {
    std::string name;
    Text title;
    Text summary;  // what it measures and what a pass means, two or three sentences
    Mode mode = Mode::machine;
    Method method = Method::test;
    Posture posture = Posture::trusted_input;
    std::vector<std::string> subject_registers;  // registers its subjects may come from; empty: any, or none
    std::vector<ParamSpec> params;
    Duration default_timeout = std::chrono::seconds(30);
    int max_concurrent = 8;
    bool watched = false;  // asks one far end, and so can be asked by the second: see watched_up_to
    std::vector<ParamFault> (*validate)(const ParamValues&) = nullptr;
};

}  // namespace tilsyn::policy
