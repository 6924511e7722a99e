// query: a rule over the registers. The rows that come back break the promise.
#include <algorithm>
#include <map>
#include <set>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/query/lint.hpp"
#include "checks/query/moments.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

constexpr std::size_t rows_kept = 20;     // in the evidence of a company-wide rule
constexpr std::size_t columns_kept = 20;  // of one row
constexpr std::size_t text_kept = 300;    // characters of one column

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    for (const auto& fault : lint_sql(params.get("sql").text))
        faults.push_back({"sql", fault.message, fault.line, fault.column});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "query";
        s.title = {"A rule over the registers", "En regel over registrene"};
        s.summary = {
            "Runs a read-only query that returns the rows that break the promise. With subjects, each "
            "subject that is not returned passes; without, any row is a fault. "
            "A pass says what the registers say: it is as true as they are.",
            "Kører en forespørgsel, der kun læser og giver de rækker, som bryder løftet. Med emner består "
            "hvert emne, der ikke er med; uden er enhver række en fejl. "
            "At den består, siger det samme som registrene og er lige så sandt som dem."};
        s.mode = policy::Mode::batch;
        s.method = policy::Method::examine;
        s.max_concurrent = 4;
        s.params = {
            {.name = "sql",
             .type = ParamType::sql,
             .required = true,
             .help = {"The query; the column subject names the row at fault, reason says why.",
                      "Forespørgslen; kolonnen subject navngiver den række, der er noget galt med, og reason "
                      "siger hvorfor."}},
            {.name = "max_rows",
             .type = ParamType::integer,
             .default_value = "10000",
             .help = {"No more rows than this are read. Subjects that are not among them are then unknown.",
                      "Der læses ikke flere rækker end dette. Emner, der ikke er blandt dem, er da ukendte."},
             .min = 1,
             .max = 1000000},
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
};

// What the engine said, without the SQL that both put beside it.
std::string words_of(const Error& error, const std::string& sql) {
    std::string_view words = error.detail;
    if (words.starts_with(sql)) words.remove_prefix(std::min(words.size(), sql.size() + 2));
    words = words.substr(0, words.find('\n'));
    return shorten(trim(words), 200);
}

Error explained(Error error, const std::string& sql) {
    if (error.code == Code::timeout) return fail(Code::timeout, "checks.query-timeout").error;
    // The words of the engine tell what to mend.
    if (error.code == Code::invalid || error.code == Code::forbidden)
        return fail(error.code, "checks.query-failed", {{"why", words_of(error, sql)}}).error;
    return error;
}

Broken broken_row(const db::Row& row, const std::vector<std::string>& columns) {
    Broken broken;
    for (std::size_t i = 0; i < row.size(); ++i) {
        const auto value = text_of(row[i]);
        if (columns[i] == "subject")
            broken.subject = value;
        else if (columns[i] == "reason")
            broken.reason = value;
        else if (!row.null(i) && broken.row.size() < columns_kept)
            broken.row[columns[i]] = value;
    }
    return broken;
}

// A row whose subject is nobody's would be a fault that nobody sees, and its query one that passes for ever.
Result<void> all_known(db::Connection& connection, const CollectRequest& request, const Answer& answer) {
    const auto& name = request.control->subjects.register_name;
    std::set<std::string, std::less<>> known;
    for (const auto& subject : request.subjects)
        known.insert(subject.id.substr(std::min(name.size() + 1, subject.id.size())));
    const auto stranger = [&](const Broken& row) { return !known.contains(row.subject); };
    if (std::ranges::none_of(answer.rows, stranger)) return {};
    // Others of the register are well known: those that the control leaves out, or that are not due now.
    auto view = name;
    std::ranges::replace(view, '-', '_');
    TRY_VOID(connection.each("SELECT id FROM " + view, {}, [&](const db::Row& row) -> Result<bool> {
        known.insert(row.text(0));
        return true;
    }));
    const auto found = std::ranges::find_if(answer.rows, stranger);
    if (found == answer.rows.end()) return {};
    return fail(Code::invalid, "checks.query-stranger", {{"subject", found->subject}, {"register", name}});
}

Result<Answer> ask(const CollectRequest& request) {
    const auto& params = request.control->params;
    TRY(const auto bound, bind_moments(params.get("sql").text, request.environment->clock->now(), *request.calendar));
    TRY(const auto connection, request.environment->query_pool->get(request.deadline));
    connection->set_deadline(request.deadline);
    TRY(auto transaction, db::Transaction::begin_read(*connection));
    const auto limit = std::size_t(params.get("max_rows").integer);
    // Limited by the engine as well: the server would go on to send what is not wanted.
    const auto sql = "SELECT * FROM (\n" + bound.sql + "\n) AS answer LIMIT " + std::to_string(limit + 1);
    Answer answer;
    std::vector<std::string> columns;
    const auto take = [&](const db::Row& row) -> Result<bool> {
        if (answer.rows.empty())
            for (auto& column : columns) column = lower_ascii(column);
        if (answer.rows.size() >= limit) {
            answer.more = true;
            return false;
        }
        answer.rows.push_back(broken_row(row, columns));
        return true;
    };
    if (auto read = connection->each(sql, bound.values, take, &columns); !read)
        return std::unexpected(explained(std::move(read).error(), sql));
    if (request.control->subjects.register_name.empty()) return answer;
    const auto names_subject = [](const std::string& column) { return lower_ascii(column) == "subject"; };
    if (std::ranges::none_of(columns, names_subject)) return fail(Code::invalid, "checks.query-no-subject");
    TRY_VOID(all_known(*connection, request, answer));
    return answer;
}

nlohmann::json company_facts(Answer answer) {
    auto rows = nlohmann::json::array();
    for (std::size_t i = 0; i < std::min(rows_kept, answer.rows.size()); ++i) {
        auto& row = rows.emplace_back(std::move(answer.rows[i].row));
        if (!answer.rows[i].subject.empty()) row["subject"] = answer.rows[i].subject;
        if (!answer.rows[i].reason.empty()) row["reason"] = answer.rows[i].reason;
    }
    return {{"count", answer.rows.size()}, {"more", answer.more}, {"rows", std::move(rows)}};
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    TRY(auto answer, ask(request));
    std::vector<Facts> all(request.subjects.size());
    const auto& name = request.control->subjects.register_name;
    if (name.empty()) {
        const auto seen = company_facts(std::move(answer));
        for (auto& facts : all) facts.seen = seen;
        return all;
    }
    std::map<std::string, std::vector<const Broken*>> broken;
    for (const auto& row : answer.rows) broken[name + "/" + row.subject].push_back(&row);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const auto found = broken.find(request.subjects[i].id);
        auto& seen = all[i].seen;
        seen = {{"broken", found != broken.end()}};
        if (answer.more) seen["more"] = true;
        if (found == broken.end()) continue;
        const auto& first = *found->second.front();
        seen["count"] = found->second.size();
        if (!first.reason.empty()) seen["reason"] = first.reason;
        if (!first.row.empty()) seen["row"] = first.row;
    }
    return all;
}

// One subject of a register.
Judgement judge_row(const nlohmann::json& seen) {
    Judgement judgement;
    if (!seen["broken"].get<bool>()) {
        // When the answer was cut, not being in it proves nothing.
        const bool cut = seen.value("more", false);
        judgement.outcome = cut ? Outcome::unknown : Outcome::pass;
        if (cut) judgement.why = msg("checks.query-more");
        return judgement;  // of a pass nothing is kept: there may be thousands
    }
    judgement.outcome = Outcome::fail;
    const auto reason = seen.value("reason", "");
    const auto count = seen.value("count", std::int64_t{1});
    judgement.why = reason.empty() ? msg("checks.query-broken")
                    : count > 1 ? msg("checks.query-rows-first", {{"count", std::to_string(count)}, {"first", reason}})
                                : msg("checks.query-reason", {{"reason", reason}});
    if (seen.contains("row")) judgement.details["row"] = seen["row"];
    if (count > 1) judgement.details["count"] = count;
    return judgement;
}

Judgement judge(const policy::Control&, const Facts& facts, Timestamp) {
    const auto& seen = facts.seen;
    if (seen.contains("broken")) return judge_row(seen);
    Judgement judgement;
    judgement.details = seen;
    const auto count = seen.at("count").get<std::int64_t>();
    if (count == 0) {
        judgement.outcome = Outcome::pass;
        judgement.why = msg("checks.query-none");
        return judgement;
    }
    judgement.outcome = Outcome::fail;
    const auto& row = seen.at("rows").at(0);
    const auto first = row.value("reason", row.value("subject", ""));
    const auto number = std::to_string(count);
    judgement.why = seen.value("more", false) ? msg("checks.query-at-least", {{"count", number}})
                    : first.empty()           ? msg("checks.query-rows", {{"count", number}})
                                              : msg("checks.query-rows-first", {{"count", number}, {"first", first}});
    return judgement;
}

}  // namespace

const Kind& query_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
