// For tests: api/openapi.yaml read as JSON, and answers held to its schemas.
//
// Reads the part of YAML that the contract keeps to: maps by indentation, "- " lists of one line each, {} and [] on one
// line, plain and "quoted" texts, comments on lines of their own. Anything else throws: the contract stays readable.
#pragma once
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"

namespace tilsyn::contract {

using nlohmann::json;

class Yaml {
  public:
    explicit Yaml(std::string_view text) {
        for (const auto line : split(text, '\n')) {
            const auto content = trim(line);
            if (!content.empty() && content.front() != '#') lines_.push_back({line.find_first_not_of(' '), content});
        }
    }
    json read() {
        auto value = block(0);
        if (next_ != lines_.size()) fault("wrongly indented");
        return value;
    }

  private:
    struct Line {
        std::size_t indent;
        std::string_view content;
    };
    [[noreturn]] void fault(const std::string& what) const {
        throw std::runtime_error(what + ": " + std::string(next_ < lines_.size() ? lines_[next_].content : "the end"));
    }
    json block(std::size_t indent) {
        json value;
        while (next_ < lines_.size() && lines_[next_].indent == indent) {
            auto rest = lines_[next_].content;
            if (rest.starts_with("- ")) {
                rest.remove_prefix(2);
                value.push_back(flow(rest));
                if (!rest.empty()) fault("something behind the value");
                ++next_;
                continue;
            }
            const auto name = key(rest);
            if (value.contains(name)) fault("twice");
            if (!rest.empty()) {
                const bool plain = std::string_view("{[\"").find(rest.front()) == rest.npos;
                value[name] = plain ? scalar(rest) : flow(rest);
                if (!plain && !rest.empty()) fault("something behind the value");
                ++next_;
            } else {
                ++next_;
                if (next_ == lines_.size() || lines_[next_].indent <= indent) fault("nothing below");
                value[name] = block(lines_[next_].indent);
            }
        }
        return value;
    }
    std::string quoted(std::string_view& rest) const {
        const auto end = rest.find('"', 1);
        if (end == rest.npos || rest.substr(0, end).find('\\') != rest.npos)
            fault("a text that is not closed, or with \\");
        std::string text(rest.substr(1, end - 1));
        rest = rest.substr(end + 1);
        return text;
    }
    // Leaves what stands behind "key:".
    std::string key(std::string_view& rest) const {
        std::string name;
        if (rest.front() == '"')
            name = quoted(rest);
        else {
            const auto end = rest.find(':');
            if (end == rest.npos) fault("no key");
            name = rest.substr(0, end);
            rest.remove_prefix(end);
        }
        if (!rest.starts_with(':') || (rest.size() > 1 && rest[1] != ' ')) fault("no key");
        rest = trim(rest.substr(1));
        return name;
    }
    static json scalar(std::string_view text) {
        if (text == "true" || text == "false") return text == "true";
        if (text == "null") return nullptr;
        if (!text.empty() && text.find_first_not_of("0123456789") == text.npos) return std::stoll(std::string(text));
        return std::string(text);
    }
    json flow(std::string_view& rest) const {
        rest = trim(rest);
        if (rest.empty()) fault("no value");
        if (rest.front() == '"') return quoted(rest);
        if (rest.front() != '{' && rest.front() != '[') {
            const auto end = std::min(rest.find_first_of(",]}"), rest.size());
            auto value = scalar(trim(rest.substr(0, end)));
            rest = rest.substr(end);
            return value;
        }
        const bool map = rest.front() == '{';
        const char close = map ? '}' : ']';
        json value = map ? json::object() : json::array();
        rest = trim(rest.substr(1));
        while (!rest.empty() && rest.front() != close) {
            if (map) {
                const auto name = key(rest);
                value[name] = flow(rest);
            } else {
                value.push_back(flow(rest));
            }
            rest = trim(rest);
            if (rest.starts_with(','))
                rest = trim(rest.substr(1));
            else if (rest.empty() || rest.front() != close)
                fault("neither , nor the end");
        }
        if (rest.empty()) fault("not closed");
        rest = trim(rest.substr(1));
        return value;
    }

    std::vector<Line> lines_;
    std::size_t next_ = 0;
};

// What is wrong with a value by its schema; the parts of JSON Schema that the contract uses.
class Schemas {
  public:
    explicit Schemas(json document) : document_(std::move(document)) {}
    const json& document() const { return document_; }

    const json& resolve(const json& node) const {
        if (!node.is_object() || !node.contains("$ref"))
            return node;  // NOLINT(bugprone-return-const-ref-from-parameter): a part of the document
        return resolve(document_.at(json::json_pointer(node["$ref"].get<std::string>().substr(1))));
    }
    std::vector<std::string> faults(const json& schema, const json& value) const {
        std::vector<std::string> found;
        check(resolve(schema), value, "", found);
        return found;
    }

  private:
    static bool is(const std::string& type, const json& value) {
        return type == "object"    ? value.is_object()
               : type == "array"   ? value.is_array()
               : type == "string"  ? value.is_string()
               : type == "integer" ? value.is_number_integer()
               : type == "number"  ? value.is_number()
               : type == "boolean" ? value.is_boolean()
                                   : value.is_null();
    }
    void check(const json& schema, const json& value, const std::string& path, std::vector<std::string>& found) const {
        if (schema.contains("oneOf")) {
            std::size_t fitting = 0;
            std::vector<std::string> closest;
            for (const auto& one : schema["oneOf"]) {
                std::vector<std::string> against;
                check(resolve(one), value, path, against);
                if (against.empty())
                    ++fitting;
                else if (closest.empty() || one.contains("$ref"))
                    closest = std::move(against);
            }
            if (fitting == 0) found.insert(found.end(), closest.begin(), closest.end());
            if (fitting > 1) found.push_back(path + ": fits several of " + schema["oneOf"].dump());
            return;
        }
        if (schema.contains("type")) {
            const auto& type = schema["type"];
            const bool fits = type.is_string()
                                  ? is(type, value)
                                  : std::ranges::any_of(type, [&](const json& one) { return is(one, value); });
            if (!fits) return found.push_back(path + ": " + value.dump().substr(0, 60) + " is not " + type.dump());
        }
        if (schema.contains("enum") && std::ranges::find(schema["enum"], value) == schema["enum"].end())
            found.push_back(path + ": " + value.dump() + " is none of " + schema["enum"].dump());
        if (value.is_array() && schema.contains("items"))
            for (std::size_t i = 0; i < value.size(); ++i)
                check(resolve(schema["items"]), value[i], path + "/" + std::to_string(i), found);
        if (!value.is_object()) return;
        for (const auto& name : schema.value("required", json::array()))
            if (!value.contains(name.get<std::string>()))
                found.push_back(path + ": " + name.get<std::string>() + " is missing");
        const auto properties = schema.value("properties", json::object());
        const auto others = schema.value("additionalProperties", json(true));
        for (const auto& [name, member] : value.items()) {
            if (properties.contains(name))
                check(resolve(properties[name]), member, path + "/" + name, found);
            else if (others.is_object())
                check(resolve(others), member, path + "/" + name, found);
            else if (others == false)
                found.push_back(path + ": " + name + " is not in the contract");
        }
    }

    json document_;
};

}  // namespace tilsyn::contract
