#include "registers/row.hpp"

#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

using nlohmann::json;

// Texts only, as they are written here; a number or a flag is given as JSON writes it.
std::string shown(const json& value) {
    if (value.is_string()) return value.get<std::string>();
    return value.is_primitive() && !value.is_null() ? value.dump() : std::string();
}

}  // namespace

Error unknown_field(const Register& target, std::string_view name) {
    auto error =
        fail(Code::invalid, "registers.unknown-field", {{"field", std::string(name)}, {"register", target.name}}).error;
    std::vector<std::string> names{"id"};
    for (const auto& field : target.fields) names.push_back(field.name);
    if (auto near = nearest(name, names)) error.hint = msg("registers.did-you-mean", {{"name", *near}});
    return error;
}

Fields check_input(const Register& target, const Fields& input, std::vector<Error>& faults) {
    Fields out;
    for (const auto& [name, text] : input) {
        const auto* field = target.field(name);
        if (field == nullptr) {
            faults.push_back(unknown_field(target, name));
            continue;
        }
        auto value = normalise(*field, text);
        if (value)
            out.emplace(name, std::move(*value));
        else
            faults.push_back(std::move(value).error());
    }
    return out;
}

Fields with_defaults(const Register& target, Fields input) {
    for (const auto& field : target.fields)
        if (!field.default_value.empty()) input.try_emplace(field.name, field.default_value);
    std::erase_if(input, [](const auto& entry) { return entry.second.empty(); });
    return input;
}

Fields merged(Fields row, const Fields& input) {
    for (const auto& [name, value] : input) {
        if (value.empty())
            row.erase(name);
        else
            row[name] = value;
    }
    return row;
}

void check_complete(const Register& target, const Fields& row, std::vector<Error>& faults) {
    for (const auto& field : target.fields)
        if (field.required && !row.contains(field.name))
            faults.push_back(fail(Code::invalid, "registers.required", {{"field", field.name}}).error);
}

std::string encode(const Register& target, const Fields& row, std::string_view old_body) {
    json body = json::object();
    if (!old_body.empty()) {
        const auto old = json::parse(old_body, nullptr, false);
        if (old.is_object())
            for (const auto& [name, value] : old.items())
                if (target.field(name) == nullptr) body[name] = value;
    }
    for (const auto& field : target.fields) {
        const auto found = row.find(field.name);
        if (found != row.end() && !found->second.empty()) body[field.name] = found->second;
    }
    return body.dump();
}

Fields decode(const Register& target, std::string_view body) {
    Fields out;
    const auto object = json::parse(body, nullptr, false);
    if (!object.is_object()) return out;
    for (const auto& field : target.fields) {
        const auto found = object.find(field.name);
        if (found == object.end()) continue;
        auto text = shown(*found);
        if (!text.empty()) out.emplace(field.name, std::move(text));
    }
    return out;
}

}  // namespace tilsyn::registers
