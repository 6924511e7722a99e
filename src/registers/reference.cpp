#include "registers/reference.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace tilsyn::registers {
namespace {

using nlohmann::ordered_json;

ordered_json both(const Text& text) {
    return {{"en", text.in(Lang::en)}, {"da", text.in(Lang::da)}};
}

// One cell of a table: '|' would end it, and so would a new line.
std::string cell(std::string_view text) {
    std::string out;
    for (char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return std::string(trim(out));
}

std::string sentence(const std::string& text) {
    if (text.empty() || text.ends_with('.') || text.ends_with('?') || text.ends_with('!')) return text;
    return text + ".";
}

std::string type_words(const Field& field) {
    std::string out(to_string(field.type));
    if (!field.target.empty()) out += fmt::format(" to [{0}](#{0})", field.target);
    if (field.min && field.max)
        out += fmt::format(", {} to {}", *field.min, *field.max);
    else if (field.min)
        out += fmt::format(", at least {}", *field.min);
    else if (field.max)
        out += fmt::format(", at most {}", *field.max);
    if (field.required) out += ", required";
    if (field.unique) out += ", unique";
    if (!field.default_value.empty()) out += fmt::format(", default `{}`", field.default_value);
    if (field.personal != Personal::none) out += fmt::format("; personal data ({})", to_string(field.personal));
    return out;
}

std::string help_words(const Field& field) {
    std::string out = sentence(field.help.in(Lang::en));
    if (field.choices.empty()) return out;
    std::vector<std::string> options;
    for (const auto& choice : field.choices) {
        const auto& en = choice.label.in(Lang::en);
        options.push_back(en == choice.value ? fmt::format("`{}`", choice.value)
                                             : fmt::format("`{}` ({})", choice.value, en));
    }
    return out + (out.empty() ? "" : " ") + "One of: " + join(options, ", ") + ".";
}

std::string heading_text(const Register& entry) {
    std::string out =
        fmt::format("## {}\n\n**{}** ({}).", entry.name, entry.title.in(Lang::en), entry.title.in(Lang::da));
    if (!entry.help.empty()) out += " " + sentence(entry.help.in(Lang::en));
    out += fmt::format("\n\nSQL view `{}`.", entry.view());
    if (!entry.ended_by.empty()) out += fmt::format(" A row has ended after `{}`.", entry.ended_by);
    if (!entry.retention.empty())
        out += fmt::format(" Kept {} after {}.", entry.retention, entry.ended_by.empty() ? "it was made" : "that");
    if (entry.personal()) out += " Holds personal data.";
    return out + "\n\n";
}

}  // namespace

std::string reference_markdown(const Catalogue& catalogue) {
    std::string out =
        "# Registers\n\n"
        "Generated from the declarations; do not edit. How to add a register or a field: "
        "[registers-howto.md](registers-howto.md).\n\n"
        "Every register also has the column `id`.\n\n";
    for (const auto& entry : catalogue.all())
        out += fmt::format("- [{0}](#{0}): {1}\n", entry.name, entry.title.in(Lang::en));
    for (const auto& entry : catalogue.all()) {
        out += "\n" + heading_text(entry) + "| field | Danish | type | |\n|---|---|---|---|\n";
        for (const auto& field : entry.fields)
            out += fmt::format("| `{}` {} | {} | {} | {} |\n", field.name, cell(field.label.in(Lang::en)),
                               cell(field.label.in(Lang::da)), cell(type_words(field)), cell(help_words(field)));
    }
    return out;
}

ordered_json to_json(const Catalogue& catalogue) {
    auto out = ordered_json::array();
    for (const auto& entry : catalogue.all()) {
        ordered_json object{{"name", entry.name},
                            {"view", entry.view()},
                            {"title", both(entry.title)},
                            {"singular", both(entry.singular)}};
        if (!entry.help.empty()) object["help"] = both(entry.help);
        if (!entry.retention.empty()) object["retention"] = entry.retention;
        if (!entry.ended_by.empty()) object["ended_by"] = entry.ended_by;
        object["personal"] = entry.personal();
        object["fields"] = ordered_json::array();
        for (const auto& field : entry.fields) {
            ordered_json one{{"name", field.name}, {"type", to_string(field.type)}, {"label", both(field.label)}};
            if (!field.help.empty()) one["help"] = both(field.help);
            one["required"] = field.required;
            one["unique"] = field.unique;
            if (!field.default_value.empty()) one["default"] = field.default_value;
            for (const auto& choice : field.choices)
                one["choices"].push_back({{"value", choice.value}, {"label", both(choice.label)}});
            if (!field.target.empty()) one["references"] = field.target;
            one["personal"] = to_string(field.personal);
            if (field.min) one["min"] = *field.min;
            if (field.max) one["max"] = *field.max;
            object["fields"].push_back(std::move(one));
        }
        out.push_back(std::move(object));
    }
    return out;
}

}  // namespace tilsyn::registers
