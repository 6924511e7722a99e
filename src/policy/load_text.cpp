// Roles, promises and the published text.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "policy/loader.hpp"
#include "policy/sentences.hpp"

namespace tilsyn::policy {
namespace {

bool promise_id(std::string_view id) {
    const auto alnum = [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    };
    return !id.empty() && id.size() <= 64 && id.front() >= 'A' && id.front() <= 'Z' &&
           std::ranges::all_of(id, [&](char c) { return alnum(c) || c == '-'; });
}

template <class E, std::size_t N>
E by_word(const E (&values)[N], std::string_view word) {
    for (const auto value : values)
        if (to_string(value) == word) return value;
    return values[0];
}

}  // namespace

void Loader::roles(const std::vector<Declared>& all) {
    for (const auto& [document, entry] : all) {
        const auto where = document->position(entry->key_begin);
        const Cursor cursor(*document, entry->value, Scope::role, "role." + entry->key, where, faults_);
        check_id(entry->key, where);
        cursor.refuse_unknown_keys();
        out_->policy.roles.push_back({entry->key, cursor.bilingual("title"), where});
        role_names_.push_back(entry->key);
    }
}

void Loader::promises(const std::vector<Declared>& all) {
    static constexpr Strength strengths[] = {Strength::absolute,    Strength::main_rule, Strength::endeavour,
                                             Strength::conditional, Strength::advice,    Strength::statement};
    for (const auto& [document, entry] : all) {
        const auto where = document->position(entry->key_begin);
        const Cursor cursor(*document, entry->value, Scope::promise, "promise." + entry->key, where, faults_);
        if (!promise_id(entry->key)) {
            auto capital = entry->key;
            if (!capital.empty() && capital[0] >= 'a' && capital[0] <= 'z') capital[0] = char(capital[0] - 'a' + 'A');
            std::optional<Message> hint;
            if (promise_id(capital)) hint = msg("policy.did-you-mean", {{"name", capital}});
            faults_.add(where, msg("policy.bad-promise-id", {{"id", entry->key}}), std::move(hint));
        }
        cursor.refuse_unknown_keys();
        Promise promise;
        promise.id = entry->key;
        promise.strength = by_word(strengths, cursor.text("strength"));
        promise.references = cursor.text_map("references");
        promise.where = where;
        out_->policy.promises.push_back(std::move(promise));
        promise_names_.push_back(entry->key);
    }
}

// The promises marked in one language of a section, each with the place of its first mark.
struct Loader::Marks {
    std::vector<std::pair<std::string, Position>> first;
    bool readable = false;
    const Position* find(std::string_view id) const {
        const auto found = std::ranges::find(first, id, &std::pair<std::string, Position>::first);
        return found == first.end() ? nullptr : &found->second;
    }
};

Loader::Marks Loader::section_marks(const Declared& section, const TomlNode& text, Lang lang,
                                    std::vector<Sentence>& into) {
    Marks marks;
    const auto* node = text.find(to_string(lang));
    if (node == nullptr || node->type != TomlNode::Type::text) return marks;
    marks.readable = true;
    auto parts = split_text(node->text);
    for (auto& fault : parts.faults)
        faults_.add(section.document->inside(*node, fault.offset), std::move(fault.message));
    for (const auto& mark : parts.marks) {
        const auto where = section.document->inside(*node, mark.offset);
        if (std::ranges::find(promise_names_, mark.promise) == promise_names_.end())
            faults_.unknown_reference(where, msg("policy.mark-unknown-promise", {{"id", mark.promise}}), mark.promise,
                                      promise_names_);
        else if (marks.find(mark.promise) == nullptr)
            marks.first.emplace_back(mark.promise, where);
    }
    into = std::move(parts.sentences);
    return marks;
}

// The same markers stand in both languages: a promise cannot be made to half the readers.
void Loader::compare_marks(const Declared& section, const Marks& da, const Marks& en) {
    if (!da.readable || !en.readable) return;
    for (const auto& [id, where] : da.first)
        if (en.find(id) == nullptr)
            faults_.add(where, msg("policy.mark-not-in-english", {{"id", id}, {"section", section.entry->key}}));
    for (const auto& [id, where] : en.first)
        if (da.find(id) == nullptr)
            faults_.add(where, msg("policy.mark-not-in-danish", {{"id", id}, {"section", section.entry->key}}));
}

void Loader::sections(const std::vector<Declared>& all) {
    std::map<std::string, std::string, std::less<>> section_of;
    for (const auto& declared : all) {
        const auto& [document, entry] = declared;
        const auto where = document->position(entry->key_begin);
        const Cursor cursor(*document, entry->value, Scope::section, "section." + entry->key, where, faults_);
        check_id(entry->key, where);
        cursor.refuse_unknown_keys();
        Section section;
        section.id = entry->key;
        section.title = cursor.bilingual("title");
        section.where = where;
        if (const auto* text = cursor.node("text")) {
            cursor.bilingual("text");  // for its faults: a language that is missing, a wrong type
            const auto da = section_marks(declared, *text, Lang::da, section.da);
            const auto en = section_marks(declared, *text, Lang::en, section.en);
            compare_marks(declared, da, en);
            for (const auto* marks : {&da, &en})
                for (const auto& [id, place] : marks->first) {
                    const auto [known, fresh] = section_of.emplace(id, section.id);
                    if (!fresh && known->second != section.id && (marks == &da || da.find(id) == nullptr))
                        faults_.add(place,
                                    msg("policy.mark-in-two-sections", {{"id", id}, {"section", known->second}}));
                }
        }
        out_->policy.sections.push_back(std::move(section));
    }
    for (auto& promise : out_->policy.promises) {
        const auto found = section_of.find(promise.id);
        if (found == section_of.end() && (faults_.incomplete() || !promise_id(promise.id))) continue;  // said already
        if (found == section_of.end())
            faults_.add(promise.where, msg("policy.promise-without-mark", {{"id", promise.id}}),
                        msg("policy.promise-without-mark-hint", {{"mark", "{" + promise.id + "}"}}));
        else
            promise.section = found->second;
    }
    place_promises();
}

// A promise's text: the phrases that carry its marker, in order.
void Loader::place_promises() {
    std::map<std::string, Promise*, std::less<>> by_id;
    for (auto& promise : out_->policy.promises) by_id[promise.id] = &promise;
    const auto collect = [&](const std::vector<Sentence>& sentences, std::string Text::* language) {
        for (const auto& sentence : sentences)
            for (const auto& phrase : sentence.phrases)
                for (const auto& id : phrase.promises) {
                    const auto found = by_id.find(id);
                    if (found == by_id.end()) continue;
                    auto& text = found->second->text.*language;
                    if (!text.empty()) text += ' ';
                    text += phrase.text;
                }
    };
    for (const auto& section : out_->policy.sections) {
        collect(section.da, &Text::da);
        collect(section.en, &Text::en);
    }
}

}  // namespace tilsyn::policy
