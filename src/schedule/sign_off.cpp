#include "schedule/sign_off.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/sign_off.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::schedule {
namespace {

struct Person {
    std::string id;
    std::vector<std::string> roles;
};

Result<std::vector<Person>> active_people(db::Connection& connection) {
    std::vector<Person> people;
    TRY_VOID(connection.each("SELECT id, body FROM register_row WHERE register = 'people' ORDER BY id", {},
                             [&](const db::Row& row) -> Result<bool> {
                                 const auto body = nlohmann::json::parse(row.text(1), nullptr, false);
                                 if (!body.is_object() || body.value("status", "active") != "active") return true;
                                 Person person{row.text(0), {}};
                                 for (const auto role : split(body.value("roles", ""), '|'))
                                     person.roles.emplace_back(trim(role));
                                 people.push_back(std::move(person));
                                 return true;
                             }));
    return people;
}

// Who may sign. "everyone" is held by all. A lot is drawn from the installation's seed, so nobody chooses who it falls
// on.
std::vector<std::string> may_sign(const Plan& plan, const policy::Control& control, std::string_view subject,
                                  Timestamp planned, const std::vector<Person>& people) {
    std::vector<std::string> holders;
    for (const auto& person : people)
        if (control.owner == "everyone" || std::ranges::find(person.roles, control.owner) != person.roles.end())
            holders.push_back(person.id);
    if (!control.params.get("by_lot").boolean || holders.size() < 2) return holders;
    const auto draw = crypto::sha256({plan.lot_seed, "|lot|", control.id, "|", subject, "|", format_utc(planned)});
    const auto number = std::size_t(draw[0]) << 16 | std::size_t(draw[1]) << 8 | draw[2];
    return {holders[number % holders.size()]};
}

bool due_now(const policy::Control& control, Timestamp planned, Timestamp now) {
    return planned <= now || control.cadence.form == policy::Cadence::Form::since_done;
}

nlohmann::json to_json(const Answer& answer, std::string_view person) {
    nlohmann::json json{{"decision", answer.decision},
                        {"note", answer.note},
                        {"answers", answer.answers},
                        {"evidence", answer.evidence},
                        {"signed_by", person}};
    if (answer.count) json["count"] = *answer.count;
    return json;
}

}  // namespace

Result<std::vector<Asked>> asked(db::Connection& connection, const Plan& plan, Timestamp now, Duration ahead,
                                 std::optional<std::string_view> person) {
    TRY(const auto people, active_people(connection));
    std::vector<Asked> result;
    TRY_VOID(connection.each(
        "SELECT s.control, s.subject, s.planned_at, s.deadline_at, o.signed_by FROM subject_state s LEFT JOIN sign_off "
        "o ON o.control = s.control "
        "AND o.subject = s.subject AND o.planned_at = s.planned_at WHERE s.state = 2 AND s.planned_at <= ? ORDER BY "
        "s.planned_at, s.control, s.subject",
        std::array<db::Value, 1>{to_micros(now + ahead)}, [&](const db::Row& row) -> Result<bool> {
            const auto* control = plan.control(row.text(0));
            if (control == nullptr) return true;
            Asked a{control, row.text(1), row.time(2), row.time(3), row.time(2) <= now, {}, row.text(4)};
            a.persons = may_sign(plan, *control, a.subject, a.planned, people);
            if (!a.waiting_for_second.empty()) {
                a.persons.clear();
                for (const auto& p : people)
                    if (p.id != a.waiting_for_second) a.persons.push_back(p.id);
            }
            if (!person || std::ranges::find(a.persons, *person) != a.persons.end()) result.push_back(std::move(a));
            return true;
        }));
    return result;
}

Result<Signed> sign(log::Committer& committer, const Plan& plan, std::string_view control_id, std::string_view subject,
                    std::string_view person, const Answer& answer) {
    const auto* control = plan.control(control_id);
    if (control == nullptr) return fail(Code::not_found, "schedule.no-control", {{"control", std::string(control_id)}});
    const auto* kind = plan.kind(*control);
    if (kind == nullptr || kind->spec->mode != policy::Mode::person)
        return fail(Code::invalid, "schedule.not-signed", {{"control", control->id}});
    const auto json = to_json(answer, person);
    if (auto faults = checks::check_answer(control->params, json); !faults.empty())
        return std::unexpected(std::move(faults.front()));

    Signed result;
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        auto& db = context.db();
        result = {};
        TRY(const auto row, db.one("SELECT planned_at FROM subject_state WHERE control = ? AND subject = ?",
                                   {control->id, std::string(subject)}));
        if (!row)
            return fail(Code::not_found, "schedule.no-subject",
                        {{"control", control->id}, {"subject", std::string(subject)}});
        const auto planned = row->time(0);
        if (!due_now(*control, planned, context.now()))
            return fail(Code::conflict, "schedule.not-due",
                        {{"control", control->id}, {"planned", plan.calendar.zone().format(planned)}});
        TRY(const auto people, active_people(db));
        const auto known = std::ranges::find(people, person, &Person::id);
        if (known == people.end())
            return fail(Code::forbidden, "schedule.not-a-person", {{"person", std::string(person)}});

        TRY(const auto first,
            db.one("SELECT answer, signed_by FROM sign_off WHERE control = ? AND subject = ? AND planned_at = ?",
                   {control->id, std::string(subject), to_micros(planned)}));
        if (!first) {
            const auto allowed = may_sign(plan, *control, subject, planned, people);
            if (std::ranges::find(allowed, person) == allowed.end())
                return fail(
                    Code::forbidden, "schedule.not-asked",
                    {{"person", std::string(person)}, {"asked", join(allowed, ", ")}, {"role", control->owner}});
        } else if (first->text(1) == person) {
            return fail(Code::forbidden, "schedule.second-is-first", {{"person", std::string(person)}});
        }
        log::Entry entry("control.signoff");
        entry.control(control->id);
        if (plan.personal(*control))
            entry.private_text("s", subject);
        else
            entry.text("s", subject);
        result.log_index =
            context.append(entry.time("due", planned).private_text("by", person).private_text("answer", json.dump()));

        auto facts = json;
        if (control->params.get("second_person").boolean) {
            if (!first) {
                TRY_VOID(
                    db.execute("INSERT INTO sign_off(control, subject, planned_at, answer, signed_by, signed_at) "
                               "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT(control, subject) "
                               "DO UPDATE SET planned_at = excluded.planned_at, answer = excluded.answer, signed_by = "
                               "excluded.signed_by, signed_at = excluded.signed_at",
                               {control->id, std::string(subject), to_micros(planned), json.dump(), std::string(person),
                                to_micros(context.now())}));
                result.waits_for_second = true;
                return {};
            }
            facts = nlohmann::json::parse(first->text(0));
            facts["second_by"] = person;
            // The second person confirms what the first saw; if they do not, the control has not passed.
            if (answer.decision != "pass") {
                facts["decision"] = answer.decision;
                facts["note"] = answer.note;
            }
            // Who counted more has seen more.
            if (answer.count) facts["count"] = std::max(*answer.count, facts.value("count", std::int64_t{0}));
            TRY_VOID(db.execute("DELETE FROM sign_off WHERE control = ? AND subject = ?",
                                {control->id, std::string(subject)}));
        }
        Outcome outcome{control,
                        std::string(subject),
                        planned,
                        context.now(),
                        kind->judge(*control, checks::Facts{facts, std::nullopt}, context.now()),
                        1,
                        true,
                        0,
                        std::string(person),
                        {}};
        if (control->cadence.form == policy::Cadence::Form::since_done)
            outcome.planned = std::min(planned, context.now());
        result.outcome = outcome.judgement.outcome;
        TRY_VOID(record(context, plan, std::span(&outcome, 1)));
        return {};
    }));
    return result;
}

Result<std::string> store_evidence(const std::string& data_folder, std::string_view content) {
    if (content.empty()) return fail(Code::invalid, "schedule.evidence-empty");
    if (content.size() > evidence_limit)
        return fail(Code::too_large, "schedule.evidence-too-large", {{"limit", std::to_string(evidence_limit >> 20)}});
    auto name = crypto::hex(crypto::sha256(content));
    const auto folder = std::filesystem::path(data_folder) / "evidence" / name.substr(0, 2);
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", folder.string()}}).detail(error.message());
    if (!std::filesystem::exists(folder / name)) TRY_VOID(write_file(folder / name, content, 0600));
    return name;
}

}  // namespace tilsyn::schedule
