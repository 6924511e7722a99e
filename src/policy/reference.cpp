#include "policy/reference.hpp"

#include <fmt/format.h>

#include "policy/cadence.hpp"
#include "policy/keys.hpp"

namespace tilsyn::policy {
namespace {

std::string_view type_name(KeyType type) {
    switch (type) {
        case KeyType::text:
            return "text";
        case KeyType::path:
            return "text: a file in the policy's folder";
        case KeyType::choice:
            return "one of";
        case KeyType::promise_ids:
            return "list of promise ids";
        case KeyType::patterns:
            return "list of file names";
        case KeyType::role_id:
            return "text: a role's id";
        case KeyType::register_name:
            return "text: a register's name";
        case KeyType::kind_name:
            return "text: a kind of check";
        case KeyType::bilingual:
            return "text in both languages, { da, en }";
        case KeyType::prose:
            return "prose in both languages, { da, en }";
        case KeyType::integer:
            return "whole number";
        case KeyType::duration:
            return "length of time";
        case KeyType::cadence:
            return "cadence";
        case KeyType::dates:
            return "list of dates";
        case KeyType::text_map:
            return "table of texts";
        case KeyType::filter:
            return "table: field = value, or list of values";
        case KeyType::subjects:
            return "register's name, or table";
        case KeyType::check:
            return "table";
        case KeyType::tables:
        case KeyType::registers:
            return "tables";
    }
    return "";
}

std::string_view heading(Scope scope) {
    switch (scope) {
        case Scope::root:
            return "The main file";
        case Scope::role:
            return "[role.ID]";
        case Scope::section:
            return "[section.ID]";
        case Scope::promise:
            return "[promise.ID]";
        case Scope::control:
            return "[control.ID]";
        case Scope::subjects:
            return "subjects, as a table";
        case Scope::check:
            return "[control.ID.check]";
    }
    return "";
}

std::string type_text(const KeySpec& key) {
    std::string out(type_name(key.type));
    for (std::size_t i = 0; i < key.choices.size(); ++i)
        out += fmt::format("{}`{}`", i == 0 ? " " : ", ", key.choices[i]);
    if (key.type == KeyType::integer && key.min && key.max)
        out += *key.min == *key.max ? fmt::format(", {}", *key.min) : fmt::format(", {} to {}", *key.min, *key.max);
    return out;
}

void table_of(Scope scope, std::string& out) {
    out += fmt::format("\n## {}\n\n| key | type | default | |\n|---|---|---|---|\n", heading(scope));
    for (const auto* key : keys_of(scope)) {
        const auto fallback = key->required                ? std::string("required")
                              : key->default_value.empty() ? std::string()
                                                           : fmt::format("`{}`", key->default_value);
        out += fmt::format("| `{}` | {} | {} | {} |\n", key->name, type_text(*key), fallback, key->help.en);
    }
    bool any = false;
    for (const auto* key : keys_of(scope)) {
        if (key->example.empty()) continue;
        if (!any) out += "\n```toml\n";
        any = true;
        out += fmt::format("{} = {}\n", key->name, key->example);
    }
    if (any) out += "```\n";
}

void cadences(std::string& out) {
    out += "\n## Cadence\n\n| written | means |\n|---|---|\n";
    for (const char* text :
         {"5m", "4 hours", "1 day", "day at 07:00", "working day at 08:00", "monday at 09:00",
          "1st working day of the month at 09:00", "3rd wednesday of the month", "last friday of the quarter",
          "day 15 of the month", "last day of the month", "1st working day of the half-year",
          "1st working day of the year", "1 march", "random working day of the week at 16:30",
          "random day of the month", "30 days since last done", "6 months since last done"})
        if (const auto cadence = parse_cadence(text))
            out += fmt::format("| `\"{}\"` | {} |\n", text, describe(*cadence, Lang::en));
    out +=
        "\nWeekdays and months are written out in English, in small or capital letters. An ordinal is `1st`, `2nd`, "
        "`3rd`, `4th` ... or `last`; a "
        "period is `week`, `month`, `quarter`, `half-year` or `year`.\n";
}

}  // namespace

std::string reference() {
    std::string out =
        "# Reference of policy files\n\nGenerated from the program's own declarations; `docs/policy.md` explains. Keys "
        "of the main file may not stand "
        "in a file that it includes, except the tables at its end.\n";
    for (const auto scope :
         {Scope::root, Scope::role, Scope::section, Scope::promise, Scope::control, Scope::subjects, Scope::check})
        table_of(scope, out);
    cadences(out);
    return out;
}

}  // namespace tilsyn::policy
