#include "output.hpp"

#include <nlohmann/json.hpp>

namespace tilsyn::commands {

using nlohmann::json;

Moments::Moments(const app::App& app) : zone_(Zone::utc()) {
    if (const auto plan = app.plan()) zone_ = plan->calendar.zone();
}

json to_json(const Text& text) {
    return {{"da", text.da}, {"en", text.en}};
}

json moment(const std::optional<Timestamp>& t) {
    return t ? json(format_utc_seconds(*t)) : json(nullptr);
}

json to_json(const Error& error) {
    const auto both = [](const Message& message) {
        return to_json(Text{render(message, Lang::en), render(message, Lang::da)});
    };
    json out{{"code", to_string(error.code)},
             {"message", both(error.message)},
             {"hint", nullptr},
             {"file", nullptr},
             {"line", nullptr},
             {"column", nullptr}};
    if (error.hint) out["hint"] = both(*error.hint);
    if (error.where) {
        out["file"] = error.where->file;
        if (error.where->line > 0) out["line"] = error.where->line;
        if (error.where->column > 0) out["column"] = error.where->column;
    }
    return out;
}

}  // namespace tilsyn::commands
