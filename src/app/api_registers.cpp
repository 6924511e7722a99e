// Registers: declarations, rows, history, import and export.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "app/api_support.hpp"
#include "base/text.hpp"
#include "registers/reference.hpp"

namespace tilsyn::app::api {
namespace {

using http::Auth;
using http::Method;
using http::Rate;

constexpr std::size_t listed_lines = 1000;

json fields_json(const registers::Fields& fields) {
    json out = json::object();
    for (const auto& [name, value] : fields) out[name] = value;
    return out;
}

json row_json(const registers::RegisterRow& row) {
    return {{"id", row.id},
            {"version", row.version},
            {"updated_at", moment(row.updated_at)},
            {"updated_by", row.updated_by},
            {"fields", fields_json(row.fields)}};
}

http::Response row_answer(const registers::RegisterRow& row, int status = 200) {
    auto response = answer(row_json(row), status);
    response.headers.emplace_back("ETag", "\"" + std::to_string(row.version) + "\"");
    return response;
}

// What JSON has kinds for may be sent as such; kept is the text.
Result<std::string> field_text(const std::string& name, const json& value) {
    if (value.is_null()) return std::string();
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
    if (value.is_array()) {
        std::vector<std::string> parts;
        for (const auto& part : value) {
            if (!part.is_string() || part.get<std::string>().find('|') != std::string::npos)
                return fail(Code::invalid, "api.bad-field", {{"field", name}});
            parts.push_back(part.get<std::string>());
        }
        return join(parts, "|");
    }
    return fail(Code::invalid, "api.bad-field", {{"field", name}});
}

Result<registers::Fields> fields_of(const http::Request& request) {
    TRY(const auto body, body_object(request, {{"fields", Type::object}}));
    registers::Fields fields;
    for (const auto& [name, value] : body["fields"].items()) {
        TRY(fields[name], field_text(name, value));
    }
    return fields;
}

// If-Match: "3" or *; nothing is said without it.
Result<std::optional<std::int64_t>> expected_version(const http::Request& request) {
    const auto header = request.header("if-match");
    if (header.empty() || header == "*") return std::nullopt;
    std::int64_t version = 0;
    const bool quoted = header.size() > 2 && header.front() == '"' && header.back() == '"';
    const char* last = header.data() + header.size() - 1;
    if (!quoted) return fail(Code::invalid, "api.bad-if-match");
    const auto [end, error] = std::from_chars(header.data() + 1, last, version);
    if (error != std::errc() || end != last) return fail(Code::invalid, "api.bad-if-match");
    return version;
}

Result<json> declaration(const registers::Service& service, const std::string& name) {
    // As the program keeps them: the order of fields is the order in forms, which sorted members do not touch.
    const json all = registers::to_json(service.catalogue());
    for (const auto& declared : all)
        if (declared["name"] == name) return declared;
    const auto names = service.catalogue().names();
    auto fault = fail(Code::not_found, "api.no-register", {{"register", name}});
    if (auto near = nearest(name, names)) return std::move(fault).hint("api.did-you-mean", {{"name", *near}});
    return fault;
}

Result<http::Response> list_rows(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"search", "after", "limit"}));
    TRY(const auto limit, query.limit());
    TRY(const auto page, app.registers()->list(request.params.at("register"), query.text("after").value_or(""), limit,
                                               query.text("search").value_or("")));
    json rows = json::array();
    for (const auto& row : page.rows) rows.push_back(row_json(row));
    return answer({{"rows", std::move(rows)},
                   {"next", page.next.empty() ? json(nullptr) : json(page.next)},
                   {"total", page.total}});
}

Result<http::Response> row_history(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"limit"}));
    TRY(const auto limit, query.limit());
    TRY(auto changes, app.registers()->history(request.params.at("register"), request.params.at("id"), limit + 1));
    const bool more = std::int64_t(changes.size()) > limit;
    if (more) changes.pop_back();
    json list = json::array();
    for (const auto& change : changes)
        list.push_back({{"at", moment(change.at)},
                        {"by", change.actor},
                        {"action", change.action},
                        {"before", fields_json(change.before)},
                        {"after", fields_json(change.after)},
                        {"log_index", change.log_index}});
    return answer({{"changes", std::move(list)}, {"more", more}});
}

json report_json(const registers::ImportReport& report, Lang lang) {
    using What = registers::ImportLine::What;
    json lines = json::array();
    std::size_t worth_naming = 0;
    for (const bool faulty : {true, false})
        for (const auto& line : report.lines) {
            if (line.what == What::same || (line.what == What::faulty) != faulty) continue;
            if (++worth_naming > listed_lines) continue;
            json errors = json::array();
            for (const auto& fault : line.faults) errors.push_back(render(fault, lang, false));
            lines.push_back({{"line", line.line},
                             {"what", line.what == What::add      ? "add"
                                      : line.what == What::change ? "change"
                                                                  : "faulty"},
                             {"id", line.id},
                             {"errors", std::move(errors)}});
        }
    return {{"applied", report.applied}, {"added", report.added},   {"changed", report.changed},
            {"same", report.same},       {"faulty", report.faulty}, {"more", worth_naming > listed_lines},
            {"lines", std::move(lines)}};
}

Result<http::Response> import_rows(App& app, const ServiceHooks& hooks, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"format", "dry_run"}));
    if (!query.text("format"))
        return fail(Code::invalid, "api.parameter-missing", {{"name", "format"}, {"choices", "csv, json"}});
    TRY(const auto format, query.choice("format", {"csv", "json"}));
    TRY(const auto dry_run, query.flag("dry_run", false));
    if (request.body.empty()) return fail(Code::invalid, "api.no-body");
    if (format == "csv")
        TRY_VOID(need_content(request, {"text/csv", "application/octet-stream"}));
    else
        TRY_VOID(need_content(request, {"application/json", "application/octet-stream"}));
    TRY(const auto report, app.registers()->import(request.params.at("register"), request.body,
                                                   format == "csv" ? registers::Format::csv : registers::Format::json,
                                                   request.actor, dry_run));
    if (report.faulty == 0 || dry_run) {
        if (report.applied && hooks.wake) hooks.wake();
        return answer(report_json(report, request.lang));
    }
    std::vector<Error> faults;
    for (const auto& line : report.lines)
        for (const auto& fault : line.faults)
            if (faults.size() < listed_lines) {
                faults.push_back(fault);
                if (!faults.back().where) faults.back().where = Position{{}, int(line.line), 0};
            }
    return problem(fail(Code::invalid, "api.import-faults", {{"count", std::to_string(report.faulty)}}).error, request,
                   faults);
}

Result<http::Response> export_rows(App& app, const http::Request& request) {
    TRY(const auto query, Query::of(request, {"format", "excel"}));
    TRY(const auto format, query.choice("format", {"csv", "json"}));
    TRY(const auto excel, query.flag("excel", false));
    const auto& name = request.params.at("register");
    TRY(auto content,
        app.registers()->export_rows(name, format == "csv" ? registers::Format::csv : registers::Format::json, excel));
    http::Response response;
    response.content_type = format == "csv" ? "text/csv; charset=utf-8" : "application/json";
    response.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + name + "." + format + "\"");
    response.body = std::move(content);
    return response;
}

}  // namespace

void add_register_routes(Routes& routes, App& app, const ServiceHooks& hooks) {
    const std::string base = "/api/v1/registers", one = base + "/{register}", row = one + "/rows/{id}";
    const auto changed = [hooks] {
        if (hooks.wake) hooks.wake();
    };

    routes.push_back(route(Method::get, base, {Auth::read, 0, Rate::light},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               return answer({{"registers", json(registers::to_json(app.registers()->catalogue()))}});
                           }));
    routes.push_back(route(Method::get, one, {Auth::read, 0, Rate::light},
                           [&app](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY(const auto declared, declaration(*app.registers(), request.params.at("register")));
                               return answer(declared);
                           }));
    routes.push_back(route(Method::get, one + "/rows", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return list_rows(app, r); }));
    routes.push_back(route(
        Method::get, row, {Auth::read, 0, Rate::light}, [&app](const http::Request& request) -> Result<http::Response> {
            TRY_VOID(Query::of(request));
            TRY(const auto found, app.registers()->get(request.params.at("register"), request.params.at("id")));
            return row_answer(found);
        }));
    routes.push_back(route(Method::put, row, {Auth::write, small_body, Rate::light},
                           [&app, changed](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY(const auto fields, fields_of(request));
                               TRY(const auto added,
                                   app.registers()->add(request.params.at("register"), request.params.at("id"), fields,
                                                        request.actor));
                               changed();
                               return row_answer(added, 201);
                           }));
    routes.push_back(route(Method::patch, row, {Auth::write, small_body, Rate::light},
                           [&app, changed](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY(const auto expected, expected_version(request));
                               TRY(const auto fields, fields_of(request));
                               TRY(const auto set,
                                   app.registers()->set(request.params.at("register"), request.params.at("id"), fields,
                                                        request.actor, expected));
                               changed();
                               return row_answer(set);
                           }));
    routes.push_back(route(Method::delete_, row, {Auth::write, 0, Rate::light},
                           [&app, changed](const http::Request& request) -> Result<http::Response> {
                               TRY_VOID(Query::of(request));
                               TRY_VOID(app.registers()->remove(request.params.at("register"), request.params.at("id"),
                                                                request.actor));
                               changed();
                               return no_content();
                           }));
    routes.push_back(route(Method::get, row + "/history", {Auth::read, 0, Rate::light},
                           [&app](const auto& r) { return row_history(app, r); }));
    routes.push_back(route(Method::post, one + "/import", {Auth::write, file_body, Rate::heavy},
                           [&app, hooks](const auto& r) { return import_rows(app, hooks, r); }));
    routes.push_back(route(Method::get, one + "/export", {Auth::read, 0, Rate::heavy},
                           [&app](const auto& r) { return export_rows(app, r); }));
}

}  // namespace tilsyn::app::api
