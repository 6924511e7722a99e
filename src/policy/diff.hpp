// What differs between two policies: the published sentences, the promises, the controls field by field; and which
// sentences no control stands behind now.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "policy/types.hpp"

namespace tilsyn::policy {

enum class ChangeKind { added, removed, changed };
std::string_view to_string(ChangeKind kind);

struct FieldChange {
    std::string field;   // "every", "check.sql"
    std::string before;  // as JSON without the quotes of a text; empty: was not set
    std::string after;
};
struct ThingChange {
    ChangeKind kind = ChangeKind::changed;
    std::string id;
    std::vector<FieldChange> fields;  // of a changed one, by name
};
struct SentenceChange {
    ChangeKind kind = ChangeKind::added;  // never changed: a sentence with other words is another sentence
    std::string section;
    Lang lang = Lang::en;
    std::string text;
};
// A sentence that says something, and no control keeps what it says.
struct BareSentence {
    std::string section;
    std::string text;   // in the language asked for
    bool lost = false;  // it had a control before
};

struct Difference {
    std::vector<ThingChange> settings;  // of the policy as a whole; id is the setting's name
    std::vector<ThingChange> roles;
    std::vector<SentenceChange> sentences;
    std::vector<ThingChange> promises;
    std::vector<ThingChange> controls;
    std::vector<BareSentence> bare;
    // Nothing changed; bare sentences do not count.
    bool empty() const {
        return settings.empty() && roles.empty() && sentences.empty() && promises.empty() && controls.empty();
    }
};

Difference diff(const Policy& before, const Policy& after, Lang lang);
nlohmann::json to_json(const Difference& difference);

}  // namespace tilsyn::policy
