// What a program that Tilsyn neither runs nor can read says of its own work: the output of restic or borg, or a few
// plain figures. It is taken at its word as far as it goes, and no further: no summary, no files, a bad exit code or
// suddenly much less are what they are, whatever else it says.
#pragma once
#include <string>
#include <string_view>

#include "backup/job.hpp"

namespace tilsyn::backup {

struct Report {
    std::string engine;  // "restic": the lines of `restic backup --json`; "borg": `borg create --json`; "other"
    int exit_code = 0;
    // Of "other": {"started_at": "...", "set": "...", "files": n, "bytes": n}, all of them optional but the files.
    std::string output;
    std::string by;  // who says so
};

// The set that follows from it; pure. `now`: when it was told. `earlier`: newest first.
// Code::invalid: an engine of another name.
Result<Set> judge_report(const Plan& plan, const Report& report, Timestamp now, const std::vector<Set>& earlier);

// Enters it. Code::conflict: the plan is not one that is reported.
Result<Set> enter_report(log::Committer& committer, db::Connection& reader, const Plan& plan, const Report& report,
                         Timestamp now);

}  // namespace tilsyn::backup
