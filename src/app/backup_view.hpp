// Backups as JSON: what the API answers and what the commands print with --json.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "app/backups.hpp"
#include "backup/ledger.hpp"
#include "backup/time_line.hpp"

namespace tilsyn::app {

nlohmann::json set_json(const backup::Set& set);
nlohmann::json drill_json(const backup::Drill& drill);
// How far a job is, how fast, and how many seconds are left, where that is known.
nlohmann::json running_json(const RunningJob& job);

// The plans of a data set with what the ledger has of them, over so many days until now.
// Code::not_found: there is no such data set.
Result<backup::TimeLine> time_line_of(App& app, db::Connection& reader, const std::string& data_set, int days,
                                      Lang lang);

struct DrillWithSet {
    backup::Drill drill;
    backup::Set set;
    std::string data_set;  // its name
};
// Code::not_found: there is no such drill.
Result<DrillWithSet> find_drill(App& app, db::Connection& reader, const std::string& id);

}  // namespace tilsyn::app
