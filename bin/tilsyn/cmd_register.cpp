// tilsyn register: the rows of the registers.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "registers/service.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;
using registers::Fields;

constexpr std::int64_t page = 1000;
constexpr std::size_t most_columns = 5;  // in a list for people; all fields are in `show` and in --json

json row_json(const registers::RegisterRow& row) {
    return {{"id", row.id},
            {"fields", row.fields},
            {"version", row.version},
            {"updated_at", moment(row.updated_at)},
            {"updated_by", row.updated_by}};
}

// FIELD=VALUE ... -> fields. An empty value clears the field.
Result<Fields> read_fields(const cli::Invocation& call) {
    Fields fields;
    for (const auto& text : call.all("FIELD=VALUE")) {
        const auto equals = text.find('=');
        if (equals == 0 || equals == text.npos) return fail(Code::invalid, "cli.bad-assignment", {{"text", text}});
        if (!fields.emplace(text.substr(0, equals), text.substr(equals + 1)).second)
            return fail(Code::invalid, "cli.field-twice", {{"field", text.substr(0, equals)}});
    }
    return fields;
}

Result<std::vector<registers::RegisterRow>> all_rows(const registers::Service& service, const std::string& name,
                                                     const std::string& search, std::int64_t limit) {
    std::vector<registers::RegisterRow> rows;
    std::string after;
    do {
        TRY(auto part, service.list(name, after, std::min(page, limit - std::int64_t(rows.size())), search));
        std::ranges::move(part.rows, std::back_inserter(rows));
        after = part.next;
    } while (!after.empty() && std::int64_t(rows.size()) < limit);
    return rows;
}

Result<int> list_registers(const cli::Invocation& call, const registers::Service& service) {
    json out = json::array();
    cli::Columns columns({call.tr("cli.head-register"), call.tr("cli.head-rows"), call.tr("cli.head-title")});
    for (const auto& declared : service.catalogue().all()) {
        TRY(const auto first, service.list(declared.name, {}, 1));
        if (call.json)
            out.push_back({{"name", declared.name},
                           {"title", to_json(declared.title)},
                           {"rows", first.total},
                           {"personal", declared.personal()}});
        else
            columns.add(
                {declared.name, first.total == 0 ? "·" : std::to_string(first.total), declared.title.in(call.lang)});
    }
    if (call.json)
        print_json(call, out);
    else
        call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> list(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto service = app->registers();
    const auto name = call.get("REGISTER");
    if (name.empty()) return list_registers(call, *service);
    TRY(const auto limit, whole_number(call, "limit", page));
    TRY(const auto rows, all_rows(*service, name, call.get("search"), std::max<std::int64_t>(limit, 1)));
    if (call.json) {
        json out = json::array();
        for (const auto& row : rows) out.push_back(row_json(row));
        print_json(call, out);
        return 0;
    }
    const auto* declared = service->catalogue().find(name);
    std::vector<std::string> heads{"id"};
    std::vector<const registers::Field*> shown;
    for (const auto& field : declared->fields) {
        // A field that no row has says nothing; the first ones that are filled do.
        if (shown.size() == most_columns ||
            std::ranges::none_of(rows, [&](const auto& row) { return row.fields.contains(field.name); }))
            continue;
        shown.push_back(&field);
        heads.push_back(lower_ascii(field.label.in(call.lang)));
    }
    if (rows.empty()) {
        call.out() << call.tr("cli.register-empty", {{"register", name}}) << "\n";
        return 0;
    }
    cli::Columns columns(std::move(heads));
    for (const auto& row : rows) {
        std::vector<std::string> cells{row.id};
        for (const auto* field : shown)
            cells.push_back(row.fields.contains(field->name) ? row.fields.find(field->name)->second : std::string());
        columns.add(std::move(cells));
    }
    call.out() << columns.render(call.terminal)
               << call.terminal.dim(call.tr("cli.rows", {{"count", std::to_string(rows.size())}})) << "\n";
    return 0;
}

void print_row(const cli::Invocation& call, const app::App& app, const registers::Register& declared,
               const registers::RegisterRow& row) {
    std::size_t left = 0;
    for (const auto& field : declared.fields) left = std::max(left, field.name.size());
    call.out() << call.terminal.bold(declared.singular.in(call.lang) + " " + row.id) << "\n";
    for (const auto& field : declared.fields) {
        const auto value = row.fields.find(field.name);
        if (value == row.fields.end()) continue;
        call.out() << "  " << pad_right(field.name, left) << "  " << value->second << "\n";
    }
    call.out() << "  "
               << call.terminal.dim(call.tr("cli.row-changed", {{"version", std::to_string(row.version)},
                                                                {"when", Moments(app).at(row.updated_at)},
                                                                {"who", row.updated_by}}))
               << "\n";
}

Result<int> answer(const cli::Invocation& call, const app::App& app, const registers::RegisterRow& row) {
    if (call.json)
        print_json(call, row_json(row));
    else
        print_row(call, app, *app.registers()->catalogue().find(call.get("REGISTER")), row);
    return 0;
}

Result<int> show(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto row, app->registers()->get(call.get("REGISTER"), call.get("ID")));
    return answer(call, *app, row);
}

Result<int> add(cli::Invocation& call) {
    TRY(const auto fields, read_fields(call));
    TRY(const auto app, open(call));
    TRY(const auto row, app->registers()->add(call.get("REGISTER"), call.get("ID"), fields, actor(call)));
    return answer(call, *app, row);
}

Result<int> set(cli::Invocation& call) {
    TRY(const auto fields, read_fields(call));
    std::optional<std::int64_t> expected;
    if (call.has("version")) {
        TRY(expected, whole_number(call, "version"));
    }
    TRY(const auto app, open(call));
    TRY(const auto row, app->registers()->set(call.get("REGISTER"), call.get("ID"), fields, actor(call), expected));
    return answer(call, *app, row);
}

Result<int> remove(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY_VOID(app->registers()->remove(call.get("REGISTER"), call.get("ID"), actor(call)));
    if (call.json)
        print_json(call, {{"removed", call.get("ID")}});
    else
        call.out() << call.tr("cli.removed", {{"register", call.get("REGISTER")}, {"id", call.get("ID")}}) << "\n";
    return 0;
}

registers::Format format_of(const cli::Invocation& call, const std::string& file) {
    const auto named = call.get("format", lower_ascii(file).ends_with(".json") ? "json" : "csv");
    return named == "json" ? registers::Format::json : registers::Format::csv;
}

std::string_view word(registers::ImportLine::What what) {
    using enum registers::ImportLine::What;
    switch (what) {
        case add:
            return "add";
        case change:
            return "change";
        case same:
            return "same";
        case faulty:
            return "faulty";
    }
    return {};
}

void print_import(const cli::Invocation& call, const registers::ImportReport& report, const std::string& file,
                  bool dry_run) {
    using enum registers::ImportLine::What;
    for (const auto& line : report.lines) {
        for (const auto& fault : line.faults) {
            auto placed = fault;
            if (!placed.where || placed.where->line == 0)
                placed.where = Position{file, int(line.line), 0};
            else if (placed.where->file.empty())
                placed.where->file = file;
            call.err() << render(placed, call.lang) << "\n";
        }
        if (!dry_run || line.what == faulty || line.what == same) continue;
        const auto text = fmt::format("{:>6}  {} {}", line.line, line.what == add ? "+" : "~", line.id);
        call.out() << (line.what == add ? call.terminal.green(text) : call.terminal.yellow(text)) << "\n";
    }
    const auto counts = fmt::format("{}: {}", file,
                                    call.tr("cli.import-counts", {{"added", std::to_string(report.added)},
                                                                  {"changed", std::to_string(report.changed)},
                                                                  {"same", std::to_string(report.same)},
                                                                  {"faulty", std::to_string(report.faulty)}}));
    call.out() << counts << "\n"
               << (report.applied      ? call.tr("cli.import-done")
                   : report.faulty > 0 ? call.tr("cli.import-refused")
                                       : call.tr("cli.import-dry"))
               << "\n";
}

Result<int> import(cli::Invocation& call) {
    const auto file = call.get("FILE");
    TRY(const auto content, read_input(file));
    TRY(const auto app, open(call));
    const bool dry_run = call.has("dry-run");
    TRY(const auto report,
        app->registers()->import(call.get("REGISTER"), content, format_of(call, file), actor(call), dry_run));
    if (call.json) {
        json lines = json::array();
        for (const auto& line : report.lines) {
            json faults = json::array();
            for (const auto& fault : line.faults) faults.push_back(to_json(fault));
            lines.push_back({{"line", line.line}, {"what", word(line.what)}, {"id", line.id}, {"faults", faults}});
        }
        print_json(call, {{"added", report.added},
                          {"changed", report.changed},
                          {"same", report.same},
                          {"faulty", report.faulty},
                          {"applied", report.applied},
                          {"lines", lines}});
    } else {
        print_import(call, report, file, dry_run);
    }
    return report.faulty > 0 ? 1 : 0;
}

Result<int> export_rows(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto file = call.get("output");
    TRY(const auto content,
        app->registers()->export_rows(call.get("REGISTER"), call.json ? registers::Format::json : format_of(call, file),
                                      call.has("excel")));
    if (file.empty())
        call.out() << content;
    else
        TRY_VOID(write_file(file, content, 0600));  // personal data, often: for its owner alone
    return 0;
}

Result<int> history(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto changes, app->registers()->history(call.get("REGISTER"), call.get("ID")));
    if (call.json) {
        json out = json::array();
        for (const auto& change : changes)
            out.push_back({{"sequence", change.sequence},
                           {"at", moment(change.at)},
                           {"actor", change.actor},
                           {"action", change.action},
                           {"before", change.before},
                           {"after", change.after},
                           {"log_index", change.log_index}});
        print_json(call, out);
        return 0;
    }
    const Moments moments(*app);
    for (const auto& change : changes) {
        call.out() << call.terminal.bold(moments.at(change.at)) << "  " << change.actor << "  " << change.action
                   << call.terminal.dim(fmt::format("  #{}", change.log_index)) << "\n";
        auto names = change.before;
        names.insert(change.after.begin(), change.after.end());
        for (const auto& [name, ignored] : names) {
            const auto before = change.before.find(name), after = change.after.find(name);
            const bool had = before != change.before.end(), has = after != change.after.end();
            if (had && has && before->second == after->second) continue;
            if (had) call.out() << call.terminal.red("    - " + name + " = " + before->second) << "\n";
            if (has) call.out() << call.terminal.green("    + " + name + " = " + after->second) << "\n";
        }
    }
    return 0;
}

}  // namespace

cli::Table register_commands() {
    const cli::Argument name{.name = "REGISTER", .help = "cli.register-name"};
    const cli::Argument id{.name = "ID", .help = "cli.row-id"};
    const cli::Argument fields{.name = "FIELD=VALUE", .help = "cli.fields", .arity = cli::Arity::several};
    const cli::Option as{.name = "as", .value = "NAME", .help = "cli.option-as"};
    const cli::Option format{
        .name = "format", .value = "FORMAT", .help = "cli.option-format", .choices = {"csv", "json"}};
    return {
        {.path = "register", .summary = "cli.register"},
        {.path = "register list",
         .summary = "cli.register-list",
         .arguments = {{.name = "REGISTER", .help = "cli.register-name", .arity = cli::Arity::optional}},
         .options = {{.name = "search", .value = "TEXT", .help = "cli.option-search"},
                     {.name = "limit", .value = "N", .help = "cli.option-limit"}},
         .handler = list},
        {.path = "register show", .summary = "cli.register-show", .arguments = {name, id}, .handler = show},
        {.path = "register add",
         .summary = "cli.register-add",
         .help = "cli.register-add-help",
         .arguments = {name, id, fields},
         .options = {as},
         .handler = add},
        {.path = "register set",
         .summary = "cli.register-set",
         .help = "cli.register-set-help",
         .arguments = {name, id, fields},
         .options = {{.name = "version", .value = "N", .help = "cli.option-row-version"}, as},
         .handler = set},
        {.path = "register remove",
         .summary = "cli.register-remove",
         .help = "cli.register-remove-help",
         .arguments = {name, id},
         .options = {as},
         .handler = remove},
        {.path = "register import",
         .summary = "cli.register-import",
         .help = "cli.register-import-help",
         .arguments = {name, {.name = "FILE", .help = "cli.import-file", .values = cli::Values::file}},
         .options = {format, {.name = "dry-run", .help = "cli.option-dry-run"}, as},
         .exits = {{1, "cli.exit-import"}},
         .handler = import},
        {.path = "register export",
         .summary = "cli.register-export",
         .arguments = {name},
         .options = {format,
                     {.name = "excel", .help = "cli.option-excel"},
                     {.name = "output", .value = "FILE", .help = "cli.option-output", .values = cli::Values::file}},
         .handler = export_rows},
        {.path = "register history", .summary = "cli.register-history", .arguments = {name, id}, .handler = history},
    };
}

}  // namespace tilsyn::commands
