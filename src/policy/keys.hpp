// Every key of a policy file, declared once. The parser reads by this table and refuses what is not in it; the JSON
// Schema (schema.hpp) and the reference page (reference.hpp) are written from it.
#pragma once
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/i18n.hpp"

namespace tilsyn::policy {

// Which table a key stands in.
enum class Scope { root, role, section, promise, control, subjects, check };

enum class KeyType {
    text,
    path,         // text: a file in the policy folder
    choice,       // text: one of `choices`
    promise_ids,  // list of texts
    patterns,     // list of texts: files to include
    role_id,      // text
    register_name,
    kind_name,
    bilingual,  // { da = "...", en = "..." }
    prose,      // the same, over several lines, with markers
    integer,
    duration,   // text: "2h"
    cadence,    // text: docs/policy.md, Cadence
    dates,      // list of dates
    text_map,   // table of texts
    filter,     // table of lists of texts
    subjects,   // a register's name, or a table (Scope::subjects)
    check,      // a table (Scope::check)
    tables,     // [name.ID] tables of the scope `inner`
    registers,  // [register.NAME] tables: the registers' own format
};

struct KeySpec {
    Scope scope = Scope::root;
    std::string_view name{};
    KeyType type = KeyType::text;
    bool required = false;
    bool main_file_only = false;
    std::string_view default_value{};  // as in TOML; empty: none, or said in the help
    std::vector<std::string_view> choices{};
    std::optional<double> min{}, max{};
    std::string_view example{};  // as in TOML
    Text help{};
    Scope inner = Scope::root;
};

std::span<const KeySpec> keys();
std::vector<const KeySpec*> keys_of(Scope scope);
const KeySpec* find_key(Scope scope, std::string_view name);
std::string_view to_string(Scope scope);  // "control": also the table's name in the file

}  // namespace tilsyn::policy
