// What was asked for, checked against the table: a command's handler sees no raw arguments.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/cli/command.hpp"
#include "app/cli/terminal.hpp"
#include "base/i18n.hpp"

namespace tilsyn::cli {

// The arguments split by the table, and not judged yet.
struct Parsed {
    std::string path;  // of the deepest command that was named; may be a group, or empty
    std::map<std::string, std::vector<std::string>, std::less<>>
        values;                       // by name of argument or option; a flag: present
    std::vector<std::string> extras;  // what has no place in the table, as written
};

// Splits by the table and judges nothing but an option's value: what has no place comes back in `extras`. Options may
// stand anywhere behind their command, the common ones anywhere at all; "--" ends them. `arguments` without the
// program's name.
Result<Parsed> parse(const Table& table, const std::vector<std::string>& arguments);

class Invocation {
  public:
    bool has(std::string_view name) const { return values_.contains(name); }
    std::string get(std::string_view name, std::string_view otherwise = {}) const;
    std::vector<std::string> all(std::string_view name) const;

    const Table* table = nullptr;
    const Command* command = nullptr;
    Terminal terminal;
    Lang lang = Lang::en;
    bool json = false;
    std::filesystem::path data;  // --data, else TILSYN_DATA, else ./data
    std::string database;        // --database, else TILSYN_DATABASE, else empty: what the data folder says

    std::string tr(std::string_view key, Params params = {}) const { return tilsyn::tr(lang, key, params); }
    std::ostream& out() const { return *terminal.out; }
    std::ostream& err() const { return *terminal.err; }

  private:
    friend Result<std::variant<Invocation, std::string>> interpret(const Table&, const Parsed&, const Terminal&);
    std::map<std::string, std::vector<std::string>, std::less<>> values_;
};

// Checks what was parsed: names the nearest command or option for one that does not exist, and says what is missing.
// A text instead of an invocation: help was asked for.
Result<std::variant<Invocation, std::string>> interpret(const Table& table, const Parsed& parsed,
                                                        const Terminal& terminal);

}  // namespace tilsyn::cli
