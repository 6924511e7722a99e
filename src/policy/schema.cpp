#include "policy/schema.hpp"

#include <nlohmann/json.hpp>

#include "policy/keys.hpp"
#include "policy/toml_document.hpp"

namespace tilsyn::policy {
namespace {

using Json = nlohmann::json;

constexpr auto id_pattern = "^[a-z0-9][a-z0-9._-]{0,63}$";
constexpr auto promise_pattern = "^[A-Z][A-Za-z0-9-]{0,63}$";
constexpr auto path_pattern = R"(^(?!/)(?!.*\.\.)[^\\]+$)";
constexpr auto duration_pattern = R"(^ *([0-9]+ *(ms|s|m|min|h|d|w|seconds?|minutes?|hours?|days?|weeks?) *)+$)";

Json text_schema() {
    return {{"type", "string"}, {"pattern", "\\S"}};
}
Json list_of(Json items) {
    return {{"type", "array"}, {"items", std::move(items)}};
}
Json bilingual_schema() {
    return {{"type", "object"},
            {"properties", {{"da", text_schema()}, {"en", text_schema()}}},
            {"required", {"da", "en"}},
            {"additionalProperties", false}};
}
Json map_schema() {
    return {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}};
}

void limits(Json& schema, std::optional<double> min, std::optional<double> max) {
    const auto number = [](double value) -> Json {
        if (value == double(std::int64_t(value))) return std::int64_t(value);
        return value;
    };
    if (min) schema["minimum"] = number(*min);
    if (max) schema["maximum"] = number(*max);
}

// A default or an example as TOML, as the JSON value it stands for; dates are texts in JSON.
std::optional<Json> json_of(const TomlNode& node) {
    switch (node.type) {
        case TomlNode::Type::text:
            return Json(node.text);
        case TomlNode::Type::integer:
            return Json(node.integer);
        case TomlNode::Type::real:
            return Json(node.real);
        case TomlNode::Type::boolean:
            return Json(node.boolean);
        case TomlNode::Type::date:
            return Json(format_date(node.date));
        case TomlNode::Type::other_time:
            return std::nullopt;
        case TomlNode::Type::array: {
            auto list = Json::array();
            for (const auto& item : node.items)
                if (auto value = json_of(item)) list.push_back(std::move(*value));
            return list;
        }
        case TomlNode::Type::table: {
            auto object = Json::object();
            for (const auto& entry : node.entries)
                if (auto value = json_of(entry.value)) object[entry.key] = std::move(*value);
            return object;
        }
    }
    return std::nullopt;
}

std::optional<Json> json_of_toml(std::string_view toml) {
    if (toml.empty()) return std::nullopt;
    const auto document = TomlDocument::parse("value = " + std::string(toml) + "\n", "");
    return document ? json_of(*document->root().find("value")) : std::nullopt;
}

void describe(Json& schema, const Text& help, std::string_view default_value, std::string_view example, Lang lang) {
    if (!help.empty()) schema["description"] = help.in(lang);
    if (auto value = json_of_toml(default_value)) schema["default"] = std::move(*value);
    if (auto value = json_of_toml(example)) schema["examples"] = Json::array({std::move(*value)});
}

class Writer {
  public:
    Writer(std::span<const KindSpec* const> kinds, Lang lang) : kinds_(kinds), lang_(lang) {}

    Json object(Scope scope) const {
        Json out{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
        for (const auto* key : keys_of(scope)) {
            auto schema = of(*key);
            describe(schema, key->help, key->default_value, key->example, lang_);
            out["properties"][std::string(key->name)] = std::move(schema);
            if (key->required && scope != Scope::root) out["required"].push_back(key->name);
        }
        return out;
    }

  private:
    Json of(const KeySpec& key) const {
        switch (key.type) {
            case KeyType::text:
            case KeyType::register_name:
                return key.name == "id" ? Json{{"type", "string"}, {"pattern", id_pattern}} : text_schema();
            case KeyType::role_id:
                return {{"type", "string"}, {"pattern", id_pattern}};
            case KeyType::path:
                return {{"type", "string"}, {"pattern", path_pattern}};
            case KeyType::choice:
                return {{"enum", key.choices}};
            case KeyType::promise_ids: {
                auto list = list_of({{"type", "string"}, {"pattern", promise_pattern}});
                list["minItems"] = 1;
                list["uniqueItems"] = true;
                return list;
            }
            case KeyType::patterns:
                return list_of({{"type", "string"}, {"pattern", path_pattern}});
            case KeyType::kind_name:
                return kind_names();
            case KeyType::bilingual:
            case KeyType::prose:
                return bilingual_schema();
            case KeyType::integer: {
                Json schema{{"type", "integer"}};
                limits(schema, key.min, key.max);
                return schema;
            }
            case KeyType::duration:
                return {{"type", "string"}, {"pattern", duration_pattern}};
            case KeyType::cadence:
                return text_schema();
            case KeyType::dates:
                return list_of({{"type", "string"}, {"format", "date"}});
            case KeyType::text_map:
                return map_schema();
            case KeyType::filter: {
                const Json value{{"type", {"string", "boolean", "integer"}}};
                auto list = list_of(value);
                list["minItems"] = 1;
                return {{"type", "object"}, {"additionalProperties", {{"anyOf", {value, list}}}}};
            }
            case KeyType::subjects:
                return {{"anyOf", Json::array({text_schema(), object(key.inner)})}};
            case KeyType::check:
                return check();
            case KeyType::tables: {
                return {{"type", "object"},
                        {"propertyNames", {{"pattern", key.inner == Scope::promise ? promise_pattern : id_pattern}}},
                        {"additionalProperties", object(key.inner)}};
            }
            case KeyType::registers:
                return {{"type", "object"}, {"additionalProperties", {{"type", "object"}}}};
        }
        return Json::object();
    }

    Json kind_names() const {
        Json names = Json::array();
        for (const auto* kind : kinds_) names.push_back(kind->name);
        return {{"enum", names}};
    }

    Json param(const ParamSpec& spec) const {
        switch (spec.type) {
            case ParamType::text:
            case ParamType::sql:
                return text_schema();
            case ParamType::choice:
                return {{"enum", spec.choices}};
            case ParamType::boolean:
                return {{"type", "boolean"}};
            case ParamType::duration:
                return {{"type", "string"}, {"pattern", duration_pattern}};
            case ParamType::text_list:
                return list_of({{"type", "string"}});
            case ParamType::bilingual:
                return bilingual_schema();
            case ParamType::bilingual_list:
                return list_of(bilingual_schema());
            case ParamType::map:
                return map_schema();
            case ParamType::integer:
            case ParamType::real:
            case ParamType::integer_list: {
                Json number{{"type", spec.type == ParamType::real ? "number" : "integer"}};
                limits(number, spec.min, spec.max);
                return spec.type == ParamType::integer_list ? list_of(std::move(number)) : number;
            }
        }
        return Json::object();
    }

    // One form for each kind, told apart by `kind`.
    Json check() const {
        Json forms = Json::array();
        for (const auto* kind : kinds_) {
            Json form{{"type", "object"},
                      {"title", kind->title.in(lang_)},
                      {"additionalProperties", false},
                      {"required", Json::array({"kind"})}};
            form["properties"]["kind"] = {{"const", kind->name}, {"description", kind->summary.in(lang_)}};
            for (const auto& spec : kind->params) {
                auto schema = param(spec);
                describe(schema, spec.help, spec.default_value, spec.example, lang_);
                form["properties"][spec.name] = std::move(schema);
                if (spec.required) form["required"].push_back(spec.name);
            }
            forms.push_back(std::move(form));
        }
        return {{"type", "object"},
                {"required", Json::array({"kind"})},
                {"properties", {{"kind", kind_names()}}},
                {"oneOf", std::move(forms)}};
    }

    std::span<const KindSpec* const> kinds_;
    Lang lang_;
};

}  // namespace

Json json_schema(std::span<const KindSpec* const> kinds, Lang lang) {
    auto schema = Writer(kinds, lang).object(Scope::root);
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
    schema["title"] = tr(lang, "policy.schema-title");
    return schema;
}

}  // namespace tilsyn::policy
