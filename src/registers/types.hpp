// Registers: facts in rows. A register is declared once, in TOML (src/registers/builtin/*.toml, or registers/*.toml in
// the policy folder), and everything else follows from the declaration: table, checks of values, SQL view, CSV, JSON,
// history, API, documentation.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn::registers {

enum class FieldType {
    text,       // one line
    long_text,  // several lines
    integer,
    number,
    boolean,
    date,      // YYYY-MM-DD
    moment,    // RFC 3339, kept in UTC to the second
    duration,  // "24h"; in the view as whole seconds
    choice,    // one of `choices`
    choices,   // several of `choices`; in CSV separated by '|'
    country,   // ISO 3166-1 alpha-2
    email,
    url,
    host,        // DNS name or IP address
    reference,   // id of a row in register `references`
    references,  // several, separated by '|' in CSV
    roles,       // roles of the policy
    list,        // free texts, separated by '|' in CSV
};

// GDPR: what kind of personal data a field holds, if any.
enum class Personal { none, ordinary, confidential, special };

struct Choice {
    std::string value;
    Text label;
};

struct Field {
    std::string name;  // [a-z][a-z0-9_]*: also the column of the view and of CSV
    FieldType type = FieldType::text;
    Text label;
    Text help;
    bool required = false;
    bool unique = false;
    std::string default_value;
    std::vector<Choice> choices;
    std::string target;  // the register that a reference points to
    Personal personal = Personal::none;
    std::optional<double> min, max;
    Position where;  // its declaration: for faults that show only when all registers are known
};

struct Register {
    std::string name;  // "servers": also its SQL view, with '-' turned into '_'
    Text title;        // "Servere"
    Text singular;     // "server"
    Text help;
    std::string retention;  // how long after the row has ended it is kept, e.g. "5 years"; empty: as long as it is true
    std::string ended_by;   // the date field after which the row counts as ended ("left_on"); may be empty
    std::vector<Field> fields;  // "id" is always there and not listed
    bool personal() const;      // any field with personal data: its row ids are then kept out of the log
    const Field* field(std::string_view name) const;
    std::string view() const;  // name with '-' -> '_'
};

class Catalogue {
  public:
    const Register* find(std::string_view name) const;
    const std::vector<Register>& all() const { return registers_; }
    std::vector<std::string> names() const;
    void add(Register value) { registers_.push_back(std::move(value)); }
    Register* edit(std::string_view name);

  private:
    std::vector<Register> registers_;
};

// The declarations that ship, in their order.
const Catalogue& builtin();

// Parses declarations (one TOML text with any number of [register.NAME] tables) into `into`: new registers, or further
// fields for a known one. Returns every fault with file:line:column. Tables of other names are left to the caller.
std::vector<Error> parse_declarations(std::string_view toml, std::string_view file, Catalogue& into);
// References to registers that nobody has declared. Run once, after all declarations are parsed.
std::vector<Error> check_references(const Catalogue& catalogue);

std::string_view to_string(FieldType);
std::string_view to_string(Personal);

}  // namespace tilsyn::registers
