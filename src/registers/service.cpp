#include "registers/service.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "registers/store.hpp"
#include "registers/transfer.hpp"
#include "registers/value.hpp"

namespace tilsyn::registers {
namespace {

constexpr std::int64_t max_page = 10'000;

Result<const Register*> find(const Catalogue& catalogue, std::string_view name) {
    if (const auto* target = catalogue.find(name)) return target;
    auto fault = fail(Code::not_found, "registers.unknown-register", {{"register", std::string(name)}});
    if (auto near = nearest(name, catalogue.names()))
        return std::move(fault).hint("registers.did-you-mean", {{"name", *near}});
    return fault;
}

Fail no_row(const Register& target, std::string_view id) {
    return fail(Code::not_found, "registers.no-row", {{"register", target.name}, {"id", std::string(id)}});
}

Result<void> check_actor(std::string_view actor) {
    if (trim(actor).empty()) return fail(Code::unauthorized, "registers.no-actor");
    return {};
}

// Strings of the body, and the id: what a person sees as text.
bool holds(const db::Row& row, std::string_view folded) {
    if (fold_case(row.text(0)).find(folded) != std::string::npos) return true;
    const auto body = nlohmann::json::parse(row.text(1), nullptr, false);
    return std::ranges::any_of(body, [&](const auto& value) {
        return fold_case(value.is_string() ? value.template get<std::string>() : value.dump()).find(folded) !=
               std::string::npos;
    });
}

// Everything that needs other rows: unique values and references.
Result<void> check_against_others(db::Connection& connection, const Register& target, const std::string& id,
                                  const Fields& row) {
    for (const auto& field : target.fields) {
        const auto value = row.find(field.name);
        if (!field.unique || value == row.end()) continue;
        TRY(const auto other, row_with(connection, target, field, value->second, id));
        if (!other.empty())
            return fail(Code::conflict, "registers.not-unique",
                        {{"field", field.name}, {"text", value->second}, {"id", other}});
    }
    std::vector<Error> faults;
    TRY_VOID(References(connection, target, {id}).check(row, faults));
    if (!faults.empty()) return std::unexpected(faults.front());
    return {};
}

}  // namespace

Service::Service(const Catalogue& catalogue, db::Pool& readers, log::Committer& committer, OnChange on_change)
    : catalogue_(&catalogue), readers_(&readers), committer_(&committer), on_change_(std::move(on_change)) {}

Result<Service::Page> Service::list(std::string_view register_name, std::string_view after, std::int64_t limit,
                                    std::string_view search) const {
    TRY(const auto* target, find(*catalogue_, register_name));
    limit = std::clamp<std::int64_t>(limit, 1, max_page);
    TRY(auto connection, readers_->get());
    TRY(auto snapshot, db::Transaction::begin_read(*connection));
    // Ids sort by their bytes on both engines, whatever the collation of the database.
    const std::string id = connection->engine() == db::Engine::postgres ? "id COLLATE \"C\"" : "id";
    const auto folded = fold_case(trim(search));
    Page page;
    bool more = false;
    const auto take = [&](const db::Row& row) {
        if (std::int64_t(page.rows.size()) == limit)
            more = true;
        else
            page.rows.push_back(
                to_row(*target, row.text(0), {row.text(1), row.integer(2), row.integer(3), row.text(4)}));
    };
    const std::string columns =
        "SELECT id, body, version, updated_at, updated_by FROM register_row WHERE register = ? ";
    if (folded.empty()) {
        TRY(const auto count, connection->one("SELECT count(*) FROM register_row WHERE register = ?", {target->name}));
        page.total = count->integer(0);
        const db::Value parameters[] = {target->name, std::string(after), limit + 1};
        TRY_VOID(connection->each(columns + "AND " + id + " > ? ORDER BY " + id + " LIMIT ?", parameters,
                                  [&](const db::Row& row) -> Result<bool> {
                                      take(row);
                                      return true;
                                  }));
    } else {
        const db::Value parameters[] = {target->name};
        TRY_VOID(connection->each(columns + "ORDER BY " + id, parameters, [&](const db::Row& row) -> Result<bool> {
            if (!holds(row, folded)) return true;
            ++page.total;
            if (!more && row.text(0) > after) take(row);
            return true;
        }));
    }
    if (more) page.next = page.rows.back().id;
    return page;
}

Result<RegisterRow> Service::get(std::string_view register_name, std::string_view id) const {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY(auto connection, readers_->get());
    TRY(const auto stored, find_row(*connection, register_name, id));
    if (!stored) return no_row(*target, id);
    return to_row(*target, id, *stored);
}

Result<std::vector<Change>> Service::history(std::string_view register_name, std::string_view id,
                                             std::int64_t limit) const {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY(auto connection, readers_->get());
    TRY(const auto rows,
        connection->query("SELECT sequence, at, actor, action, before, after, log_index FROM register_change "
                          "WHERE register = ? AND id = ? ORDER BY sequence DESC LIMIT ?",
                          {target->name, std::string(id), std::clamp<std::int64_t>(limit, 1, max_page)}));
    std::vector<Change> out;
    for (const auto& row : rows.rows) {
        Change change{row.integer(0), row.time(1), row.text(2), row.text(3), std::string(id), {}, {}, row.integer(6)};
        if (!row.null(4)) change.before = decode(*target, row.text(4));
        if (!row.null(5)) change.after = decode(*target, row.text(5));
        out.push_back(std::move(change));
    }
    return out;
}

Result<RegisterRow> Service::add(std::string_view register_name, std::string_view id, const Fields& input,
                                 std::string_view actor) {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY_VOID(check_actor(actor));
    if (!valid_id(id)) return std::unexpected(bad_id(id));
    std::vector<Error> faults;
    Planned change;
    change.what = Planned::What::add;
    change.id = id;
    change.after = with_defaults(*target, check_input(*target, input, faults));
    if (faults.empty()) check_complete(*target, change.after, faults);
    if (!faults.empty()) return std::unexpected(faults.front());

    Timestamp at{};
    const auto write = [&](log::WriteContext& context) -> Result<void> {
        TRY(const auto existing, find_row(context.db(), target->name, change.id));
        if (existing)
            return fail(Code::conflict, "registers.row-exists", {{"register", target->name}, {"id", change.id}});
        TRY_VOID(check_against_others(context.db(), *target, change.id, change.after));
        TRY_VOID(write_changes(context, *target, std::span(&change, 1), {std::string(actor), "add", {}}));
        at = context.now();
        return on_change_ ? on_change_(context, target->name) : Result<void>();
    };
    TRY_VOID(committer_->write(write));
    return RegisterRow{change.id, change.after, 1, at, std::string(actor)};
}

Result<RegisterRow> Service::set(std::string_view register_name, std::string_view id, const Fields& changes,
                                 std::string_view actor, std::optional<std::int64_t> expected_version) {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY_VOID(check_actor(actor));
    std::vector<Error> faults;
    const auto input = check_input(*target, changes, faults);
    if (!faults.empty()) return std::unexpected(faults.front());

    RegisterRow result;
    const auto write = [&](log::WriteContext& context) -> Result<void> {
        TRY(const auto existing, find_row(context.db(), target->name, id));
        if (!existing) return no_row(*target, id);
        if (expected_version && *expected_version != existing->version)
            return fail(Code::conflict, "registers.version-moved",
                        {{"register", target->name},
                         {"id", std::string(id)},
                         {"expected", std::to_string(*expected_version)},
                         {"version", std::to_string(existing->version)}});
        result = to_row(*target, id, *existing);
        Planned change{Planned::What::change, std::string(id), *existing, merged(result.fields, input)};
        if (change.after == result.fields) return {};  // nothing to say, so nothing in the log
        std::vector<Error> missing;
        check_complete(*target, change.after, missing);
        if (!missing.empty()) return std::unexpected(missing.front());
        TRY_VOID(check_against_others(context.db(), *target, change.id, change.after));
        TRY_VOID(write_changes(context, *target, std::span(&change, 1), {std::string(actor), "set", {}}));
        result = {change.id, change.after, existing->version + 1, context.now(), std::string(actor)};
        return on_change_ ? on_change_(context, target->name) : Result<void>();
    };
    TRY_VOID(committer_->write(write));
    return result;
}

Result<void> Service::remove(std::string_view register_name, std::string_view id, std::string_view actor) {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY_VOID(check_actor(actor));
    return committer_->write([&](log::WriteContext& context) -> Result<void> {
        TRY(const auto existing, find_row(context.db(), target->name, id));
        if (!existing) return no_row(*target, id);
        TRY_VOID(check_not_referred_to(context.db(), *target, id));
        const Planned change{Planned::What::remove, std::string(id), *existing, {}};
        TRY_VOID(write_changes(context, *target, std::span(&change, 1), {std::string(actor), "remove", {}}));
        return on_change_ ? on_change_(context, target->name) : Result<void>();
    });
}

Result<ImportReport> Service::import(std::string_view register_name, std::string_view content, Format format,
                                     std::string_view actor, bool dry_run) {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY_VOID(check_actor(actor));
    TRY(const auto candidates,
        format == Format::csv ? read_csv_rows(*target, content) : read_json_rows(*target, content));
    const bool faulty = std::ranges::any_of(candidates, [](const Candidate& c) { return !c.faults.empty(); });
    if (dry_run || faulty) {
        TRY(auto connection, readers_->get());
        TRY(auto snapshot, db::Transaction::begin_read(*connection));
        TRY(auto plan, plan_import(*connection, *target, candidates));
        return std::move(plan.report);
    }
    ImportReport report;
    const auto digest = file_digest(content);
    const auto write = [&](log::WriteContext& context) -> Result<void> {
        TRY(auto plan, plan_import(context.db(), *target, candidates));
        report = std::move(plan.report);
        if (report.faulty != 0) return {};
        report.applied = true;
        if (plan.changes.empty()) return {};
        TRY_VOID(write_changes(context, *target, plan.changes, {std::string(actor), "import", digest}));
        return on_change_ ? on_change_(context, target->name) : Result<void>();
    };
    TRY_VOID(committer_->write(write));
    return report;
}

Result<std::string> Service::export_rows(std::string_view register_name, Format format, bool excel) const {
    TRY(const auto* target, find(*catalogue_, register_name));
    TRY(auto connection, readers_->get());
    TRY(const auto stored, all_rows(*connection, target->name));
    std::vector<RegisterRow> rows;
    for (const auto& [id, row] : stored) rows.push_back(to_row(*target, id, row));
    return format == Format::csv ? write_csv_rows(*target, rows, excel) : write_json_rows(*target, rows);
}

}  // namespace tilsyn::registers
