#include "policy/cursor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

#include "base/text.hpp"

namespace tilsyn::policy {
namespace {

std::string number_text(double value) {
    return fmt::format("{}", value);
}

// Limits of a duration are kept in seconds and read best as durations.
std::string span_text(double seconds) {
    constexpr double day = 86400;
    if (seconds >= 2 * day && seconds == day * double(std::int64_t(seconds / day)))
        return fmt::format("{} days", std::int64_t(seconds / day));
    return format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds)));
}

Message range_message(std::string_view key, const std::string& found, const std::optional<std::string>& min,
                      const std::optional<std::string>& max) {
    if (min && max && *min == *max)
        return msg("policy.must-be", {{"key", std::string(key)}, {"found", found}, {"value", *min}});
    if (min && max)
        return msg("policy.out-of-range", {{"key", std::string(key)}, {"found", found}, {"min", *min}, {"max", *max}});
    if (min) return msg("policy.too-small", {{"key", std::string(key)}, {"found", found}, {"min", *min}});
    return msg("policy.too-large", {{"key", std::string(key)}, {"found", found}, {"max", max.value_or("")}});
}

std::vector<std::string> strings(const std::vector<std::string_view>& views) {
    return {views.begin(), views.end()};
}

}  // namespace

void Faults::add(Position where, Message message, std::optional<Message> hint) {
    Error error;
    error.code = Code::invalid;
    error.message = std::move(message);
    error.hint = std::move(hint);
    error.where = std::move(where);
    into_->push_back(std::move(error));
}

void Faults::unknown_name(Position where, Message message, std::string_view typed, std::span<const std::string> names) {
    std::optional<Message> hint;
    if (auto near = nearest(typed, names)) {
        hint = msg("policy.did-you-mean", {{"name", std::move(*near)}});
    } else if (names.empty()) {
        hint = msg("policy.none-there");
    } else {
        constexpr std::size_t most = 20;  // more would bury the fault
        hint = msg(names.size() > most ? "policy.known-names-and-more" : "policy.known-names",
                   {{"names", join(names.first(std::min(names.size(), most)), ", ")}});
    }
    add(std::move(where), std::move(message), std::move(hint));
}

void Faults::unknown_reference(Position where, Message message, std::string_view typed,
                               std::span<const std::string> names) {
    if (!incomplete_ || nearest(typed, names)) unknown_name(std::move(where), std::move(message), typed, names);
}

// --- values ---------------------------------------------------------------------------------------------------------

void ValueReader::wrong_type(const TomlNode& node, std::string_view key, std::string_view message_key) const {
    faults_->add(at(node), msg(message_key, {{"key", std::string(key)}, {"found", document_->snippet(node)}}));
}

bool ValueReader::in_range(const TomlNode& node, std::string_view key, double value, std::optional<double> min,
                           std::optional<double> max) const {
    if ((!min || value >= *min) && (!max || value <= *max)) return true;
    const auto text = [](std::optional<double> limit) {
        return limit ? std::optional(number_text(*limit)) : std::nullopt;
    };
    faults_->add(at(node), range_message(key, document_->snippet(node), text(min), text(max)));
    return false;
}

std::optional<std::string> ValueReader::text(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::text) {
        wrong_type(node, key, "policy.expected-text");
        return std::nullopt;
    }
    if (trim(node.text).empty()) {
        faults_->add(at(node), msg("policy.empty-text", {{"key", std::string(key)}}));
        return std::nullopt;
    }
    return node.text;
}

std::optional<std::string> ValueReader::choice(const TomlNode& node, std::string_view key,
                                               std::span<const std::string> choices) const {
    if (node.type == TomlNode::Type::text && std::ranges::find(choices, node.text) != choices.end()) return node.text;
    std::optional<Message> hint;
    if (node.type == TomlNode::Type::text)
        if (auto near = nearest(node.text, choices)) hint = msg("policy.did-you-mean", {{"name", std::move(*near)}});
    faults_->add(
        at(node),
        msg("policy.expected-choice",
            {{"key", std::string(key)}, {"found", document_->snippet(node)}, {"choices", join(choices, ", ")}}),
        std::move(hint));
    return std::nullopt;
}

std::optional<std::int64_t> ValueReader::integer(const TomlNode& node, std::string_view key, std::optional<double> min,
                                                 std::optional<double> max) const {
    if (node.type != TomlNode::Type::integer) {
        wrong_type(node, key, "policy.expected-integer");
        return std::nullopt;
    }
    if (!in_range(node, key, double(node.integer), min, max)) return std::nullopt;
    return node.integer;
}

std::optional<double> ValueReader::real(const TomlNode& node, std::string_view key, std::optional<double> min,
                                        std::optional<double> max) const {
    const bool whole = node.type == TomlNode::Type::integer;
    const double value = whole ? double(node.integer) : node.real;
    if ((!whole && node.type != TomlNode::Type::real) || value != value) {
        wrong_type(node, key, "policy.expected-number");
        return std::nullopt;
    }
    if (!in_range(node, key, value, min, max)) return std::nullopt;
    return value;
}

std::optional<bool> ValueReader::boolean(const TomlNode& node, std::string_view key) const {
    if (node.type == TomlNode::Type::boolean) return node.boolean;
    wrong_type(node, key, "policy.expected-boolean");
    return std::nullopt;
}

std::optional<Duration> ValueReader::duration(const TomlNode& node, std::string_view key, std::optional<double> min,
                                              std::optional<double> max) const {
    if (node.type != TomlNode::Type::text) {
        wrong_type(node, key, "policy.expected-duration");
        return std::nullopt;
    }
    const auto span = parse_duration(node.text);
    if (!span) {
        faults_->add(at(node), msg("policy.bad-duration", {{"key", std::string(key)}, {"text", node.text}}),
                     msg("policy.duration-forms"));
        return std::nullopt;
    }
    const double seconds = std::chrono::duration<double>(*span).count();
    if ((!min || seconds >= *min) && (!max || seconds <= *max)) return *span;
    const auto limit = [](std::optional<double> value) {
        return value ? std::optional(span_text(*value)) : std::nullopt;
    };
    faults_->add(at(node), range_message(key, document_->snippet(node), limit(min), limit(max)));
    return std::nullopt;
}

std::optional<Cadence> ValueReader::cadence(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::text) {
        faults_->add(at(node),
                     msg("policy.expected-cadence", {{"key", std::string(key)}, {"found", document_->snippet(node)}}),
                     msg("policy.cadence-forms"));
        return std::nullopt;
    }
    auto parsed = parse_cadence(node.text);
    if (parsed) return std::move(*parsed);
    faults_->add(std::move(parsed).error().at(at(node)));
    return std::nullopt;
}

std::optional<Text> ValueReader::bilingual(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::table) {
        wrong_type(node, key, "policy.expected-bilingual");
        return std::nullopt;
    }
    const auto before = faults_->count();
    static const std::vector<std::string> languages{"da", "en"};
    for (const auto& entry : node.entries)
        if (std::ranges::find(languages, entry.key) == languages.end())
            faults_->add(at(entry), msg("policy.unknown-language", {{"key", std::string(key)}, {"found", entry.key}}));
    const auto one = [&](std::string_view language, std::string_view missing_key) -> std::string {
        const auto* given = node.find(language);
        if (given != nullptr && given->type != TomlNode::Type::text) {
            wrong_type(*given, fmt::format("{}.{}", key, language), "policy.expected-text");
            return {};
        }
        if (given == nullptr || trim(given->text).empty()) {
            faults_->add(at(given != nullptr ? *given : node), msg(missing_key, {{"key", std::string(key)}}));
            return {};
        }
        return given->text;
    };
    Text out{one("en", "policy.no-english"), one("da", "policy.no-danish")};
    if (faults_->count() != before) return std::nullopt;
    return out;
}

std::optional<std::vector<Text>> ValueReader::bilingual_list(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::array) {
        wrong_type(node, key, "policy.expected-bilingual-list");
        return std::nullopt;
    }
    std::vector<Text> out;
    bool good = true;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        auto text = bilingual(node.items[i], fmt::format("{}[{}]", key, i + 1));
        good = good && text;
        if (text) out.push_back(std::move(*text));
    }
    if (!good) return std::nullopt;
    return out;
}

std::optional<std::vector<std::string>> ValueReader::texts(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::array) {
        wrong_type(node, key, "policy.expected-texts");
        return std::nullopt;
    }
    std::vector<std::string> out;
    bool good = true;
    for (const auto& item : node.items) {
        if (item.type != TomlNode::Type::text) {
            wrong_type(item, key, "policy.expected-text-in-list");
            good = false;
        } else {
            out.push_back(item.text);
        }
    }
    if (!good) return std::nullopt;
    return out;
}

std::optional<std::vector<std::int64_t>> ValueReader::integers(const TomlNode& node, std::string_view key,
                                                               std::optional<double> min,
                                                               std::optional<double> max) const {
    if (node.type != TomlNode::Type::array) {
        wrong_type(node, key, "policy.expected-integers");
        return std::nullopt;
    }
    std::vector<std::int64_t> out;
    bool good = true;
    for (const auto& item : node.items) {
        const auto value = integer(item, key, min, max);
        good = good && value;
        if (value) out.push_back(*value);
    }
    if (!good) return std::nullopt;
    return out;
}

std::optional<std::vector<Date>> ValueReader::dates(const TomlNode& node, std::string_view key) const {
    if (node.type != TomlNode::Type::array) {
        wrong_type(node, key, "policy.expected-dates");
        return std::nullopt;
    }
    std::vector<Date> out;
    for (const auto& item : node.items) {
        if (item.type == TomlNode::Type::date)
            out.push_back(item.date);
        else
            wrong_type(item, key, "policy.expected-dates");
    }
    return out;
}

std::optional<std::map<std::string, std::string>> ValueReader::text_map(const TomlNode& node,
                                                                        std::string_view key) const {
    if (node.type != TomlNode::Type::table) {
        wrong_type(node, key, "policy.expected-map");
        return std::nullopt;
    }
    std::map<std::string, std::string> out;
    bool good = true;
    for (const auto& entry : node.entries) {
        if (entry.value.type != TomlNode::Type::text) {
            wrong_type(entry.value, fmt::format("{}.{}", key, entry.key), "policy.expected-text");
            good = false;
        } else {
            out[entry.key] = entry.value.text;
        }
    }
    if (!good) return std::nullopt;
    return out;
}

// --- a table --------------------------------------------------------------------------------------------------------

std::string Cursor::path(std::string_view key) const {
    return name_.empty() ? std::string(key) : fmt::format("{}.{}", name_, key);
}

Position Cursor::at(std::string_view key) const {
    const auto* found = table_->find(key);
    return found == nullptr ? where_ : reader_.at(*found);
}

void Cursor::refuse_unknown_keys(bool main_file) const {
    std::vector<std::string> names;
    for (const auto* spec : keys_of(scope_))
        if (main_file || !spec->main_file_only) names.emplace_back(spec->name);
    for (const auto& entry : table_->entries) {
        const auto* spec = find_key(scope_, entry.key);
        if (spec == nullptr && scope_ == Scope::control && find_key(Scope::check, entry.key) != nullptr)
            faults().add(reader_.at(entry), msg("policy.unknown-key", {{"key", path(entry.key)}}),
                         msg("policy.belongs-in", {{"key", entry.key}, {"table", path("check")}}));
        else if (spec == nullptr)
            faults().unknown_name(reader_.at(entry), msg("policy.unknown-key", {{"key", path(entry.key)}}), entry.key,
                                  names);
        else if (!main_file && spec->main_file_only)
            faults().add(reader_.at(entry), msg("policy.main-file-only", {{"key", entry.key}}));
    }
}

// A required key that stands there with a slip of the pen is one fault, not two.
bool Cursor::misspelt(std::string_view key) const {
    std::vector<std::string> names;
    for (const auto* spec : keys_of(scope_)) names.emplace_back(spec->name);
    return std::ranges::any_of(table_->entries, [&](const TomlEntry& entry) {
        return find_key(scope_, entry.key) == nullptr && nearest(entry.key, names) == std::string(key);
    });
}

const TomlNode* Cursor::node(std::string_view key) const {
    const auto* spec = find_key(scope_, key);
    assert(spec != nullptr);
    const auto* found = table_->find(key);
    if (found == nullptr && spec->required && !misspelt(key)) {
        if (spec->example.empty())
            faults().add(where_, msg("policy.missing-key", {{"key", path(key)}}));
        else
            faults().add(where_, msg("policy.missing-key", {{"key", path(key)}}),
                         msg("policy.example", {{"key", std::string(key)}, {"example", std::string(spec->example)}}));
    }
    return found;
}

std::string Cursor::text(std::string_view key) const {
    const auto* spec = find_key(scope_, key);
    const auto* found = node(key);
    // A declared default is a TOML text without escapes.
    auto fallback = spec->default_value.size() < 2
                        ? std::string()
                        : std::string(spec->default_value.substr(1, spec->default_value.size() - 2));
    if (found == nullptr) return fallback;
    if (spec->type == KeyType::choice)
        return reader_.choice(*found, path(key), strings(spec->choices)).value_or(fallback);
    return reader_.text(*found, path(key)).value_or("");
}

std::optional<std::int64_t> Cursor::integer(std::string_view key) const {
    const auto* spec = find_key(scope_, key);
    const auto* found = node(key);
    return found == nullptr ? std::nullopt : reader_.integer(*found, path(key), spec->min, spec->max);
}

std::optional<Duration> Cursor::duration(std::string_view key) const {
    const auto* spec = find_key(scope_, key);
    const auto* found = node(key);
    return found == nullptr ? std::nullopt : reader_.duration(*found, path(key), spec->min, spec->max);
}

std::optional<Cadence> Cursor::cadence(std::string_view key) const {
    const auto* found = node(key);
    return found == nullptr ? std::nullopt : reader_.cadence(*found, path(key));
}

Text Cursor::bilingual(std::string_view key) const {
    const auto* found = node(key);
    return found == nullptr ? Text{} : reader_.bilingual(*found, path(key)).value_or(Text{});
}

std::vector<std::string> Cursor::texts(std::string_view key) const {
    const auto* found = node(key);
    return found == nullptr ? std::vector<std::string>{}
                            : reader_.texts(*found, path(key)).value_or(std::vector<std::string>{});
}

std::vector<Date> Cursor::dates(std::string_view key) const {
    const auto* found = node(key);
    return found == nullptr ? std::vector<Date>{} : reader_.dates(*found, path(key)).value_or(std::vector<Date>{});
}

std::map<std::string, std::string> Cursor::text_map(std::string_view key) const {
    const auto* found = node(key);
    return found == nullptr ? std::map<std::string, std::string>{}
                            : reader_.text_map(*found, path(key)).value_or(std::map<std::string, std::string>{});
}

}  // namespace tilsyn::policy
