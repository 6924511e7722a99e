// The parameters of a check, by its kind's declaration: types, limits, what is missing and what nobody knows; then the
// kind's own look at them.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"
#include "policy/loader.hpp"

namespace tilsyn::policy {
namespace {

std::optional<ParamValue> read_value(const ParamSpec& spec, const ValueReader& reader, const TomlNode& node,
                                     const std::string& key) {
    ParamValue value;
    value.where = reader.at(node);
    const auto take = [&](auto read, auto& into) {
        if (!read) return false;
        into = std::move(*read);
        return true;
    };
    bool good = false;
    switch (spec.type) {
        case ParamType::text:
            good = take(reader.text(node, key), value.text);
            break;
        case ParamType::sql:
            good = take(reader.text(node, key), value.text);
            // Line 1 of a text in triple quotes is the line after them.
            if (good) value.where = reader.document().inside(node, 0);
            break;
        case ParamType::choice:
            good = take(reader.choice(node, key, spec.choices), value.text);
            break;
        case ParamType::integer:
            good = take(reader.integer(node, key, spec.min, spec.max), value.integer);
            value.real = double(value.integer);
            break;
        case ParamType::real:
            good = take(reader.real(node, key, spec.min, spec.max), value.real);
            break;
        case ParamType::boolean:
            good = take(reader.boolean(node, key), value.boolean);
            break;
        case ParamType::duration:
            good = take(reader.duration(node, key, spec.min, spec.max), value.duration);
            break;
        case ParamType::text_list:
            good = take(reader.texts(node, key), value.list);
            break;
        case ParamType::integer_list:
            good = take(reader.integers(node, key, spec.min, spec.max), value.integers);
            break;
        case ParamType::bilingual: {
            Text text;
            good = take(reader.bilingual(node, key), text);
            value.texts.push_back(std::move(text));
            break;
        }
        case ParamType::bilingual_list:
            good = take(reader.bilingual_list(node, key), value.texts);
            break;
        case ParamType::map:
            good = take(reader.text_map(node, key), value.map);
            break;
    }
    if (!good) return std::nullopt;
    return value;
}

// A default is written as it would stand in the file. A kind whose default does not parse is a fault of Tilsyn's own;
// it shows as a fault of every policy that uses the kind, so a test of the kind finds it.
std::optional<ParamValue> default_of(const ParamSpec& spec, const ValueReader& outer, const std::string& key,
                                     const Position& where) {
    auto document = TomlDocument::parse("value = " + spec.default_value + "\n", outer.document().file());
    std::vector<Error> faults;
    Faults collect(faults);
    std::optional<ParamValue> value;
    if (document) value = read_value(spec, ValueReader(*document, collect), *document->root().find("value"), key);
    if (!value)
        outer.faults().add(where, msg("policy.bad-default", {{"key", key}, {"default", spec.default_value}}));
    else
        value->where = where;
    return value;
}

// The place that a kind's fault names: so many lines below the first, and a column of that line.
Position place_of(const ParamFault& fault, const ValueReader& reader, const TomlNode* node, const Position& where) {
    if (node == nullptr) return where;
    if (node->type != TomlNode::Type::text || (fault.line_offset == 0 && fault.column == 0)) return reader.at(*node);
    std::size_t offset = 0;
    for (int line = 0; line < fault.line_offset; ++line) {
        const auto next = node->text.find('\n', offset);
        if (next == std::string::npos) break;
        offset = next + 1;
    }
    return reader.document().inside(*node, offset + std::size_t(std::max(fault.column - 1, 0)));
}

// A required parameter that stands there with a slip of the pen is one fault, not two.
bool misspelt(const TomlNode& check, const std::string& name, std::span<const std::string> names) {
    return std::ranges::any_of(check.entries, [&](const TomlEntry& entry) {
        return entry.key != "kind" && std::ranges::find(names, entry.key) == names.end() &&
               nearest(entry.key, names) == name;
    });
}

}  // namespace

ParamValues read_params(const KindSpec& kind, const ValueReader& reader, const TomlNode& check, const std::string& key,
                        const Position& where) {
    ParamValues values;
    const auto before = reader.faults().count();
    std::vector<std::string> names;
    for (const auto& spec : kind.params) names.push_back(spec.name);
    for (const auto& entry : check.entries)
        if (entry.key != "kind" && std::ranges::find(names, entry.key) == names.end()) {
            auto message = msg("policy.unknown-param", {{"kind", kind.name}, {"name", entry.key}});
            // The commonest slip of TOML: a key of the control written below the heading of its check.
            if (find_key(Scope::control, entry.key) != nullptr)
                reader.faults().add(
                    reader.at(entry), std::move(message),
                    msg("policy.belongs-in", {{"key", entry.key}, {"table", key.substr(0, key.rfind('.'))}}));
            else
                reader.faults().unknown_name(reader.at(entry), std::move(message), entry.key, names);
        }
    for (const auto& spec : kind.params) {
        const auto name = fmt::format("{}.{}", key, spec.name);
        const auto* node = check.find(spec.name);
        std::optional<ParamValue> value;
        if (node != nullptr) {
            value = read_value(spec, reader, *node, name);
        } else if (spec.required && misspelt(check, spec.name, names)) {
            continue;
        } else if (spec.required) {
            std::optional<Message> hint;
            if (!spec.example.empty()) hint = msg("policy.example", {{"key", spec.name}, {"example", spec.example}});
            reader.faults().add(where, msg("policy.missing-param", {{"kind", kind.name}, {"name", spec.name}}),
                                std::move(hint));
        } else if (!spec.default_value.empty()) {
            value = default_of(spec, reader, name, where);
        }
        if (value) values.set(spec.name, std::move(*value));
    }
    // A kind looks at whole parameters only: what it would say of half of them is noise.
    if (kind.validate == nullptr || reader.faults().count() != before) return values;
    for (auto& fault : kind.validate(values))
        reader.faults().add(place_of(fault, reader, check.find(fault.param), where), std::move(fault.message));
    return values;
}

}  // namespace tilsyn::policy
