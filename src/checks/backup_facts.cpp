#include "checks/backup_facts.hpp"

#include "backup/details.hpp"

namespace tilsyn::checks {

using nlohmann::json;

Result<std::vector<Facts>> collect_plans(
    const CollectRequest& request,
    const std::function<Result<json>(db::Connection& reader, const backup::Plan& plan)>& see, bool only_read) {
    constexpr std::string_view prefix = "backup-plans/";
    TRY(const auto reader, request.environment->readers->get(request.deadline));
    reader->set_deadline(request.deadline);
    std::vector<Facts> all;
    for (const auto& subject : request.subjects) {
        Facts facts;
        facts.seen["ours"] = false;
        if (subject.id.starts_with(prefix)) {
            const auto data_set = subject.fields.find("data_set");
            registers::Fields set;
            if (data_set != subject.fields.end()) {
                TRY(const auto row, reader->one("SELECT criticality FROM data_sets WHERE id = ?", {data_set->second}));
                if (row) set["criticality"] = row->text(0);
            }
            const auto plan = backup::plan_from(subject.id.substr(prefix.size()), subject.fields, set);
            if (plan.run_by != backup::RunBy::elsewhere && !(only_read && plan.run_by == backup::RunBy::reported)) {
                TRY(facts.seen, see(*reader, plan));
                facts.seen["ours"] = true;
            }
        }
        all.push_back(std::move(facts));
    }
    return all;
}

std::optional<Message> first_reason(const json& details) {
    const auto why = details.is_object() ? details.value("why", json::array()) : json::array();
    if (!why.is_array() || why.empty() || !why.front().is_object()) return std::nullopt;
    auto message = backup::message_of(why.front());
    return message.key.empty() ? std::nullopt : std::optional(message);
}

}  // namespace tilsyn::checks
