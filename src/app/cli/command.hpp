// The command line as a table. Texts are keys of the catalogue.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::cli {

class Invocation;

enum class Values { text, file, folder };          // what completion offers
enum class Arity { one, optional, several, any };  // several: at least one

struct Argument {
    std::string name;  // "FILE"; how it is asked for by Invocation::get, too
    std::string help;
    Arity arity = Arity::one;
    Values values = Values::text;
    std::vector<std::string> choices = {};
};

struct Option {
    std::string name;        // "dry-run": --dry-run
    std::string value = {};  // "DIR"; empty: a flag
    std::string help;
    std::vector<std::string> choices = {};
    Values values = Values::text;
    bool required = false;
    bool repeated = false;
};

// 0 and 2 mean the same everywhere and are not listed by commands.
struct ExitCode {
    int code = 0;
    std::string meaning;
};

struct Command {
    std::string path;       // "policy check"
    std::string summary;    // one line
    std::string help = {};  // more, below the summary; may be empty
    std::vector<Argument> arguments = {};
    std::vector<Option> options = {};
    std::vector<ExitCode> exits = {};
    std::function<Result<int>(Invocation&)> handler = {};  // empty: a group, its commands follow it in the table

    std::string_view name() const;  // "check"
};

using Table = std::vector<Command>;

const Command* find(const Table& table, std::string_view path);
std::vector<const Command*> below(const Table& table, std::string_view group);  // "" for the top
// What every command takes: --data --database --json --lang --no-color --help.
const std::vector<Option>& common_options();
// 0, what the command lists, 2.
std::vector<ExitCode> exit_codes(const Command& command);

}  // namespace tilsyn::cli
