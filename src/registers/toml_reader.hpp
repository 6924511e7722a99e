// Values out of TOML tables, with a fault for whatever is not as expected; reading goes on with an empty value.
#pragma once
#include "base/toml.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "registers/types.hpp"

namespace tilsyn::registers {

class TomlReader {
  protected:
    TomlReader(std::string_view file, std::vector<Error>& faults) : file_(file), faults_(&faults) {}

    Position at(const toml::source_region& source) const {
        return {std::string(file_), int(source.begin.line), int(source.begin.column)};
    }
    Position at(const toml::node& node) const { return at(node.source()); }
    // Of the value of a key, or of the table when the key is missing.
    Position of(const toml::table& table, std::string_view key) const {
        const auto* node = table.get(key);
        return node == nullptr ? at(table) : at(*node);
    }

    void fault(Error error) { faults_->push_back(std::move(error)); }
    void fault(Position where, std::string_view key, Params params = {}) {
        faults_->push_back(fail(Code::invalid, key, params).at(std::move(where)).error);
    }
    void fault_near(Position where, std::string_view key, Params params, std::string_view typed,
                    const std::vector<std::string>& names) {
        auto error = fail(Code::invalid, key, params).at(std::move(where)).error;
        if (auto near = nearest(typed, names)) error.hint = msg("registers.did-you-mean", {{"name", *near}});
        faults_->push_back(std::move(error));
    }

    void known_keys(const toml::table& table, const std::vector<std::string>& known) {
        for (const auto& [key, value] : table)
            if (std::ranges::find(known, key.str()) == known.end())
                fault_near(at(key.source()), "registers.declare.unknown-key",
                           {{"key", std::string(key.str())}, {"known", join(known, ", ")}}, key.str(), known);
    }

    void wrong_type(const toml::node& node, std::string_view key, std::string_view wanted_key) {
        fault(at(node), wanted_key, {{"key", std::string(key)}});
    }
    const toml::table* expect_table(const toml::node& node, std::string_view key) {
        if (node.is_table()) return node.as_table();
        wrong_type(node, key, "registers.declare.expected-table");
        return nullptr;
    }
    std::string string(const toml::table& table, std::string_view key) {
        const auto* node = table.get(key);
        if (node == nullptr) return {};
        if (const auto* value = node->as_string()) return value->get();
        wrong_type(*node, key, "registers.declare.expected-text");
        return {};
    }
    bool flag(const toml::table& table, std::string_view key) {
        const auto* node = table.get(key);
        if (node == nullptr) return false;
        if (const auto* value = node->as_boolean()) return value->get();
        wrong_type(*node, key, "registers.declare.expected-flag");
        return false;
    }
    std::optional<double> real(const toml::table& table, std::string_view key) {
        const auto* node = table.get(key);
        if (node == nullptr) return std::nullopt;
        if (node->is_number()) return node->value<double>();
        wrong_type(*node, key, "registers.declare.expected-number");
        return std::nullopt;
    }
    // { da = "...", en = "..." }, or one text for both languages.
    Text text(const toml::table& table, std::string_view key) {
        const auto* node = table.get(key);
        if (node == nullptr) return {};
        if (const auto* value = node->as_string()) return {value->get(), value->get()};
        const auto* both = node->as_table();
        if (both == nullptr) {
            wrong_type(*node, key, "registers.declare.expected-texts");
            return {};
        }
        known_keys(*both, {"da", "en"});
        return {string(*both, "en"), string(*both, "da")};
    }

  private:
    std::string_view file_;
    std::vector<Error>* faults_;
};

}  // namespace tilsyn::registers
