#include "policy/diff.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "policy/coverage.hpp"

namespace tilsyn::policy {
namespace {

using Json = nlohmann::json;
using Fields = std::map<std::string, std::string>;

// "check": {"sql": ...} becomes "check.sql"; lists stay whole, since their parts have no names.
void flatten(const Json& json, const std::string& prefix, Fields& into) {
    for (const auto& [key, value] : json.items()) {
        const auto name = prefix.empty() ? key : prefix + "." + key;
        if (value.is_object())
            flatten(value, name, into);
        else
            into[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
}

Fields fields_of(const Control& control) {
    Fields out;
    flatten(Json::parse(control.definition), "", out);
    out.erase("id");
    return out;
}

Fields fields_of(const Promise& promise) {
    Fields out{{"section", promise.section},
               {"strength", std::string(to_string(promise.strength))},
               {"text.da", promise.text.da},
               {"text.en", promise.text.en}};
    for (const auto& [standard, place] : promise.references) out["references." + standard] = place;
    return out;
}

Fields fields_of(const Role& role) {
    return {{"title.da", role.title.da}, {"title.en", role.title.en}};
}

std::vector<FieldChange> field_changes(const Fields& before, const Fields& after) {
    std::vector<FieldChange> out;
    std::set<std::string> names;
    for (const auto& [name, value] : before) names.insert(name);
    for (const auto& [name, value] : after) names.insert(name);
    for (const auto& name : names) {
        const auto old = before.find(name), now = after.find(name);
        const auto text = [](auto it, const Fields& all) { return it == all.end() ? std::string() : it->second; };
        if (old != before.end() && now != after.end() && old->second == now->second) continue;
        out.push_back({name, text(old, before), text(now, after)});
    }
    return out;
}

// In the order of the new policy; what is gone comes last.
template <class T>
std::vector<ThingChange> compare(const std::vector<T>& before, const std::vector<T>& after) {
    std::map<std::string_view, const T*> old;
    for (const auto& thing : before) old[thing.id] = &thing;
    std::vector<ThingChange> out;
    std::set<std::string_view> seen;
    for (const auto& thing : after) {
        seen.insert(thing.id);
        const auto found = old.find(thing.id);
        if (found == old.end()) {
            out.push_back({ChangeKind::added, thing.id, {}});
        } else if (auto changes = field_changes(fields_of(*found->second), fields_of(thing)); !changes.empty()) {
            out.push_back({ChangeKind::changed, thing.id, std::move(changes)});
        }
    }
    for (const auto& thing : before)
        if (!seen.contains(thing.id)) out.push_back({ChangeKind::removed, thing.id, {}});
    return out;
}

Fields settings_of(const Policy& policy) {
    Fields out{{"id", policy.id},           {"title.da", policy.title.da}, {"title.en", policy.title.en},
               {"company", policy.company}, {"timezone", policy.timezone}, {"holidays", policy.holidays}};
    std::string days;
    for (const auto day : policy.extra_holidays) days += (days.empty() ? "" : " ") + format_date(day);
    out["extra_holidays"] = days;
    for (const auto& section : policy.sections) {
        out["section." + section.id + ".title.da"] = section.title.da;
        out["section." + section.id + ".title.en"] = section.title.en;
    }
    return out;
}

// The words alone: a marker that moved shows as a change of its promise's text.
std::multiset<std::string> sentences_of(const Policy& policy, const std::string& section, Lang lang) {
    std::multiset<std::string> out;
    for (const auto& candidate : policy.sections)
        if (candidate.id == section)
            for (const auto& sentence : lang == Lang::da ? candidate.da : candidate.en) out.insert(sentence.text());
    return out;
}

void one_way(const Policy& from, const Policy& other, ChangeKind kind, std::vector<SentenceChange>& into) {
    for (const auto& section : from.sections)
        for (const auto lang : {Lang::da, Lang::en}) {
            auto there = sentences_of(other, section.id, lang);
            for (const auto& sentence : lang == Lang::da ? section.da : section.en) {
                const auto text = sentence.text();
                if (const auto found = there.find(text); found != there.end())
                    there.erase(found);
                else
                    into.push_back({kind, section.id, lang, text});
            }
        }
}

// Section and text of the sentences that at least one control stands behind.
std::set<std::pair<std::string, std::string>> kept_sentences(const Policy& policy, Lang lang) {
    std::set<std::pair<std::string, std::string>> out;
    for (const auto& section : coverage(policy, {}, lang).sections)
        for (const auto& sentence : section.sentences)
            if (sentence.state == Cover::covered || sentence.state == Cover::partly)
                out.insert({section.id, sentence.text});
    return out;
}

Json json_of(const std::vector<ThingChange>& changes) {
    auto list = Json::array();
    for (const auto& change : changes) {
        Json json{{"change", to_string(change.kind)}, {"id", change.id}};
        for (const auto& field : change.fields)
            json["fields"].push_back({{"field", field.field}, {"before", field.before}, {"after", field.after}});
        list.push_back(std::move(json));
    }
    return list;
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
    switch (kind) {
        case ChangeKind::added:
            return "added";
        case ChangeKind::removed:
            return "removed";
        case ChangeKind::changed:
            return "changed";
    }
    return "changed";
}

Difference diff(const Policy& before, const Policy& after, Lang lang) {
    Difference out;
    for (auto& change : field_changes(settings_of(before), settings_of(after))) {
        const auto name = change.field;
        out.settings.push_back({ChangeKind::changed, name, {std::move(change)}});
    }
    out.roles = compare(before.roles, after.roles);
    one_way(after, before, ChangeKind::added, out.sentences);
    one_way(before, after, ChangeKind::removed, out.sentences);
    out.promises = compare(before.promises, after.promises);
    out.controls = compare(before.controls, after.controls);
    const auto kept_before = kept_sentences(before, lang);
    for (const auto& section : coverage(after, {}, lang).sections)
        for (const auto& sentence : section.sentences)
            if (sentence.state == Cover::uncovered)
                out.bare.push_back({section.id, sentence.text, kept_before.contains({section.id, sentence.text})});
    return out;
}

Json to_json(const Difference& difference) {
    Json json{{"settings", json_of(difference.settings)},
              {"roles", json_of(difference.roles)},
              {"promises", json_of(difference.promises)},
              {"controls", json_of(difference.controls)},
              {"sentences", Json::array()},
              {"without_control", Json::array()}};
    for (const auto& sentence : difference.sentences)
        json["sentences"].push_back({{"change", to_string(sentence.kind)},
                                     {"section", sentence.section},
                                     {"lang", to_string(sentence.lang)},
                                     {"text", sentence.text}});
    for (const auto& sentence : difference.bare)
        json["without_control"].push_back(
            {{"section", sentence.section}, {"text", sentence.text}, {"lost", sentence.lost}});
    return json;
}

}  // namespace tilsyn::policy
