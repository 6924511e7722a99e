// query: a rule over the registers. The rows that come back break the promise.
#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/query/lint.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

constexpr std::size_t rows_kept = 20;       // in the evidence of a company-wide rule
constexpr std::size_t text_kept = 300;      // of one column

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    for (const auto& fault : lint_sql(params.get("sql").text)) faults.push_back({"sql", fault.message, fault.line, fault.column});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "query";
        s.title = {"A rule over the registers", "En regel over registrene"};
        s.summary = {"Runs a read-only query that returns the rows that break the promise. With subjects, each subject that is not returned passes; without, any row is a fault. "
                     "A pass says what the registers say: it is as true as they are.",
                     "Kører en forespørgsel, der kun læser og giver de rækker, som bryder løftet. Med emner består hvert emne, der ikke er med; uden er enhver række en fejl. "
                     "At den består, siger det samme som registrene og er lige så sandt som dem."};
        s.mode = policy::Mode::batch;
        s.method = policy::Method::examine;
        s.max_concurrent = 4;
        s.params = {
            {.name = "sql", .type = ParamType::sql, .required = true, .help = {"The query; the column subject names the row at fault, reason says why.", "Forespørgslen; kolonnen subject navngiver den række, der er noget galt med, og reason siger hvorfor."}},
            {.name = "max_rows", .type = ParamType::integer, .default_value = "10000", .help = {"More rows than this are not read; the control then fails as a whole.", "Flere rækker end dette læses ikke; kontrollen fejler da som helhed."}, .min = 1, .max = 1000000},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

std::string text_of(const db::Value& value) {
    if (const auto* t = std::get_if<std::string>(&value)) return shorten(*t, text_kept);
    if (const auto* n = std::get_if<std::int64_t>(&value)) return std::to_string(*n);
    if (const auto* d = std::get_if<double>(&value)) return nlohmann::json(*d).dump();
    return {};
}

struct Broken {
    std::string subject, reason;
    nlohmann::json row = nlohmann::json::object();
};

struct Answer {
    std::vector<Broken> rows;
    bool more = false;  // than max_rows
    bool has_subject = false;
};

Result<Answer> ask(const CollectRequest& request) {
    const auto& params = request.control->params;
    TRY(const auto bound, bind_moments(params.get("sql").text, request.environment->clock->now(), *request.calendar));
    TRY(const auto connection, request.environment->query_pool->get(request.deadline));
    connection->set_deadline(request.deadline);
    TRY(auto transaction, db::Transaction::begin_read(*connection));
    Answer answer;
    std::vector<std::string> columns;
    const auto limit = std::size_t(params.get("max_rows").integer);
    auto read = connection->each(bound.sql, bound.values, [&](const db::Row& row) -> Result<bool> {
        if (answer.rows.size() >= limit) {
            answer.more = true;
            return false;
        }
        Broken broken;
        for (std::size_t i = 0; i < row.size(); ++i) {
            const auto value = text_of(row[i]);
            if (columns[i] == "subject") broken.subject = value;
            else if (columns[i] == "reason") broken.reason = value;
            else if (!row.null(i)) broken.row[columns[i]] = value;
        }
        answer.rows.push_back(std::move(broken));
        return true;
    }, &columns);
    if (!read) {
        if (read.error().code == Code::timeout) return fail(Code::timeout, "checks.query-timeout");
        if (read.error().code == Code::invalid || read.error().code == Code::forbidden)  // the words of the engine tell what to mend
            return fail(Code::invalid, "checks.query-failed", {{"why", shorten(read.error().detail, 200)}});
        return std::unexpected(std::move(read).error());
    }
    answer.has_subject = std::ranges::find(columns, "subject") != columns.end();
    return answer;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    TRY(auto answer, ask(request));
    std::vector<Facts> all(request.subjects.size());
    const auto& name = request.control->subjects.register_name;
    if (name.empty()) {
        nlohmann::json rows = nlohmann::json::array();
        for (std::size_t i = 0; i < std::min(rows_kept, answer.rows.size()); ++i) {
            auto row = std::move(answer.rows[i].row);
            if (!answer.rows[i].subject.empty()) row["subject"] = answer.rows[i].subject;
            if (!answer.rows[i].reason.empty()) row["reason"] = answer.rows[i].reason;
            rows.push_back(std::move(row));
        }
        for (auto& facts : all) facts.seen = {{"count", answer.rows.size()}, {"more", answer.more}, {"rows", rows}};
        return all;
    }
    if (!answer.has_subject && !answer.rows.empty()) return fail(Code::invalid, "checks.query-no-subject");
    std::map<std::string, const Broken*> broken;
    for (const auto& row : answer.rows) broken.emplace(name + "/" + row.subject, &row);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto found = broken.find(request.subjects[i].id);
        all[i].seen = {{"broken", found != broken.end()}};
        if (answer.more) all[i].seen["more"] = true;
        if (found == broken.end()) continue;
        if (!found->second->reason.empty()) all[i].seen["reason"] = found->second->reason;
        if (!found->second->row.empty()) all[i].seen["row"] = found->second->row;
    }
    return all;
}

Judgement judge(const policy::Control&, const Facts& facts, Timestamp) {
    Judgement judgement;
    const auto& seen = facts.seen;
    if (seen.contains("broken")) {
        if (seen["broken"] == true) {
            judgement.outcome = Outcome::fail;
            judgement.why = seen.contains("reason") ? msg("checks.query-reason", {{"reason", seen["reason"].get<std::string>()}}) : msg("checks.query-broken");
            if (seen.contains("row")) judgement.details["row"] = seen["row"];
        } else if (seen.value("more", false)) {  // the answer was cut: not being in it proves nothing
            judgement.outcome = Outcome::unknown;
            judgement.why = msg("checks.query-more");
        } else {
            judgement.outcome = Outcome::pass;  // nothing to tell, and nothing kept: there may be thousands
        }
        return judgement;
    }
    const auto count = seen.value("count", std::int64_t{0});
    judgement.details = seen;
    if (count == 0) {
        judgement.outcome = Outcome::pass;
        judgement.why = msg("checks.query-none");
        return judgement;
    }
    judgement.outcome = Outcome::fail;
    std::string first;
    if (seen.contains("rows") && !seen["rows"].empty()) first = seen["rows"][0].value("reason", seen["rows"][0].value("subject", ""));
    judgement.why = first.empty() ? msg("checks.query-rows", {{"count", std::to_string(count)}}) : msg("checks.query-rows-first", {{"count", std::to_string(count)}, {"first", first}});
    return judgement;
}

}  // namespace

const Kind& query_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
