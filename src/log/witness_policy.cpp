#include "log/witness_policy.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "log/checkpoint.hpp"

namespace tilsyn::log {
namespace {

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    for (const auto word : split(line, ' '))
        if (!trim(word).empty()) words.push_back(trim(word));
    return words;
}

}  // namespace

Result<WitnessPolicy> WitnessPolicy::parse(std::string_view text, std::string_view file) {
    WitnessPolicy policy;
    std::set<std::string> grouped, defined;
    bool has_quorum = false;
    int number = 0;
    const auto wrong = [&](std::string_view key, Params params = {}) {
        return fail(Code::invalid, key, params).at({std::string(file), number, 0});
    };
    const auto define = [&](std::string_view name) { return name != "none" && defined.emplace(name).second; };
    for (auto line : split(text, '\n')) {
        ++number;
        line = trim(line);
        if (line.empty() || line.starts_with('#')) continue;
        const auto words = words_of(line);
        const auto kind = words[0];
        if (kind == "log" && (words.size() == 2 || words.size() == 3)) {
            auto key = parse_vkey(words[1]);
            if (!key) return wrong("log.bad-vkey");
            policy.logs_.push_back({*std::move(key), words.size() == 3 ? std::string(words[2]) : ""});
        } else if (kind == "witness" && (words.size() == 3 || words.size() == 4)) {
            auto key = parse_vkey(words[2]);
            if (!key || key->type != KeyType::cosignature) return wrong("log.bad-vkey");
            if (!define(words[1])) return wrong("log.policy-twice", {{"name", std::string(words[1])}});
            policy.witnesses_.push_back(
                {std::string(words[1]), *std::move(key), words.size() == 4 ? std::string(words[3]) : ""});
        } else if (kind == "group" && words.size() >= 4) {
            Group group{std::string(words[1]), 0, {}};
            for (std::size_t i = 3; i < words.size(); ++i) {
                std::string member(words[i]);
                if (!defined.contains(member)) return wrong("log.policy-unknown", {{"name", member}});
                if (!grouped.insert(member).second) return wrong("log.policy-twice", {{"name", member}});
                group.members.push_back(std::move(member));
            }
            if (words[2] == "any") {
                group.needed = 1;
            } else if (words[2] == "all") {
                group.needed = group.members.size();
            } else {
                const auto needed = parse_decimal(words[2]);
                if (!needed || *needed < 1 || std::size_t(*needed) > group.members.size())
                    return wrong("log.policy-count", {{"count", std::to_string(group.members.size())}});
                group.needed = std::size_t(*needed);
            }
            if (!define(words[1])) return wrong("log.policy-twice", {{"name", std::string(words[1])}});
            policy.groups_.push_back(std::move(group));
        } else if (kind == "quorum" && words.size() == 2) {
            if (has_quorum) return wrong("log.policy-twice", {{"name", "quorum"}});
            has_quorum = true;
            if (words[1] == "none") continue;
            if (!defined.contains(std::string(words[1])))
                return wrong("log.policy-unknown", {{"name", std::string(words[1])}});
            policy.quorum_ = words[1];
        } else {
            return wrong("log.policy-line");
        }
    }
    if (!has_quorum) return wrong("log.policy-no-quorum");
    return policy;
}

std::vector<VerifierKey> WitnessPolicy::witness_keys() const {
    std::vector<VerifierKey> keys;
    for (const auto& witness : witnesses_) keys.push_back(witness.key);
    return keys;
}

bool WitnessPolicy::holds(std::string_view name, const std::set<std::string>& present) const {
    const auto group = std::ranges::find(groups_, name, &Group::name);
    if (group == groups_.end()) return present.contains(std::string(name));
    // Members were defined earlier, so this ends.
    const auto count =
        std::ranges::count_if(group->members, [&](const std::string& member) { return holds(member, present); });
    return std::size_t(count) >= group->needed;
}

bool WitnessPolicy::satisfied(std::span<const GoodSignature> cosigned) const {
    if (quorum_.empty()) return true;
    std::set<std::string> present;
    for (const auto& witness : witnesses_)
        if (std::ranges::any_of(cosigned, [&](const GoodSignature& v) { return v.key == witness.key; }))
            present.insert(witness.name);
    return holds(quorum_, present);
}

}  // namespace tilsyn::log
