#include "app/api_support.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.hpp"

namespace tilsyn::app::api {
namespace {

constexpr auto read_deadline = std::chrono::seconds(10);
constexpr int unsupported_media_type = 415;

int status_for(const Error& error) {
    if (error.message.key == "api.content-type") return unsupported_media_type;
    const auto& key = error.message.key;
    if (error.code == Code::invalid && (key == "api.import-faults" || !key.starts_with("api."))) return 422;
    return http::status_of(error.code);
}

std::string_view title_key(int status) {
    return status == unsupported_media_type ? "http.title-415" : "http.title-400";
}

std::string param(const Error& error, std::string_view name) {
    for (const auto& [key, value] : error.message.params)
        if (key == name) return value;
    return {};
}

json fault_json(const Error& fault, Lang lang) {
    json out{{"detail", render(fault, lang, false)}};
    if (const auto field = param(fault, "field"); !field.empty()) out["field"] = field;
    if (fault.where) {
        if (!fault.where->file.empty()) out["file"] = fault.where->file;
        if (fault.where->line > 0) out["line"] = fault.where->line;
        if (fault.where->column > 0) out["column"] = fault.where->column;
    }
    return out;
}

Fail with_nearest(Fail fault, std::string_view typed, std::span<const std::string> known) {
    if (auto near = nearest(typed, known)) return std::move(fault).hint("api.did-you-mean", {{"name", *near}});
    return fault;
}

bool is_of(const json& value, Type type) {
    switch (type) {
        case Type::text:
            return value.is_string();
        case Type::integer:
            return value.is_number_integer();
        case Type::texts:
            return value.is_array() && std::ranges::all_of(value, [](const json& v) { return v.is_string(); });
        case Type::object:
            return value.is_object();
    }
    return false;
}

std::string_view word(Type type) {
    switch (type) {
        case Type::text:
            return "string";
        case Type::integer:
            return "integer";
        case Type::texts:
            return "array of strings";
        case Type::object:
            return "object";
    }
    return "string";
}

// A body nested deeper than this is none of ours, and would cost stack.
constexpr int depth_limit = 8;
bool too_deep(std::string_view text) {
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (quoted) {
            if (c == '\\')
                ++i;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > depth_limit) return true;
        } else if (c == '}' || c == ']') {
            --depth;
        }
    }
    return false;
}

// The parser itself takes the last of two members of one name; which one was meant, nobody can say.
Result<json> parse(const std::string& text) {
    if (too_deep(text)) return fail(Code::invalid, "api.not-json");
    std::vector<std::vector<std::string>> names;
    std::string repeated;
    bool nul = false;  // no database keeps it in a text
    const auto watch = [&](int, json::parse_event_t event, json& value) {
        if (event == json::parse_event_t::object_start) names.emplace_back();
        if (event == json::parse_event_t::object_end && !names.empty()) names.pop_back();
        if (event == json::parse_event_t::key && !names.empty()) {
            auto name = value.get<std::string>();
            if (std::ranges::find(names.back(), name) != names.back().end()) repeated = name;
            names.back().push_back(std::move(name));
        }
        const bool text_event = event == json::parse_event_t::key || event == json::parse_event_t::value;
        if (text_event && value.is_string() && value.get_ref<const std::string&>().find('\0') != std::string::npos)
            nul = true;
        return true;
    };
    auto value = json::parse(text, watch, false);
    if (value.is_discarded()) return fail(Code::invalid, "api.not-json");
    if (nul) return fail(Code::invalid, "api.nul");
    if (!repeated.empty()) return fail(Code::invalid, "api.repeated-member", {{"name", repeated}});
    return value;
}

}  // namespace

http::Route route(http::Method method, std::string pattern, http::Access access, Handler handler) {
    return {method, std::move(pattern), access, [handler = std::move(handler)](const http::Request& request) {
                auto result = handler(request);
                return result ? std::move(*result) : problem(result.error(), request);
            }};
}

http::Response answer(const json& body, int status) {
    return http::json_response(body.dump(-1, ' ', false, json::error_handler_t::replace), status);
}

http::Response no_content() {
    http::Response response;
    response.status = 204;
    return response;
}

http::Response problem(const Error& error, const http::Request& request, std::span<const Error> faults) {
    auto response = http::problem(error, request.lang, request.request_id);
    const int status = status_for(error);
    if (status == response.status && faults.empty()) return response;
    auto body = nlohmann::ordered_json::parse(response.body);
    if (status != response.status) {
        response.status = status;
        body["status"] = status;
        body["title"] = tr(request.lang, title_key(status));
        if (status == unsupported_media_type)
            body["type"] = "urn:tilsyn:problem:wrong-content-type";  // as the router says
    }
    for (const auto& fault : faults) body["errors"].push_back(nlohmann::ordered_json(fault_json(fault, request.lang)));
    response.body = body.dump(-1, ' ', false, json::error_handler_t::replace);
    return response;
}

Result<Query> Query::of(const http::Request& request, std::initializer_list<std::string_view> known) {
    const std::vector<std::string> names(known.begin(), known.end());
    for (const auto& [name, value] : request.query)
        if (std::ranges::find(names, name) == names.end())
            return with_nearest(fail(Code::invalid, "api.unknown-parameter", {{"name", name}}), name, names);
    return Query(request);
}

std::optional<std::string> Query::text(const std::string& name) const {
    const auto found = request_->query.find(name);
    if (found == request_->query.end()) return std::nullopt;
    return found->second;
}

Result<std::int64_t> Query::integer(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                    std::int64_t most) const {
    const auto given = text(name);
    if (!given) return otherwise;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
    if (error != std::errc() || end != given->data() + given->size() || value < least || value > most)
        return fail(Code::invalid, "api.bad-number",
                    {{"name", name}, {"least", std::to_string(least)}, {"most", std::to_string(most)}});
    return value;
}

Result<bool> Query::flag(const std::string& name, bool otherwise) const {
    const auto given = text(name);
    if (!given) return otherwise;
    if (*given == "true") return true;
    if (*given == "false") return false;
    return fail(Code::invalid, "api.bad-choice", {{"name", name}, {"choices", "true, false"}});
}

Result<std::string> Query::choice(const std::string& name, std::initializer_list<std::string_view> choices) const {
    const auto given = text(name);
    if (!given) return std::string(*choices.begin());
    const std::vector<std::string> names(choices.begin(), choices.end());
    if (std::ranges::find(names, *given) != names.end()) return *given;
    return with_nearest(fail(Code::invalid, "api.bad-choice", {{"name", name}, {"choices", join(names, ", ")}}), *given,
                        names);
}

Result<void> need_content(const http::Request& request, std::initializer_list<std::string_view> types) {
    const auto header = request.header("content-type");
    const auto type = lower_ascii(trim(std::string_view(header).substr(0, header.find(';'))));
    if (std::ranges::find(types, type) != types.end()) return {};
    const std::vector<std::string> names(types.begin(), types.end());
    return fail(Code::invalid, "api.content-type", {{"types", join(names, ", ")}});
}

Result<json> body_object(const http::Request& request, std::initializer_list<Member> members) {
    if (request.body.empty()) return fail(Code::invalid, "api.no-body");
    TRY_VOID(need_content(request, {"application/json"}));
    TRY(auto body, parse(request.body));
    if (!body.is_object()) return fail(Code::invalid, "api.not-an-object");
    std::vector<std::string> names;
    for (const auto& member : members) names.emplace_back(member.name);
    for (const auto& [name, value] : body.items())
        if (std::ranges::find(names, name) == names.end())
            return with_nearest(fail(Code::invalid, "api.unknown-member", {{"name", name}}), name, names);
    for (const auto& member : members) {
        const auto found = body.find(member.name);
        const bool absent = found == body.end() || (found->is_null() && !member.required);
        if (absent && member.required)
            return fail(Code::invalid, "api.member-missing", {{"name", std::string(member.name)}});
        if (absent)
            body.erase(std::string(member.name));
        else if (!is_of(*found, member.type))
            return fail(Code::invalid, "api.bad-member",
                        {{"name", std::string(member.name)}, {"type", std::string(word(member.type))}});
    }
    return body;
}

std::string moment(Timestamp t) {
    return format_utc_seconds(t);
}
json moment_or_null(const std::optional<Timestamp>& t) {
    return t ? json(moment(*t)) : json(nullptr);
}
json text_json(const Text& text) {
    return {{"da", text.da}, {"en", text.en}};
}
json why_json(const Message& message) {
    if (message.key.empty()) return {{"da", ""}, {"en", ""}};
    return {{"da", render(message, Lang::da)}, {"en", render(message, Lang::en)}};
}

Result<Reader> Reader::get(App& app) {
    TRY(auto lease, app.readers().get());
    lease->set_deadline(Deadline::in(read_deadline));
    return Reader(std::move(lease));
}

Reader::~Reader() {
    if (lease_) (*lease_)->set_deadline(std::nullopt);
}

Result<std::shared_ptr<const schedule::Plan>> plan_of(App& app) {
    if (auto plan = app.plan()) return plan;
    return fail(Code::not_found, "app.no-policy");
}

Result<const policy::Control*> control_of(const schedule::Plan& plan, const std::string& id) {
    if (const auto* control = plan.control(id)) return control;
    std::vector<std::string> names;
    for (const auto& control : plan.policy.controls) names.push_back(control.id);
    return with_nearest(fail(Code::not_found, "schedule.no-control", {{"control", id}}), id, names);
}

}  // namespace tilsyn::app::api

namespace tilsyn::app {

std::vector<http::Route> routes(App& app, const ServiceHooks& hooks) {
    api::Routes all;
    for (const auto add : {api::add_service_routes, api::add_status_routes, api::add_finding_routes,
                           api::add_sign_off_routes, api::add_register_routes, api::add_policy_routes,
                           api::add_log_routes, api::add_backup_routes, api::add_key_routes})
        add(all, app, hooks);
    return all;
}

}  // namespace tilsyn::app
