// Carries out the backup plans: what is due now, and, for the service, a thread that does it when it is. What a job
// finds is written to the registers too, where the policy's controls look: when a plan last succeeded, how many sets
// there are, every restore that was tried.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/app.hpp"
#include "backup/job.hpp"
#include "backup/report.hpp"

namespace tilsyn::app {

enum class JobKind { set, sample, drill };
struct DueJob {
    std::string plan;
    JobKind kind = JobKind::set;
};

struct JobHooks {
    std::function<bool()> stopping = {};
    // Before each step of each job, and several times a second while it lasts.
    std::function<void(const std::string& plan, const backup::JobProgress&)> progress = {};
    std::function<void(const std::string& plan, const Error&)> trouble = {};
};

backup::House house_of(App& app, const JobHooks& hooks, const std::string& plan);

// Pure: is it time? `sets` and `drills` as the ledger gives them, newest first.
bool set_is_due(const backup::Plan& plan, const std::vector<backup::Set>& sets, Timestamp now);
bool drill_is_due(const backup::Plan& plan, const std::vector<backup::Set>& sets,
                  const std::vector<backup::Drill>& drills, backup::Extent extent, Timestamp now);

// Pure: the set that a full restore should try, by our id. Every third time it is not the newest one but, of the older
// ones that are kept, the one that was tried longest ago: what is kept for years must come back, too.
std::string set_to_try(const std::vector<backup::Set>& sets, const std::vector<backup::Drill>& drills);

// One plan: the set if it is due (or `even_if_not`), then the restores that are, then what need not be kept goes.
// Code::busy: another process is at it.
struct PlanRun {
    std::optional<backup::Set> set;  // made, or the newest of those found in a repository that is watched
    int found = 0, gone = 0;         // in a repository that is watched, since the last look
    std::vector<backup::Drill> drills;
    std::optional<backup::Check> check;  // of its repository
    int forgotten = 0;
};
Result<PlanRun> run_plan(App& app, const backup::Plan& plan, const JobHooks& hooks, bool even_if_not = false);
Result<backup::Drill> run_drill(App& app, const backup::Plan& plan, const backup::DrillRequest& request,
                                const JobHooks& hooks);
// Opens the repository with another password than ours, the sealed copy say, and enters that it was tried. How many
// sets there are.
Result<int> try_key(App& app, const std::string& repository, std::string password, std::string_view actor);
// What a program that Tilsyn does not run says of a backup it has made.
Result<backup::Set> report_backup(App& app, const backup::Plan& plan, const backup::Report& report);
// All plans whose data lies on this machine, one after another; what goes wrong with one is told and does not keep the
// others. How many jobs there were.
Result<int> run_due_backups(App& app, const JobHooks& hooks);

// What is under way just now, for those who ask.
struct RunningJob {
    std::string plan;
    backup::JobProgress progress;
    Timestamp since{};   // of the job's step
    double in_step = 0;  // seconds
};
class JobBoard {
  public:
    void show(const std::string& plan, const backup::JobProgress& progress, const Clock& clock);
    void clear();
    std::optional<RunningJob> now(const Clock& clock) const;

  private:
    mutable std::mutex mutex_;
    std::optional<RunningJob> job_;
    std::chrono::steady_clock::time_point step_began_{};
};

class BackupThread {
  public:
    BackupThread(App& app, Duration every, std::shared_ptr<JobBoard> board = std::make_shared<JobBoard>());
    ~BackupThread();  // stops what is under way
    BackupThread(const BackupThread&) = delete;
    BackupThread& operator=(const BackupThread&) = delete;
    void stop();

  private:
    void work();

    App* app_;
    Duration every_;
    std::shared_ptr<JobBoard> board_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::thread thread_;
};

}  // namespace tilsyn::app
