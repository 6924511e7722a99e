#include "base/i18n.hpp"

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>

#include "base/embedded.hpp"

namespace tilsyn {
namespace {

struct Plural {
    std::string one;
    std::string other;
};
struct Translations {
    Plural en;
    Plural da;
};

Plural read_plural(const nlohmann::json& node) {
    if (node.is_string()) return {node.get<std::string>(), node.get<std::string>()};
    return {node.at("one").get<std::string>(), node.at("other").get<std::string>()};
}

// A catalogue that does not parse is a bug of the build, which a test of this module finds.
const std::map<std::string, Translations, std::less<>>& catalogue() {
    static const auto texts = [] {
        std::map<std::string, Translations, std::less<>> result;
        for (const auto& file : embedded::i18n_files()) {
            const auto json = nlohmann::json::parse(file.content);
            for (const auto& [key, value] : json.items())
                result.emplace(key, Translations{read_plural(value.at("en")), read_plural(value.at("da"))});
        }
        return result;
    }();
    return texts;
}

std::string fill(std::string_view text, const Message& message) {
    std::string out;
    out.reserve(text.size() + 32);
    for (std::size_t i = 0; i < text.size();) {
        const auto open = text.find('{', i);
        const auto close = open == text.npos ? text.npos : text.find('}', open);
        if (close == text.npos) {
            out += text.substr(i);
            break;
        }
        out += text.substr(i, open - i);
        const auto name = text.substr(open + 1, close - open - 1);
        bool found = false;
        for (const auto& [key, value] : message.params) {
            if (key != name) continue;
            out += value;
            found = true;
            break;
        }
        if (!found) out += text.substr(open, close - open + 1);
        i = close + 1;
    }
    return out;
}

}  // namespace

std::string_view to_string(Lang lang) {
    return lang == Lang::da ? "da" : "en";
}

std::optional<Lang> parse_lang(std::string_view text) {
    if (text.size() >= 2 && (text.size() == 2 || text[2] == '_' || text[2] == '-' || text[2] == '.')) {
        if (text.starts_with("da")) return Lang::da;
        if (text.starts_with("en")) return Lang::en;
    }
    return std::nullopt;
}

Lang lang_from_environment() {
    for (const char* name : {"TILSYN_LANG", "LC_ALL", "LC_MESSAGES", "LANG"}) {
        const char* value = std::getenv(name);
        if (value == nullptr || *value == '\0') continue;
        return parse_lang(value).value_or(Lang::en);
    }
    return Lang::en;
}

const std::string& Text::in(Lang lang) const {
    const auto& first = lang == Lang::da ? da : en;
    const auto& second = lang == Lang::da ? en : da;
    return first.empty() ? second : first;
}

std::string render(const Message& message, Lang lang) {
    const auto found = catalogue().find(message.key);
    if (found == catalogue().end()) {
        std::string out = message.key;
        for (const auto& [key, value] : message.params) out += " " + key + "=" + value;
        return out;
    }
    const auto& plural = lang == Lang::da ? found->second.da : found->second.en;
    bool one = false;
    for (const auto& [key, value] : message.params) one = one || (key == "count" && value == "1");
    return fill(one ? plural.one : plural.other, message);
}

std::string tr(Lang lang, std::string_view key, Params params) {
    return render(msg(key, params), lang);
}

std::string render(const Error& error, Lang lang, bool with_detail) {
    std::string out;
    if (error.where) out += to_string(*error.where) + ": ";
    out += render(error.message, lang);
    if (with_detail && !error.detail.empty()) out += ": " + error.detail;
    if (error.hint) out += "\n  " + render(*error.hint, lang);
    return out;
}

}  // namespace tilsyn
