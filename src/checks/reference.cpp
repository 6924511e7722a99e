#include "checks/reference.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/time.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamSpec;
using policy::ParamType;

std::string type_name(ParamType type, bool da) {
    switch (type) {
        case ParamType::text:
            return da ? "tekst" : "text";
        case ParamType::integer:
            return da ? "heltal" : "whole number";
        case ParamType::real:
            return da ? "tal" : "number";
        case ParamType::boolean:
            return da ? "ja/nej" : "true or false";
        case ParamType::duration:
            return da ? "varighed" : "length of time";
        case ParamType::text_list:
            return da ? "liste af tekster" : "list of texts";
        case ParamType::integer_list:
            return da ? "liste af heltal" : "list of whole numbers";
        case ParamType::choice:
            return da ? "en af" : "one of";
        case ParamType::bilingual:
            return da ? "tekst på begge sprog" : "text in both languages";
        case ParamType::bilingual_list:
            return da ? "liste af tekster på begge sprog" : "list of texts in both languages";
        case ParamType::sql:
            return "SQL";
        case ParamType::map:
            return da ? "tabel af tekster" : "table of texts";
    }
    return {};
}

std::string bound(const ParamSpec& param, double value) {
    if (param.type != ParamType::duration) return fmt::format("{}", value);
    return format_duration(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(value)));
}

std::string type_text(const ParamSpec& param, bool da) {
    auto text = type_name(param.type, da);
    for (std::size_t i = 0; i < param.choices.size(); ++i)
        text += fmt::format("{}`{}`", i == 0 ? " " : ", ", param.choices[i]);
    if (param.min && param.max)
        text += ", " + bound(param, *param.min) + (da ? " til " : " to ") + bound(param, *param.max);
    else if (param.min)
        text += (da ? ", mindst " : ", at least ") + bound(param, *param.min);
    else if (param.max)
        text += (da ? ", højst " : ", at most ") + bound(param, *param.max);
    return text;
}

std::string cell(std::string text) {  // a | would end the cell
    for (std::size_t at = 0; (at = text.find('|', at)) != text.npos; at += 2) text.insert(at, 1, '\\');
    return text;
}

}  // namespace

std::string kind_reference(const policy::KindSpec& spec, Lang lang) {
    const bool da = lang == Lang::da;
    if (spec.params.empty()) return da ? "Ingen parametre.\n" : "No parameters.\n";
    std::string out = da ? "| parameter | type | standard | betydning | eksempel |\n|---|---|---|---|---|\n"
                         : "| parameter | type | default | meaning | example |\n|---|---|---|---|---|\n";
    for (const auto& param : spec.params) {
        const std::string fallback = param.required                ? (da ? "skal angives" : "required")
                                     : param.default_value.empty() ? std::string()
                                                                   : fmt::format("`{}`", cell(param.default_value));
        const auto example = param.example.empty() ? std::string() : fmt::format("`{}`", cell(param.example));
        out += fmt::format("| `{}` | {} | {} | {} | {} |\n", param.name, cell(type_text(param, da)), fallback,
                           cell(param.help.in(lang)), example);
    }
    return out;
}

}  // namespace tilsyn::checks
