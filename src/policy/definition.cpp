// What a control is, as bytes that can be hashed and compared, and the hash of a whole policy.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "crypto/hash.hpp"
#include "policy/loader.hpp"

namespace tilsyn::policy {
namespace {

using Json = nlohmann::json;  // its objects are sorted by key

Json text_json(const Text& text) {
    return {{"da", text.da}, {"en", text.en}};
}

Json param_json(ParamType type, const ParamValue& value) {
    switch (type) {
        case ParamType::text:
        case ParamType::choice:
        case ParamType::sql:
            return value.text;
        case ParamType::integer:
            return value.integer;
        case ParamType::real:
            return value.real;
        case ParamType::boolean:
            return value.boolean;
        case ParamType::duration:
            return format_duration(value.duration);
        case ParamType::text_list:
            return value.list;
        case ParamType::integer_list:
            return value.integers;
        case ParamType::bilingual:
            return value.texts.empty() ? Json() : text_json(value.texts.front());
        case ParamType::bilingual_list: {
            auto list = Json::array();
            for (const auto& text : value.texts) list.push_back(text_json(text));
            return list;
        }
        case ParamType::map:
            return value.map;
    }
    return {};
}

}  // namespace

std::string definition_of(const Control& control, const KindSpec* kind) {
    Json json{{"id", control.id},
              {"title", text_json(control.title)},
              {"promises", control.promises},
              {"every", control.cadence.text},
              {"window", format_duration(control.window)},
              {"grace", format_duration(control.grace)},
              {"timeout", format_duration(control.timeout)},
              {"retries", control.retries},
              {"retry_after", format_duration(control.retry_after)},
              {"owner", control.owner},
              {"severity", to_string(control.severity)},
              {"when_empty", to_string(control.when_empty)}};
    if (!control.why.empty()) json["why"] = text_json(control.why);
    if (!control.procedure.empty()) json["procedure"] = control.procedure;
    if (control.max_age) json["max_age"] = format_duration(*control.max_age);
    if (!control.subjects.register_name.empty()) {
        json["subjects"] = {{"register", control.subjects.register_name}};
        if (!control.subjects.where.empty()) json["subjects"]["where"] = control.subjects.where;
    }
    json["check"] = {{"kind", control.kind}};
    if (kind != nullptr)
        for (const auto& spec : kind->params)
            if (control.params.has(spec.name))
                json["check"][spec.name] = param_json(spec.type, control.params.get(spec.name));
    return json.dump();
}

std::string hash_of(const std::vector<std::pair<std::string, std::string>>& files) {
    auto sorted = files;
    std::ranges::sort(sorted, {}, &std::pair<std::string, std::string>::first);
    std::string bytes("tilsyn-policy/v1\0", 17);
    for (const auto& [name, content] : sorted) {
        bytes += name;
        bytes += '\0';
        bytes += std::to_string(content.size());
        bytes += '\0';
        bytes += content;
    }
    return crypto::hex(crypto::sha256(bytes));
}

}  // namespace tilsyn::policy
