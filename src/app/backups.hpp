// Carries out the backup plans: what is due now, and, for the service, a thread that does it when it is. What a job
// finds is written to the registers too, where the policy's controls look: when a plan last succeeded, how many sets
// there are, every restore that was tried.
#pragma once
#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/app.hpp"
#include "backup/job.hpp"

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

// One plan: the set if it is due (or `even_if_not`), then the restores that are, then what need not be kept goes.
// Code::busy: another process is at it.
struct PlanRun {
    std::optional<backup::Set> set;
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
// All plans whose data lies on this machine, one after another; what goes wrong with one is told and does not keep the
// others. How many jobs there were.
Result<int> run_due_backups(App& app, const JobHooks& hooks);

class BackupThread {
  public:
    BackupThread(App& app, Duration every);
    ~BackupThread();  // stops what is under way
    BackupThread(const BackupThread&) = delete;
    BackupThread& operator=(const BackupThread&) = delete;
    void stop();

  private:
    void work();

    App* app_;
    Duration every_;
    std::atomic<bool> stopping_ = false;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::thread thread_;
};

}  // namespace tilsyn::app
