#include "policy/coverage.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

namespace tilsyn::policy {
namespace {

CoveredSentence look_at(const Sentence& sentence, const std::set<std::string_view>& kept) {
    CoveredSentence out;
    out.text = sentence.text();
    std::size_t good = 0, silent = 0;
    for (const auto& phrase : sentence.phrases) {
        if (phrase.no_promise) {
            ++silent;
            continue;
        }
        if (phrase.promises.empty()) {
            out.unmarked.push_back(phrase.text);
            continue;
        }
        bool all_kept = true;
        for (const auto& id : phrase.promises) {
            if (std::ranges::find(out.promises, id) == out.promises.end()) out.promises.push_back(id);
            if (kept.contains(id)) continue;
            all_kept = false;
            if (std::ranges::find(out.without_control, id) == out.without_control.end())
                out.without_control.push_back(id);
        }
        good += all_kept ? 1 : 0;
    }
    const bool any_kept = out.without_control.size() < out.promises.size();
    if (silent == sentence.phrases.size())
        out.state = Cover::no_promise;
    else if (good + silent == sentence.phrases.size())
        out.state = Cover::covered;
    else
        out.state = any_kept ? Cover::partly : Cover::uncovered;
    return out;
}

}  // namespace

std::string_view to_string(Cover cover) {
    switch (cover) {
        case Cover::covered:
            return "covered";
        case Cover::partly:
            return "partly";
        case Cover::uncovered:
            return "uncovered";
        case Cover::no_promise:
            return "no_promise";
    }
    return "uncovered";
}

std::size_t CoveredSection::count(Cover state) const {
    return std::size_t(std::ranges::count(sentences, state, &CoveredSentence::state));
}

std::size_t Coverage::count(Cover state) const {
    std::size_t total = 0;
    for (const auto& section : sections) total += section.count(state);
    return total;
}

Coverage coverage(const Policy& policy, std::span<const KindSpec* const> kinds, Lang lang) {
    std::set<std::string_view> kept, machine;
    for (const auto& control : policy.controls) {
        const auto kind = std::ranges::find(kinds, control.kind, [](const KindSpec* spec) { return spec->name; });
        const bool measured = kind != kinds.end() && (*kind)->mode != Mode::person;
        for (const auto& id : control.promises) {
            kept.insert(id);
            if (measured) machine.insert(id);
        }
    }
    Coverage out;
    for (const auto& promise : policy.promises) {
        (kept.contains(promise.id) ? out.kept : out.not_kept).push_back(promise.id);
        if (machine.contains(promise.id)) out.machine.push_back(promise.id);
    }
    for (const auto& section : policy.sections) {
        CoveredSection covered{section.id, section.title, {}};
        for (const auto& sentence : lang == Lang::da ? section.da : section.en)
            covered.sentences.push_back(look_at(sentence, kept));
        out.sections.push_back(std::move(covered));
    }
    return out;
}

nlohmann::json to_json(const Coverage& coverage) {
    using Json = nlohmann::json;
    Json json{{"promises", coverage.promises()},           {"kept", coverage.kept.size()},
              {"without_control", coverage.not_kept},      {"machine", coverage.machine.size()},
              {"machine_share", coverage.machine_share()}, {"sections", Json::array()}};
    for (const auto state : {Cover::covered, Cover::partly, Cover::uncovered, Cover::no_promise})
        json["sentences"][std::string(to_string(state))] = coverage.count(state);
    for (const auto& section : coverage.sections) {
        Json entry{{"id", section.id},
                   {"title", {{"da", section.title.da}, {"en", section.title.en}}},
                   {"sentences", Json::array()}};
        for (const auto& sentence : section.sentences)
            entry["sentences"].push_back({{"text", sentence.text},
                                          {"state", to_string(sentence.state)},
                                          {"promises", sentence.promises},
                                          {"unmarked", sentence.unmarked},
                                          {"without_control", sentence.without_control}});
        json["sections"].push_back(std::move(entry));
    }
    return json;
}

}  // namespace tilsyn::policy
