#include "schedule/state.hpp"

#include <nlohmann/json.hpp>
#include <set>

#include "crypto/hash.hpp"
#include "db/views.hpp"
#include "findings/findings.hpp"

namespace tilsyn::schedule {
namespace {

constexpr db::Migration schema[] = {
    {"0400-schedule", R"(
CREATE TABLE subject_state(control TEXT NOT NULL, subject TEXT NOT NULL, kind TEXT NOT NULL,
    state {int} NOT NULL, planned_at {int} NOT NULL, deadline_at {int} NOT NULL, node TEXT, attempt {int} NOT NULL,
    outcome TEXT, observed_at {int}, observed_planned_at {int}, fresh_until {int}, idx {int}, PRIMARY KEY(control, subject)){norowid};
CREATE INDEX subject_state_due ON subject_state(kind, planned_at) WHERE state = 0;
CREATE INDEX subject_state_deadline ON subject_state(deadline_at) WHERE state <> 1;
CREATE INDEX subject_state_node ON subject_state(node) WHERE state = 1;
CREATE TABLE schedule_control(control TEXT PRIMARY KEY, kind TEXT NOT NULL, cadence TEXT NOT NULL, population TEXT NOT NULL){norowid};
CREATE TABLE observation(idx {int} PRIMARY KEY, control TEXT NOT NULL, subject TEXT NOT NULL, planned_at {int} NOT NULL,
    observed_at {int} NOT NULL, outcome TEXT NOT NULL, attempt {int} NOT NULL){strict};
CREATE INDEX observation_subject ON observation(control, subject, idx);
CREATE TABLE schedule_node(node TEXT PRIMARY KEY, host TEXT NOT NULL, pid {int} NOT NULL, pid_start {int} NOT NULL,
    started_at {int} NOT NULL, heartbeat_at {int} NOT NULL){norowid};
CREATE TABLE sign_off(control TEXT NOT NULL, subject TEXT NOT NULL, planned_at {int} NOT NULL, answer TEXT NOT NULL,
    signed_by TEXT NOT NULL, signed_at {int} NOT NULL, PRIMARY KEY(control, subject)){norowid};
)"},
};

std::int64_t micros(Timestamp t) {
    return to_micros(t);
}

// The subjects that a control should have now, sorted.
Result<std::vector<std::string>> wanted_subjects(db::Connection& connection, const policy::Subjects& subjects) {
    std::vector<std::string> ids;
    if (subjects.register_name.empty()) return std::vector<std::string>{std::string(company)};
    TRY_VOID(connection.each("SELECT id, body FROM register_row WHERE register = ? ORDER BY id",
                             std::array<db::Value, 1>{subjects.register_name}, [&](const db::Row& row) -> Result<bool> {
                                 if (!subjects.where.empty()) {
                                     const auto body = nlohmann::json::parse(row.text(1), nullptr, false);
                                     for (const auto& [field, accepted] : subjects.where) {
                                         const auto value =
                                             body.is_object() && body.contains(field) && body[field].is_string()
                                                 ? body[field].get<std::string>()
                                                 : "";
                                         if (std::ranges::find(accepted, value) == accepted.end()) return true;
                                     }
                                 }
                                 ids.push_back(subjects.register_name + "/" + row.text(0));
                                 return true;
                             }));
    return ids;
}

// When a pair that has just come into being is first due. A machine looks at once. People are asked at the first
// calendar time, and what is counted from "last done" is spread over the first four weeks: forty requests on the first
// day would get forty blind signatures.
Timestamp first_planned(const Plan& plan, const policy::Control& control, std::string_view subject, Timestamp now) {
    if (plan.mode(control) != policy::Mode::person) return now;
    if (control.cadence.form == policy::Cadence::Form::calendar) return plan.next(control, subject, now);
    auto day = std::chrono::sys_days(plan.calendar.zone().local(now).date) +
               std::chrono::days(1 + std::int64_t(plan.phase(control, subject) % 28));
    while (!plan.calendar.working_day(Date(day))) day += std::chrono::days(1);
    return plan.calendar.zone().utc_of({Date(day), std::chrono::hours(9)});
}

Timestamp deadline_of(const policy::Control& control, Timestamp planned) {
    return planned + control.window + control.grace;
}

log::Entry entry_for(const Plan& plan, std::string_view kind, const policy::Control& control,
                     std::string_view subject) {
    log::Entry entry(kind);
    entry.control(control.id);
    if (plan.personal(control))
        entry.private_text("s", subject);
    else
        entry.text("s", subject);
    return entry;
}

std::string detail_json(const checks::Judgement& judgement) {
    auto json = judgement.details;
    if (!judgement.why.key.empty()) {
        nlohmann::json why{{"key", judgement.why.key}};
        for (const auto& [name, value] : judgement.why.params) why["params"][name] = value;
        json["why"] = std::move(why);
    }
    if (json.empty()) return {};
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

const checks::Kind* Plan::kind(const policy::Control& control) const {
    const auto found =
        std::ranges::find_if(kinds, [&](const checks::Kind& kind) { return kind.spec->name == control.kind; });
    return found == kinds.end() ? nullptr : &*found;
}

policy::Mode Plan::mode(const policy::Control& control) const {
    const auto* known = kind(control);
    return known != nullptr ? known->spec->mode : policy::Mode::machine;
}

std::uint64_t Plan::phase(const policy::Control& control, std::string_view subject) const {
    const auto hash = crypto::sha256(
        {lot_seed, "|", control.id, "|", mode(control) == policy::Mode::batch ? std::string_view() : subject});
    std::uint64_t phase = 0;
    for (int i = 0; i < 8; ++i) phase = phase << 8 | hash[std::size_t(i)];
    return phase;
}

bool Plan::personal(const policy::Control& control) const {
    const auto* declared = registers.find(control.subjects.register_name);
    return declared != nullptr && declared->personal();
}

State Plan::resting(const policy::Control& control) const {
    if (mode(control) == policy::Mode::person) return State::asked;
    return control.watched ? State::watched : State::waiting;
}

Timestamp Plan::next(const policy::Control& control, std::string_view subject, Timestamp after,
                     std::optional<Timestamp> last_done) const {
    if (control.watched) return after + watched_entry_every;
    return policy::next_planned(control.cadence, calendar, after, phase(control, subject), last_done);
}

Result<SyncReport> sync(log::WriteContext& context, const Plan& plan, std::optional<std::string_view> register_name) {
    auto& db = context.db();
    SyncReport report;
    std::vector<std::vector<db::Value>> added, removed, replanned;
    for (const auto& control : plan.policy.controls) {
        if (register_name && control.subjects.register_name != *register_name) continue;
        TRY(const auto wanted, wanted_subjects(db, control.subjects));
        std::set<std::string> have;
        TRY_VOID(db.each("SELECT subject FROM subject_state WHERE control = ?", std::array<db::Value, 1>{control.id},
                         [&](const db::Row& row) -> Result<bool> {
                             have.insert(row.text(0));
                             return true;
                         }));
        TRY(const auto known,
            db.one("SELECT kind, cadence, population FROM schedule_control WHERE control = ?", {control.id}));
        const bool changed = known && (known->text(0) != control.kind || known->text(1) != control.cadence.text);
        const auto state = std::int64_t(plan.resting(control));
        if (control.watched)  // run once by hand (Engine::run_due) and cut off there, or planned by an older version
            TRY_VOID(db.execute("UPDATE subject_state SET state = ? WHERE control = ? AND state = ?",
                                {state, control.id, std::int64_t(State::waiting)}));
        std::string list;
        for (const auto& subject : wanted) {
            list += subject + "\n";
            const bool is_new = have.erase(subject) == 0;
            if (!is_new && !changed) continue;
            const auto planned = is_new ? first_planned(plan, control, subject, context.now())
                                        : plan.next(control, subject, context.now());
            if (is_new)
                added.push_back(
                    {control.id, subject, control.kind, state, micros(planned), micros(deadline_of(control, planned))});
            else
                replanned.push_back(
                    {control.kind, state, micros(planned), micros(deadline_of(control, planned)), control.id, subject});
        }
        for (const auto& gone : have) {
            removed.push_back({control.id, gone});
            TRY_VOID(findings::retire(context, control.id, gone));
        }
        const auto population = crypto::hex(crypto::sha256(list));
        if (!known || changed || known->text(2) != population) {
            context.append(log::Entry("control.population")
                               .control(control.id)
                               .text("every", control.cadence.text)
                               .integer("count", std::int64_t(wanted.size()))
                               .private_text("list", population));
            TRY_VOID(
                db.execute("INSERT INTO schedule_control(control, kind, cadence, population) VALUES(?, ?, ?, ?) ON "
                           "CONFLICT(control) DO UPDATE SET "
                           "kind = excluded.kind, cadence = excluded.cadence, population = excluded.population",
                           {control.id, control.kind, control.cadence.text, population}));
        }
    }
    if (!register_name) {  // controls that the policy no longer has
        std::vector<std::string> gone;
        TRY_VOID(db.each("SELECT control FROM schedule_control", {}, [&](const db::Row& row) -> Result<bool> {
            if (plan.control(row.text(0)) == nullptr) gone.push_back(row.text(0));
            return true;
        }));
        for (const auto& control : gone) {
            TRY_VOID(findings::retire(context, control, std::nullopt));
            TRY(const auto count, db.execute("DELETE FROM subject_state WHERE control = ?", {control}));
            TRY_VOID(db.execute("DELETE FROM schedule_control WHERE control = ?", {control}));
            report.removed += count;
        }
    }
    TRY_VOID(
        db.execute_each("INSERT INTO subject_state(control, subject, kind, state, planned_at, deadline_at, attempt) "
                        "VALUES(?, ?, ?, ?, ?, ?, 0)",
                        added));
    TRY_VOID(
        db.execute_each("UPDATE subject_state SET kind = ?, state = ?, planned_at = ?, deadline_at = ?, node = NULL, "
                        "attempt = 0 WHERE control = ? AND subject = ?",
                        replanned));
    TRY_VOID(db.execute_each("DELETE FROM subject_state WHERE control = ? AND subject = ?", removed));
    report.added = std::int64_t(added.size());
    report.replanned = std::int64_t(replanned.size());
    report.removed += std::int64_t(removed.size());
    return report;
}

Result<void> record(log::WriteContext& context, const Plan& plan, std::span<const Outcome> outcomes) {
    std::vector<std::vector<db::Value>> states, history;
    std::vector<findings::Followed> followed;
    for (const auto& outcome : outcomes) {
        const auto& control = *outcome.control;
        const auto word = std::string(checks::to_string(outcome.judgement.outcome));
        auto entry = entry_for(plan, outcome.final ? "control.outcome" : "control.attempt", control, outcome.subject);
        entry.time("due", outcome.planned)
            .time("seen", outcome.observed)
            .integer("attempt", outcome.attempt)
            .text("outcome", word)
            .text("policy", plan.policy.hash);
        if (outcome.skipped > 0) entry.integer("skipped", outcome.skipped);
        if (!outcome.node.empty()) entry.text("src", outcome.node);
        if (!outcome.by.empty()) entry.private_text("by", outcome.by);
        if (auto detail = detail_json(outcome.judgement); !detail.empty()) entry.private_text("detail", detail);
        const auto index = context.append(std::move(entry));
        history.push_back({index, control.id, outcome.subject, micros(outcome.planned), micros(outcome.observed), word,
                           std::int64_t(outcome.attempt)});
        if (!outcome.final) continue;
        const bool person = plan.mode(control) == policy::Mode::person;
        // A person's early signature does not answer for a time that has not come; a late run swallows what it
        // overlapped.
        const auto after =
            person ? std::min(outcome.planned, outcome.observed) : std::max(outcome.planned, outcome.observed);
        const auto next = control.cadence.form == policy::Cadence::Form::since_done
                              ? plan.next(control, outcome.subject, outcome.observed, outcome.observed)
                              : plan.next(control, outcome.subject, after);
        const auto deadline = deadline_of(control, next);
        // What is watched is looked at all the time, though the log is told only once an hour.
        const auto fresh = control.max_age && !control.watched ? outcome.observed + *control.max_age : deadline;
        states.push_back({std::int64_t(plan.resting(control)), micros(next), micros(deadline), word,
                          micros(outcome.observed), micros(outcome.planned), micros(fresh), index, control.id,
                          outcome.subject});
        followed.push_back({&control, outcome.subject, plan.personal(control), outcome.judgement.outcome});
    }
    TRY_VOID(
        context.db().execute_each("INSERT INTO observation(idx, control, subject, planned_at, observed_at, outcome, "
                                  "attempt) VALUES(?, ?, ?, ?, ?, ?, ?)",
                                  history));
    TRY_VOID(
        context.db().execute_each("UPDATE subject_state SET state = ?, planned_at = ?, deadline_at = ?, node = NULL, "
                                  "attempt = 0, outcome = ?, observed_at = ?, "
                                  "observed_planned_at = ?, fresh_until = ?, idx = ? WHERE control = ? AND subject = ?",
                                  states));
    return findings::follow(context, plan.calendar, followed);
}

Result<std::int64_t> record_missed(log::WriteContext& context, const Plan& plan, std::int64_t limit) {
    constexpr std::int64_t entries_per_subject = 5;
    constexpr std::int64_t count_limit = 100'000;
    struct Late {
        std::string control, subject;
        Timestamp planned;
    };
    std::vector<Late> late;
    const auto now = context.now();
    TRY_VOID(
        context.db().each("SELECT control, subject, planned_at FROM subject_state WHERE state <> 1 AND deadline_at < ? "
                          "ORDER BY deadline_at LIMIT ?",
                          std::array<db::Value, 2>{micros(now), limit}, [&](const db::Row& row) -> Result<bool> {
                              late.push_back({row.text(0), row.text(1), row.time(2)});
                              return true;
                          }));
    std::int64_t total = 0;
    std::vector<std::vector<db::Value>> states, history;
    std::vector<findings::Followed> followed;
    for (const auto& [control_id, subject, planned] : late) {
        const auto* control = plan.control(control_id);
        if (control == nullptr) continue;  // this node has not yet seen the policy that brought it; the next sync knows
        std::int64_t missed = 0, index = -1;
        Timestamp due = planned, first_unlisted{}, last = planned;
        const auto interval = control->watched ? watched_entry_every : control->cadence.interval;
        while (deadline_of(*control, due) < now && missed < count_limit) {
            ++missed;
            last = due;
            if (missed <= entries_per_subject) {
                index = context.append(entry_for(plan, "control.outcome", *control, subject)
                                           .time("due", due)
                                           .text("outcome", "missed")
                                           .text("policy", plan.policy.hash));
                history.push_back({index, control->id, subject, micros(due), micros(now), "missed", std::int64_t{0}});
            } else if (missed == entries_per_subject + 1) {
                first_unlisted = due;
                if (control->cadence.form == policy::Cadence::Form::interval && interval.count() > 0) {
                    // The rest is counted, not walked: a week of one-second probes is 600,000 runs.
                    const auto rest = (now - control->window - control->grace - due) / interval;
                    missed += rest;
                    last = due + rest * interval;
                    break;
                }
            }
            if (control->cadence.form == policy::Cadence::Form::since_done) break;  // due once, until it is done
            due = plan.next(*control, subject, due);
        }
        if (missed == 0) continue;
        if (missed > entries_per_subject) {
            index = context.append(entry_for(plan, "control.outcome", *control, subject)
                                       .text("outcome", "missed")
                                       .time("due", first_unlisted)
                                       .time("until", last)
                                       .integer("count", missed - entries_per_subject)
                                       .text("policy", plan.policy.hash));
            history.push_back({index, control->id, subject, micros(last), micros(now), "missed", std::int64_t{0}});
        }
        total += missed;
        const bool person = plan.mode(*control) == policy::Mode::person;
        const auto next =
            person ? plan.next(*control, subject, std::max(last, now - control->window - control->grace)) : now;
        // since_done that was missed stays open for the person: asked again after one more grace.
        const auto deadline = person && control->cadence.form == policy::Cadence::Form::since_done
                                  ? now + std::max<Duration>(control->grace, std::chrono::hours(24))
                                  : deadline_of(*control, next);
        const auto planned_next = person && control->cadence.form == policy::Cadence::Form::since_done ? planned : next;
        states.push_back({micros(planned_next), micros(deadline), micros(now), micros(last), micros(deadline), index,
                          control->id, subject});
        followed.push_back({control, subject, plan.personal(*control), checks::Outcome::missed});
    }
    TRY_VOID(
        context.db().execute_each("INSERT INTO observation(idx, control, subject, planned_at, observed_at, outcome, "
                                  "attempt) VALUES(?, ?, ?, ?, ?, ?, ?)",
                                  history));
    TRY_VOID(
        context.db().execute_each("UPDATE subject_state SET planned_at = ?, deadline_at = ?, outcome = 'missed', "
                                  "observed_at = ?, observed_planned_at = ?, "
                                  "fresh_until = ?, idx = ? WHERE control = ? AND subject = ?",
                                  states));
    TRY_VOID(findings::follow(context, plan.calendar, followed));
    return total;
}

Result<std::vector<Claim>> claim(log::WriteContext& context, std::string_view kind, std::string_view node,
                                 Timestamp now, std::int64_t limit) {
    std::vector<Claim> claims;
    std::vector<std::vector<db::Value>> rows;
    // Batches hold the head of the log, so two nodes never run this at once: what is read here is still so below.
    TRY_VOID(context.db().each(
        "SELECT control, subject, planned_at, attempt FROM subject_state WHERE kind = ? AND state = 0 AND planned_at "
        "<= ? ORDER BY planned_at LIMIT ?",
        std::array<db::Value, 3>{std::string(kind), micros(now), limit}, [&](const db::Row& row) -> Result<bool> {
            claims.push_back({row.text(0), row.text(1), row.time(2), int(row.integer(3)) + 1});
            rows.push_back({std::string(node), claims.back().control, claims.back().subject});
            return true;
        }));
    TRY_VOID(context.db().execute_each(
        "UPDATE subject_state SET state = 1, node = ?, attempt = attempt + 1 WHERE control = ? AND subject = ?", rows));
    return claims;
}

Result<void> hand_back(log::WriteContext& context, std::string_view node, std::span<const Claim> claims) {
    std::vector<std::vector<db::Value>> rows;
    for (const auto& claim : claims) rows.push_back({claim.control, claim.subject, std::string(node)});
    return context.db().execute_each(
        "UPDATE subject_state SET state = 0, node = NULL, attempt = attempt - 1 WHERE control = ? AND subject = ? AND "
        "state = 1 AND node = ?",
        rows);
}

Result<std::int64_t> release_dead_node(log::WriteContext& context, const Plan& plan, std::string_view node) {
    std::vector<std::vector<db::Value>> rows;
    TRY_VOID(context.db().each(
        "SELECT control, subject, planned_at, attempt FROM subject_state WHERE state = 1 AND node = ?",
        std::array<db::Value, 1>{std::string(node)}, [&](const db::Row& row) -> Result<bool> {
            if (const auto* control = plan.control(row.text(0)))
                context.append(entry_for(plan, "control.interrupted", *control, row.text(1))
                                   .time("due", row.time(2))
                                   .integer("attempt", row.integer(3))
                                   .text("src", node));
            rows.push_back({row.text(0), row.text(1)});
            return true;
        }));
    TRY_VOID(context.db().execute_each(
        "UPDATE subject_state SET state = 0, node = NULL WHERE control = ? AND subject = ?", rows));
    TRY_VOID(context.db().execute("DELETE FROM schedule_node WHERE node = ?", {std::string(node)}));
    return std::int64_t(rows.size());
}

Result<std::int64_t> request_run(log::Committer& committer, const Plan& plan, std::string_view control,
                                 std::string_view by) {
    const auto* known = plan.control(control);
    if (known == nullptr) return fail(Code::not_found, "schedule.no-control", {{"control", std::string(control)}});
    std::int64_t count = 0;
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        const auto deadline = context.now() + known->window + known->grace;
        TRY(count, context.db().execute("UPDATE subject_state SET planned_at = ?, deadline_at = ? WHERE control = ? "
                                        "AND state = 0 AND planned_at > ?",
                                        {to_micros(context.now()), to_micros(deadline), std::string(control),
                                         to_micros(context.now())}));
        if (count > 0)
            context.append(
                log::Entry("control.request").control(control).integer("count", count).private_text("by", by));
        return {};
    }));
    return count;
}

Result<void> create_views(db::Connection& connection) {
    const auto moment = [&](std::string_view column, std::string_view name) {
        return db::moment_as_text(connection.engine(), column) + " AS " + std::string(name);
    };
    TRY_VOID(db::replace_view(connection, "observations",
                              "SELECT control, subject, outcome, " + moment("observed_at", "observed_at") + ", " +
                                  moment("observed_planned_at", "planned_at") + ", " +
                                  moment("fresh_until", "fresh_until") +
                                  " FROM subject_state WHERE outcome IS NOT NULL"));
    return db::replace_view(connection, "runs",
                            "SELECT idx AS log_index, control, subject, outcome, " +
                                moment("observed_at", "observed_at") + ", " + moment("planned_at", "planned_at") +
                                ", attempt FROM observation");
}

}  // namespace tilsyn::schedule
