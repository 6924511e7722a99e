// Carries out a plan: makes a set, proves it by a restore, forgets what is older than the plan keeps. One job at a time
// in a data folder. Whatever goes wrong is recorded as what it was; nothing that a job leaves behind outlives the next.
//
// A set is `made` when our own reader could read everything, nothing was torn, nothing is suspiciously smaller than
// before, what must be there is, and the engine read all of it, too. That it can be restored only a drill says.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "backup/ledger.hpp"
#include "backup/manifest/compare.hpp"
#include "backup/plan.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "base/i18n.hpp"
#include "base/time.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::backup {

enum class Step { reading, storing, looking_again, restoring, comparing };
struct JobProgress {
    Step step = Step::reading;
    std::uint64_t files = 0, bytes = 0, files_total = 0, bytes_total = 0;  // totals of 0: not known
};

struct House {
    std::filesystem::path data;
    std::string machine;
    db::Location database;  // Tilsyn's own
    log::Committer* committer = nullptr;
    db::Pool* readers = nullptr;
    const Clock* clock = nullptr;
    std::function<bool()> stopping = {};
    std::function<void(const JobProgress&)> progress = {};
    Duration longest = std::chrono::hours(20);  // of one job
};

// The room of the jobs, held by one process at a time. What one that was killed has left is cleared away, and recorded.
class JobRoom {
  public:
    // Code::busy: another process is at it.
    static Result<JobRoom> enter(const House& house);

  private:
    explicit JobRoom(FileLock lock) : lock_(std::move(lock)) {}
    FileLock lock_;
};

// The set as recorded, whatever its state. An Error: it could not be recorded.
Result<Set> back_up(const JobRoom& room, const House& house, const Plan& plan);

struct DrillRequest {
    std::string set;  // ours; empty: the newest whole one
    Extent extent = Extent::full;
};
Result<Drill> drill(const JobRoom& room, const House& house, const Plan& plan, const DrillRequest& request);

// Forgets what the plan no longer keeps; nothing, while its newest set is not `made`. How many.
Result<int> forget_old(const JobRoom& room, const House& house, const Plan& plan);

// The engine's own check, reading the next part of all that is stored: all of it in `check_parts` days. Locks that
// nobody holds are removed first.
inline constexpr int check_parts = 14;
Result<Check> check_repository(const JobRoom& room, const House& house, const Plan& plan);

// Finds the sets that another program has put into the repository since the last look, and enters them; what has gone
// from it by that program's own retention is forgotten, what the plan keeps and is gone is lost. The newest is held
// against the source, when that lies here: what has not changed since the set was made must come back from it.
struct Watched {
    int found = 0, gone = 0;
    std::optional<Set> newest;  // of those found
};
Result<Watched> watch_repository(const JobRoom& room, const House& house, const Plan& plan);

// What the repository holds of a plan, held against the ledger: sets that are gone are marked as lost. Reads only.
struct RepositoryLook {
    int there = 0, lost = 0, unknown = 0;  // unknown: sets of this plan's data that are not in the ledger
};
Result<RepositoryLook> look_at_repository(const House& house, const Plan& plan);

// A person has looked: what was only partial, because it had become so much smaller, is as it should be.
Result<void> accept_set(const House& house, const std::string& set);

// The reasons in a set's or drill's details, one sentence each.
std::vector<std::string> reasons(const std::string& details, Lang lang);

}  // namespace tilsyn::backup
