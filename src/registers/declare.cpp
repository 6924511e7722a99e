// Declarations of registers: TOML -> Catalogue, every fault at once. The format is in docs/registers-howto.md.
#include "registers/toml_reader.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <stdexcept>

#include "base/embedded.hpp"
#include "base/text.hpp"
#include "base/time.hpp"
#include "registers/reserved.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

constexpr std::size_t max_name = 48;     // PostgreSQL cuts names at 63 bytes
constexpr std::size_t max_fields = 200;  // of one register

constexpr std::array all_types{
    FieldType::text,       FieldType::long_text, FieldType::integer,  FieldType::number, FieldType::boolean,
    FieldType::date,       FieldType::moment,    FieldType::duration, FieldType::choice, FieldType::choices,
    FieldType::country,    FieldType::email,     FieldType::url,      FieldType::host,   FieldType::reference,
    FieldType::references, FieldType::roles,     FieldType::list,
};
constexpr std::array all_personal{Personal::none, Personal::ordinary, Personal::confidential, Personal::special};

template <class E, std::size_t N>
std::vector<std::string> words(const std::array<E, N>& values) {
    std::vector<std::string> out;
    for (auto value : values) out.emplace_back(to_string(value));
    return out;
}

bool is_name(std::string_view name, bool dashes) {
    if (name.empty() || name.size() > max_name || !(name.front() >= 'a' && name.front() <= 'z')) return false;
    return std::ranges::all_of(name, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || (dashes && c == '-');
    });
}

bool is_retention(std::string_view text) {
    const auto blank = text.find(' ');
    if (blank == text.npos || blank == 0 || blank > 3) return false;
    if (!std::ranges::all_of(text.substr(0, blank), [](char c) { return c >= '0' && c <= '9'; })) return false;
    constexpr std::array<std::string_view, 8> units{"day", "days", "week", "weeks", "month", "months", "year", "years"};
    return std::ranges::find(units, text.substr(blank + 1)) != units.end();
}

class Reader : TomlReader {
  public:
    Reader(std::string_view file, Catalogue& into, std::vector<Error>& faults)
        : TomlReader(file, faults), into_(&into) {}

    void document(const toml::table& root) {
        // Other tables may stand in the same file; whoever reads those knows their names.
        const auto* node = root.get("register");
        if (node == nullptr) return;
        const auto* registers = expect_table(*node, "register");
        if (registers == nullptr) return;
        // toml++ keeps tables sorted by name; the reader of the file expects its own order.
        std::vector<std::pair<const toml::key*, const toml::node*>> in_order;
        for (const auto& [key, value] : *registers) in_order.emplace_back(&key, &value);
        std::ranges::stable_sort(in_order, [](const auto& a, const auto& b) {
            return a.first->source().begin.line < b.first->source().begin.line;
        });
        for (const auto& [key, value] : in_order) one_register(*key, *value);
    }

  private:
    void one_register(const toml::key& key, const toml::node& node) {
        const std::string name(key.str());
        const auto where = at(key.source());
        const auto* table = expect_table(node, name);
        if (table == nullptr) return;
        known_keys(*table, {"title", "singular", "help", "retention", "ended_by", "field"});

        auto* existing = into_->edit(name);
        if (existing == nullptr && !new_name(name, where)) return;
        Register fresh;
        auto& target = existing != nullptr ? *existing : fresh;
        if (existing != nullptr) {
            for (auto taken : {"title", "singular", "help"})
                if (const auto* given = table->get(taken))
                    fault(at(*given), "registers.declare.register-exists", {{"register", name}, {"key", taken}});
        } else {
            fresh.name = name;
            fresh.title = text(*table, "title");
            fresh.singular = text(*table, "singular");
            fresh.help = text(*table, "help");
            if (fresh.title.empty()) fault(where, "registers.declare.no-title", {{"register", name}});
            if (fresh.singular.empty()) fresh.singular = fresh.title;
        }
        fields(*table, target, where);
        if (const auto* given = table->get("retention")) {
            const auto kept = string(*table, "retention");
            if (given->is_string() && !is_retention(kept))
                fault(at(*given), "registers.declare.bad-retention", {{"text", kept}});
            target.retention = kept;
        }
        if (const auto* given = table->get("ended_by")) ended_by(*given, string(*table, "ended_by"), target);
        if (existing == nullptr) into_->add(std::move(fresh));
    }

    bool new_name(const std::string& name, const Position& where) {
        Register probe;
        probe.name = name;
        if (!is_name(name, true)) {
            fault(where, "registers.declare.bad-register-name", {{"name", name}});
            return false;
        }
        if (is_sql_word(probe.view())) {
            fault(where, "registers.declare.sql-word", {{"name", name}});
            return false;
        }
        if (is_taken_view(probe.view())) {
            fault(where, "registers.declare.taken-name", {{"name", name}});
            return false;
        }
        for (const auto& other : into_->all())
            if (other.view() == probe.view()) {
                fault(where, "registers.declare.same-view", {{"name", name}, {"other", other.name}});
                return false;
            }
        return true;
    }

    void ended_by(const toml::node& given, const std::string& name, Register& target) {
        if (!given.is_string()) return;
        const auto* field = target.field(name);
        std::vector<std::string> dates;
        for (const auto& candidate : target.fields)
            if (candidate.type == FieldType::date || candidate.type == FieldType::moment)
                dates.push_back(candidate.name);
        if (field == nullptr || std::ranges::find(dates, name) == dates.end()) {
            fault_near(at(given), "registers.declare.bad-ended-by", {{"name", name}}, name, dates);
            return;
        }
        target.ended_by = name;
    }

    void fields(const toml::table& table, Register& target, const Position& where) {
        const auto* node = table.get("field");
        if (node == nullptr) {
            if (target.fields.empty()) fault(where, "registers.declare.no-fields", {{"register", target.name}});
            return;
        }
        const auto* list = node->as_array();
        if (list == nullptr) {
            fault(at(*node), "registers.declare.expected-fields", {{"register", target.name}});
            return;
        }
        for (const auto& element : *list) {
            const auto* field = element.as_table();
            if (field == nullptr) {
                fault(at(element), "registers.declare.expected-fields", {{"register", target.name}});
                continue;
            }
            if (target.fields.size() >= max_fields) {
                fault(at(element), "registers.declare.too-many-fields",
                      {{"register", target.name}, {"limit", std::to_string(max_fields)}});
                return;
            }
            one_field(*field, target);
        }
    }

    void one_field(const toml::table& table, Register& target) {
        known_keys(table, {"name", "type", "label", "help", "required", "unique", "default", "choices", "references",
                           "personal", "min", "max"});
        Field field;
        field.where = of(table, "name");
        field.name = string(table, "name");
        if (!field_name(table, field, target)) return;
        field.label = text(table, "label");
        field.help = text(table, "help");
        field.required = flag(table, "required");
        field.unique = flag(table, "unique");
        if (field.label.empty()) fault(field.where, "registers.declare.no-label", {{"field", field.name}});
        if (!field_type(table, field)) return;
        unique_values(table, field);
        personal(table, field);
        limits(table, field);
        choices(table, field);
        references(table, field);
        default_value(table, field);
        target.fields.push_back(std::move(field));
    }

    bool field_name(const toml::table& table, const Field& field, const Register& target) {
        const auto* given = table.get("name");
        if (given == nullptr) fault(field.where, "registers.declare.no-name", {{"register", target.name}});
        if (given == nullptr || !given->is_string()) return false;
        if (field.name == "id") {
            fault(field.where, "registers.declare.field-id");
            return false;
        }
        if (!is_name(field.name, false)) {
            fault(field.where, "registers.declare.bad-field-name", {{"name", field.name}});
            return false;
        }
        if (is_sql_word(field.name)) {
            fault(field.where, "registers.declare.sql-word", {{"name", field.name}});
            return false;
        }
        if (const auto* other = target.field(field.name)) {
            fault(field.where, "registers.declare.field-twice",
                  {{"field", field.name}, {"register", target.name}, {"where", to_string(other->where)}});
            return false;
        }
        return true;
    }

    bool field_type(const toml::table& table, Field& field) {
        const auto* given = table.get("type");
        if (given == nullptr) {
            fault(field.where, "registers.declare.no-type", {{"field", field.name}});
            return false;
        }
        const auto word = string(table, "type");
        if (!given->is_string()) return false;
        for (auto type : all_types) {
            if (to_string(type) != word) continue;
            field.type = type;
            return true;
        }
        const auto known = words(all_types);
        fault_near(at(*given), "registers.declare.bad-type", {{"type", word}, {"known", join(known, ", ")}}, word,
                   known);
        return false;
    }

    // Long texts, fractions, flags and lists are compared by nobody.
    void unique_values(const toml::table& table, const Field& field) {
        const bool silly = field.type == FieldType::long_text || field.type == FieldType::number ||
                           field.type == FieldType::boolean || is_several(field.type);
        if (field.unique && silly)
            fault(of(table, "unique"), "registers.declare.unique-not-wanted",
                  {{"field", field.name}, {"type", std::string(to_string(field.type))}});
    }

    void personal(const toml::table& table, Field& field) {
        const auto* given = table.get("personal");
        if (given == nullptr) return;
        const auto word = string(table, "personal");
        if (!given->is_string()) return;
        for (auto value : all_personal) {
            if (to_string(value) != word) continue;
            field.personal = value;
            return;
        }
        const auto known = words(all_personal);
        fault_near(at(*given), "registers.declare.bad-personal", {{"text", word}, {"known", join(known, ", ")}}, word,
                   known);
    }

    void limits(const toml::table& table, Field& field) {
        for (auto key : {"min", "max"}) {
            const auto* given = table.get(key);
            if (given == nullptr) continue;
            if (field.type != FieldType::integer && field.type != FieldType::number)
                fault(at(*given), "registers.declare.limit-without-number", {{"key", key}, {"field", field.name}});
            (std::string_view(key) == "min" ? field.min : field.max) = real(table, key);
        }
        if (field.min && field.max && *field.min > *field.max)
            fault(of(table, "max"), "registers.declare.limits-crossed", {{"field", field.name}});
    }

    void choices(const toml::table& table, Field& field) {
        const bool wanted = field.type == FieldType::choice || field.type == FieldType::choices;
        const auto* given = table.get("choices");
        if (given == nullptr) {
            if (wanted) fault(field.where, "registers.declare.no-choices", {{"field", field.name}});
            return;
        }
        const auto* list = given->as_array();
        if (!wanted || list == nullptr || list->empty()) {
            fault(at(*given), wanted ? "registers.declare.no-choices" : "registers.declare.choices-not-wanted",
                  {{"field", field.name}});
            return;
        }
        std::set<std::string> seen;
        for (const auto& element : *list) {
            Choice choice;
            const auto* option = element.as_table();
            if (option != nullptr) {
                known_keys(*option, {"value", "label"});
                choice.value = string(*option, "value");
                choice.label = text(*option, "label");
            } else if (const auto* word = element.as_string()) {
                choice.value = word->get();
            } else {
                wrong_type(element, "choices", "registers.declare.expected-choices");
                continue;
            }
            if (choice.label.empty()) choice.label = {choice.value, choice.value};
            const bool plain =
                !choice.value.empty() && trim(choice.value) == choice.value &&
                std::ranges::none_of(choice.value, [](char c) { return c == '|' || (c >= 0 && c < 0x20); });
            if (!plain)
                fault(at(element), "registers.declare.bad-choice-value",
                      {{"field", field.name}, {"text", choice.value}});
            else if (!seen.insert(choice.value).second)
                fault(at(element), "registers.declare.choice-twice", {{"field", field.name}, {"text", choice.value}});
            else
                field.choices.push_back(std::move(choice));
        }
    }

    void references(const toml::table& table, Field& field) {
        const auto* given = table.get("references");
        if (given == nullptr) {
            if (is_reference(field.type)) fault(field.where, "registers.declare.no-target", {{"field", field.name}});
            return;
        }
        if (!is_reference(field.type))
            fault(at(*given), "registers.declare.target-not-wanted", {{"field", field.name}});
        else
            field.target = string(table, "references");
        if (is_reference(field.type)) field.where = at(*given);
    }

    void default_value(const toml::table& table, Field& field) {
        const auto* given = table.get("default");
        if (given == nullptr) return;
        // true, 5 and 0.5 may be written as such.
        std::string value;
        if (const auto* flag_value = given->as_boolean())
            value = flag_value->get() ? "true" : "false";
        else if (const auto* whole = given->as_integer())
            value = std::to_string(whole->get());
        else if (const auto* fraction = given->as_floating_point())
            value = fmt::format("{}", fraction->get());
        else
            value = string(table, "default");
        auto normal = normalise(field, value);
        if (!normal) {
            fault(std::move(normal).error().at(at(*given)));
            return;
        }
        field.default_value = std::move(*normal);
    }

    Catalogue* into_;
};

}  // namespace

std::vector<Error> parse_declarations(std::string_view toml_text, std::string_view file, Catalogue& into) {
    std::vector<Error> faults;
    const auto parsed = parse_toml(toml_text, file);
    if (!parsed) {
        const auto& source = parsed.error().source().begin;
        faults.push_back(fail(Code::invalid, "registers.declare.bad-toml")
                             .detail(std::string(parsed.error().description()))
                             .at({std::string(file), int(source.line), int(source.column)})
                             .error);
        return faults;
    }
    Reader(file, into, faults).document(parsed.table());
    std::ranges::stable_sort(faults, [](const Error& a, const Error& b) {
        return std::pair(a.where->line, a.where->column) < std::pair(b.where->line, b.where->column);
    });
    return faults;
}

std::vector<Error> check_references(const Catalogue& catalogue) {
    std::vector<Error> faults;
    const auto names = catalogue.names();
    for (const auto& entry : catalogue.all())
        for (const auto& field : entry.fields) {
            if (field.target.empty() || catalogue.find(field.target) != nullptr) continue;
            auto error = fail(Code::invalid, "registers.declare.unknown-target",
                              {{"field", field.name}, {"register", entry.name}, {"target", field.target}})
                             .at(field.where)
                             .error;
            if (auto near = nearest(field.target, names)) error.hint = msg("registers.did-you-mean", {{"name", *near}});
            faults.push_back(std::move(error));
        }
    return faults;
}

const Catalogue& builtin() {
    static const Catalogue catalogue = [] {
        Catalogue out;
        std::vector<Error> faults;
        for (const auto& file : embedded::register_files())
            for (auto& fault : parse_declarations(file.content, file.name, out)) faults.push_back(std::move(fault));
        for (auto& fault : check_references(out)) faults.push_back(std::move(fault));
        // They are part of the program: a fault is a bug that no user can mend.
        std::string text;
        for (const auto& fault : faults) text += "\n" + render(fault, Lang::en);
        if (!faults.empty()) throw std::logic_error("faults in the register declarations that ship:" + text);
        return out;
    }();
    return catalogue;
}

}  // namespace tilsyn::registers
