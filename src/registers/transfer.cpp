#include "registers/transfer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "registers/csv.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

using nlohmann::json;

Error import_fault(std::string_view key, Params params = {}) {
    return fail(Code::invalid, key, params).error;
}

// Column names of the header; its faults go to `faults`. "" stands for a column that is not to be used.
std::vector<std::string> read_header(const Register& target, const CsvRecord& record, std::vector<Error>& faults) {
    std::vector<std::string> names;
    for (const auto& cell : record.cells) {
        auto name = lower_ascii(trim(cell));
        const bool known = name == "id" || target.field(name) != nullptr;
        const bool twice = known && std::ranges::find(names, name) != names.end();
        if (twice)
            faults.push_back(import_fault("registers.column-twice", {{"field", name}}));
        else if (!known)
            faults.push_back(unknown_field(target, trim(cell)));
        names.push_back(known && !twice ? name : std::string());
    }
    if (std::ranges::find(names, "id") == names.end()) faults.push_back(import_fault("registers.no-id-column"));
    return names;
}

void check_id(Candidate& candidate) {
    if (candidate.id.empty())
        candidate.faults.push_back(import_fault("registers.no-id", {{"field", "id"}}));
    else if (!valid_id(candidate.id))
        candidate.faults.push_back(bad_id(candidate.id));
}

// A JSON value as the text that a person would have typed; nullopt for objects and lists in lists.
std::optional<std::string> as_text(const json& value) {
    switch (value.type()) {
        case json::value_t::null:
            return "";
        case json::value_t::string:
            return value.get<std::string>();
        case json::value_t::boolean:
            return value.get<bool>() ? "true" : "false";
        case json::value_t::number_integer:
        case json::value_t::number_unsigned:
            return value.dump();
        case json::value_t::number_float:
            return fmt::format("{}", value.get<double>());
        case json::value_t::array: {
            std::vector<std::string> parts;
            for (const auto& element : value) {
                const auto part = element.is_structured() ? std::nullopt : as_text(element);
                if (!part || part->find('|') != part->npos) return std::nullopt;
                parts.push_back(*part);
            }
            return join(parts, "|");
        }
        default:
            return std::nullopt;
    }
}

json as_json(const Field& field, const std::string& text) {
    if (field.type == FieldType::boolean) return text == "true";
    if (is_several(field.type)) return elements(text);
    if (field.type == FieldType::integer || field.type == FieldType::number) {
        auto number = json::parse(text, nullptr, false);
        if (number.is_number()) return number;
    }
    return text;
}

}  // namespace

Error bad_id(std::string_view id) {
    return import_fault("registers.bad-id", {{"field", "id"}, {"text", shorten(id, 60)}});
}

std::string file_digest(std::string_view content) {
    return crypto::hex(crypto::sha256(content));
}

Result<std::vector<Candidate>> read_csv_rows(const Register& target, std::string_view content) {
    TRY(auto reader, CsvReader::open(content));
    auto header = reader.next();
    if (!header) return fail(Code::invalid, "registers.csv.empty");
    std::vector<Candidate> out;
    Candidate head;
    head.line = header->line;
    if (header->fault) head.faults.push_back(*header->fault);
    const auto names = header->fault ? std::vector<std::string>() : read_header(target, *header, head.faults);
    if (!head.faults.empty()) out.push_back(std::move(head));
    // Without names for the cells, or ids for the rows, nothing can be said of the lines below.
    if (std::ranges::find(names, "id") == names.end()) return out;
    while (auto record = reader.next()) {
        if (!record->fault && std::ranges::all_of(record->cells, [](const auto& cell) { return trim(cell).empty(); }))
            continue;
        if (out.size() == max_import_rows)
            return fail(Code::too_large, "registers.too-many-rows", {{"limit", std::to_string(max_import_rows)}});
        Candidate candidate;
        candidate.line = record->line;
        if (record->fault) {
            candidate.faults.push_back(std::move(*record->fault));
        } else if (record->cells.size() != names.size()) {
            candidate.faults.push_back(import_fault(
                "registers.csv.cells",
                {{"found", std::to_string(record->cells.size())}, {"expected", std::to_string(names.size())}}));
        } else {
            Fields input;
            for (std::size_t i = 0; i < names.size(); ++i) {
                if (names[i] == "id")
                    candidate.id = trim(record->cells[i]);
                else if (!names[i].empty())
                    input.emplace(names[i], std::move(record->cells[i]));
            }
            check_id(candidate);
            candidate.fields = check_input(target, input, candidate.faults);
        }
        out.push_back(std::move(candidate));
    }
    return out;
}

Result<std::vector<Candidate>> read_json_rows(const Register& target, std::string_view content) {
    if (content.size() > max_csv_bytes)
        return fail(Code::too_large, "registers.csv.file-too-large", {{"limit", std::to_string(max_csv_bytes >> 20)}});
    if (content.starts_with("\xEF\xBB\xBF")) content.remove_prefix(3);
    json document;
    try {
        document = json::parse(content);
    } catch (const json::parse_error& e) {
        return fail(Code::invalid, "registers.json.bad").detail(e.what());
    }
    if (!document.is_array()) return fail(Code::invalid, "registers.json.no-array");
    if (document.size() > max_import_rows)
        return fail(Code::too_large, "registers.too-many-rows", {{"limit", std::to_string(max_import_rows)}});
    std::vector<Candidate> out;
    for (const auto& element : document) {
        Candidate candidate;
        candidate.line = std::int64_t(out.size()) + 1;
        if (!element.is_object()) {
            candidate.faults.push_back(import_fault("registers.json.no-object"));
            out.push_back(std::move(candidate));
            continue;
        }
        Fields input;
        for (const auto& [name, value] : element.items()) {
            auto text = as_text(value);
            if (!text)
                candidate.faults.push_back(import_fault("registers.json.bad-value", {{"field", name}}));
            else if (name == "id")
                candidate.id = *text;
            else
                input.emplace(name, std::move(*text));
        }
        check_id(candidate);
        candidate.fields = check_input(target, input, candidate.faults);
        out.push_back(std::move(candidate));
    }
    return out;
}

Result<ImportPlan> plan_import(db::Connection& connection, const Register& target,
                               const std::vector<Candidate>& candidates) {
    TRY(const auto existing, all_rows(connection, target.name));
    std::map<std::string_view, std::int64_t> first_line;  // of each id in the file
    std::set<std::string, std::less<>> ids;
    for (const auto& candidate : candidates)
        if (!candidate.id.empty() && first_line.emplace(candidate.id, candidate.line).second) ids.insert(candidate.id);

    // Who has which value in a unique field, when the import is done.
    std::map<std::pair<std::string_view, std::string>, std::string> owners;
    const bool any_unique = std::ranges::any_of(target.fields, &Field::unique);
    if (any_unique)
        for (const auto& [id, stored] : existing) {
            if (ids.contains(id)) continue;
            const auto row = decode(target, stored.body);
            for (const auto& field : target.fields)
                if (const auto value = row.find(field.name); field.unique && value != row.end())
                    owners.emplace(std::pair(std::string_view(field.name), value->second), id);
        }

    References references(connection, target, ids);
    if (candidates.size() > 20) TRY_VOID(references.load_all());
    ImportPlan plan;
    for (const auto& candidate : candidates) {
        ImportLine line{candidate.line, ImportLine::What::faulty, candidate.id, candidate.faults};
        Planned change;
        change.id = candidate.id;
        const auto stored = existing.find(candidate.id);
        Fields before;
        if (stored != existing.end()) {
            change.what = Planned::What::change;
            change.before = stored->second;
            before = decode(target, stored->second.body);
            change.after = merged(before, candidate.fields);
        } else {
            change.after = with_defaults(target, candidate.fields);
        }
        if (const auto first = first_line.find(candidate.id);
            first != first_line.end() && first->second != candidate.line)
            line.faults.push_back(
                import_fault("registers.id-twice",
                             {{"field", "id"}, {"id", candidate.id}, {"line", std::to_string(first->second)}}));
        if (candidate.faults.empty()) {
            check_complete(target, change.after, line.faults);
            TRY_VOID(references.check(change.after, line.faults));
        }
        for (const auto& field : target.fields) {
            const auto value = change.after.find(field.name);
            if (!field.unique || value == change.after.end() || candidate.id.empty()) continue;
            const auto [owner, mine] =
                owners.emplace(std::pair(std::string_view(field.name), value->second), candidate.id);
            if (!mine && owner->second != candidate.id)
                line.faults.push_back(fail(Code::conflict, "registers.not-unique",
                                           {{"field", field.name}, {"text", value->second}, {"id", owner->second}})
                                          .error);
        }
        auto& report = plan.report;
        if (!line.faults.empty()) {
            ++report.faulty;
        } else if (stored == existing.end()) {
            line.what = ImportLine::What::add;
            ++report.added;
        } else if (change.after == before) {
            line.what = ImportLine::What::same;
            ++report.same;
        } else {
            line.what = ImportLine::What::change;
            ++report.changed;
        }
        if (line.what == ImportLine::What::add || line.what == ImportLine::What::change)
            plan.changes.push_back(std::move(change));
        report.lines.push_back(std::move(line));
    }
    return plan;
}

std::string write_csv_rows(const Register& target, const std::vector<RegisterRow>& rows, bool excel) {
    CsvWriter writer(excel ? CsvStyle::excel : CsvStyle::plain);
    std::vector<std::string> cells{"id"};
    for (const auto& field : target.fields) cells.push_back(field.name);
    writer.row(cells);
    for (const auto& row : rows) {
        cells.assign(1, row.id);
        for (const auto& field : target.fields) {
            const auto found = row.fields.find(field.name);
            cells.push_back(found == row.fields.end() ? std::string() : found->second);
        }
        writer.row(cells);
    }
    return writer.take();
}

std::string write_json_rows(const Register& target, const std::vector<RegisterRow>& rows) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& row : rows) {
        nlohmann::ordered_json object;
        object["id"] = row.id;
        for (const auto& field : target.fields) {
            const auto found = row.fields.find(field.name);
            if (found == row.fields.end())
                object[field.name] = nullptr;
            else
                object[field.name] = as_json(field, found->second);
        }
        out.push_back(std::move(object));
    }
    return out.dump(2) + "\n";
}

}  // namespace tilsyn::registers
