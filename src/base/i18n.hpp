// The one catalogue of texts: i18n/<slice>.json, each key with its Danish and English text side by side:
//   { "status.population": { "en": "{pass} of {total}", "da": "{pass} af {total}" } }
// A plural is chosen by the parameter named "count": the text may be {"one": "...", "other": "..."}.
// A test fails when a key used in the source is missing, unused, or its placeholders differ between the languages.
#pragma once
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace tilsyn {

enum class Lang { en, da };
std::string_view to_string(Lang lang);                  // "en", "da"
std::optional<Lang> parse_lang(std::string_view text);  // accepts "da", "da_DK.UTF-8", "en-GB"
Lang lang_from_environment();                           // TILSYN_LANG, LC_ALL, LC_MESSAGES, LANG; else en

// A text that a company wrote in both languages (policy titles, register labels). One may be empty.
struct Text {
    std::string en;
    std::string da;
    const std::string& in(Lang lang) const;  // falls back to the other language when this one is empty
    bool empty() const { return en.empty() && da.empty(); }
    bool operator==(const Text&) const = default;
};

// Renders a message; an unknown key renders as the key itself, so that nothing is ever lost.
std::string render(const Message& message, Lang lang);
std::string tr(Lang lang, std::string_view key, Params params = {});

// "policy.toml:12:3: what: detail\n  hint". with_detail = false leaves out internal words (remote callers).
std::string render(const Error& error, Lang lang, bool with_detail = true);

}  // namespace tilsyn
