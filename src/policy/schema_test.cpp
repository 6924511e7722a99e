#include "policy/schema.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <regex>

#include "base/file.hpp"
#include "policy/keys.hpp"
#include "policy/load.hpp"
#include "policy/reference.hpp"
#include "policy/test_kinds.hpp"
#include "policy/toml_document.hpp"

namespace tilsyn::policy {
namespace {

using Json = nlohmann::json;

Json json_of(const TomlNode& node) {
    switch (node.type) {
        case TomlNode::Type::text:
            return node.text;
        case TomlNode::Type::integer:
            return node.integer;
        case TomlNode::Type::real:
            return node.real;
        case TomlNode::Type::boolean:
            return node.boolean;
        case TomlNode::Type::date:
            return format_date(node.date);
        case TomlNode::Type::other_time:
            return {};
        case TomlNode::Type::array: {
            auto list = Json::array();
            for (const auto& item : node.items) list.push_back(json_of(item));
            return list;
        }
        case TomlNode::Type::table: {
            auto object = Json::object();
            for (const auto& entry : node.entries) object[entry.key] = json_of(entry.value);
            return object;
        }
    }
    return {};
}

// As much of JSON Schema as ours uses; a keyword it does not know fails the test.
bool valid(const Json& schema, const Json& value) {
    const auto is = [&](const std::string& type) {
        return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
               (type == "string" && value.is_string()) || (type == "integer" && value.is_number_integer()) ||
               (type == "number" && value.is_number()) || (type == "boolean" && value.is_boolean());
    };
    const Json members = value.is_object() ? value : Json::object();
    for (const auto& [word, rule] : schema.items()) {
        if (word == "$schema" || word == "title" || word == "description" || word == "default" || word == "examples" ||
            word == "format")
            continue;
        if (word == "type") {
            if (rule.is_string() ? !is(rule) : std::ranges::none_of(rule, [&](const Json& t) { return is(t); }))
                return false;
        } else if (word == "enum") {
            if (std::ranges::find(rule, value) == rule.end()) return false;
        } else if (word == "const") {
            if (value != rule) return false;
        } else if (word == "pattern") {
            if (value.is_string() && !std::regex_search(value.get<std::string>(), std::regex(rule.get<std::string>())))
                return false;
        } else if (word == "minimum") {
            if (value.is_number() && value.get<double>() < rule.get<double>()) return false;
        } else if (word == "maximum") {
            if (value.is_number() && value.get<double>() > rule.get<double>()) return false;
        } else if (word == "minItems") {
            if (value.is_array() && value.size() < rule.get<std::size_t>()) return false;
        } else if (word == "uniqueItems") {
            for (std::size_t i = 0; i < value.size(); ++i)
                if (std::find(value.begin(), value.begin() + std::ptrdiff_t(i), value[i]) !=
                    value.begin() + std::ptrdiff_t(i))
                    return false;
        } else if (word == "items") {
            if (!value.is_array()) continue;
            for (const auto& item : value)
                if (!valid(rule, item)) return false;
        } else if (word == "required") {
            if (value.is_object() &&
                !std::ranges::all_of(rule, [&](const Json& key) { return value.contains(key.get<std::string>()); }))
                return false;
        } else if (word == "properties") {
            for (const auto& [key, sub] : rule.items())
                if (value.is_object() && value.contains(key) && !valid(sub, value[key])) return false;
        } else if (word == "additionalProperties") {
            for (const auto& [key, sub] : members.items()) {
                if (schema.contains("properties") && schema["properties"].contains(key)) continue;
                if (rule == false || (rule.is_object() && !valid(rule, sub))) return false;
            }
        } else if (word == "propertyNames") {
            for (const auto& [key, sub] : members.items())
                if (!valid(rule, key)) return false;
        } else if (word == "anyOf" || word == "oneOf") {
            const auto fitting = std::ranges::count_if(rule, [&](const Json& sub) { return valid(sub, value); });
            if (fitting == 0 || (word == "oneOf" && fitting != 1)) return false;
        } else {
            ADD_FAILURE() << "a keyword the test does not know: " << word;
        }
    }
    return true;
}

bool fits(const std::string& toml) {
    static const auto schema = json_schema(test::kinds(), Lang::en);
    const auto document = TomlDocument::parse(toml, "p.toml");
    EXPECT_TRUE(document) << toml;
    return valid(schema, json_of(document->root()));
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    EXPECT_NE(text.find(from), std::string::npos) << from;
    return text.replace(text.find(from), from.size(), to);
}

TEST(Schema, AcceptsAGoodPolicyAndRefusesSlips) {
    const std::string good = test::good_policy;
    EXPECT_TRUE(fits(good));
    const std::pair<const char*, const char*> slips[] = {
        {"company =", "compny ="},
        {"severity = \"high\"", "severity = \"hihg\""},
        {"window = \"2h\"", "window = 2"},
        {"window = \"2h\"", "window = \"soon\""},
        {"owner = \"it\"\n", ""},
        {"kind = \"query\"", "kind = \"qery\""},
        {"sql = ", "sqll = "},
        {"[control.fresh]", "[control.Fresh]"},
        {"[promise.B2b]", "[promise.b2b]"},
        {"promises = [\"B1\", \"B2a\"]", "promises = []"},
        {"{ da = \"IT\", en = \"IT\" }", "\"IT\""},
    };
    for (const auto& [from, to] : slips) EXPECT_FALSE(fits(replaced(good, from, to))) << to;
}

// Whatever the schema accepts as an example or default, the parser does too: both come from the table of keys.
TEST(Schema, ExamplesAndDefaultsAreValid) {
    const auto schema = json_schema(test::kinds(), Lang::da);
    int seen = 0;
    const std::function<void(const Json&)> walk = [&](const Json& node) {
        if (node.is_object()) {
            if (node.contains("examples")) {
                ++seen;
                for (const auto& example : node["examples"]) EXPECT_TRUE(valid(node, example)) << node.dump();
            }
            if (node.contains("default")) {
                EXPECT_TRUE(valid(node, node["default"])) << node.dump();
            }
        }
        if (node.is_structured())
            for (const auto& child : node) walk(child);
    };
    walk(schema);
    EXPECT_GT(seen, 25);
}

TEST(Keys, SayWhatTheyAreInBothLanguages) {
    for (const auto& key : keys()) {
        EXPECT_FALSE(key.help.en.empty()) << key.name;
        EXPECT_FALSE(key.help.da.empty()) << key.name;
        EXPECT_TRUE(!key.required || key.default_value.empty()) << key.name;
    }
}

TEST(Reference, IsTheOneInTheDocs) {
    const auto text = reference();
    for (const auto& key : keys())
        EXPECT_NE(text.find("| `" + std::string(key.name) + "` |"), std::string::npos) << key.name;
    if (std::getenv("TILSYN_WRITE_EXPECTED") != nullptr) {
        ASSERT_TRUE(write_file("docs/policy-reference.md", text));
    }
    EXPECT_EQ(read_file("docs/policy-reference.md").value(), text)
        << "run with TILSYN_WRITE_EXPECTED=1 to write it anew";
}

}  // namespace
}  // namespace tilsyn::policy
