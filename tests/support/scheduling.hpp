// A small policy over made-up check kinds, and the tables a schedule needs: for tests and benchmarks of the schedule.
#pragma once
#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "findings/findings.hpp"
#include "log/store/committer.hpp"
#include "log/store/verify.hpp"
#include "registers/service.hpp"
#include "schedule/engine.hpp"
#include "support/databases.hpp"

namespace tilsyn::test {

// Kinds: "null" passes at once, if the register's row is at hand; "flaky" fails until its second look at a subject;
// "broken" always fails; "hang" waits for release_hanging(); "ask" is signed by a person; "many" is a batch that fails
// subjects whose id ends in 7.
std::span<const checks::Kind> made_up_kinds();
void hold_hanging();
void release_hanging();
extern std::atomic<int> looks;  // how often any made-up kind has collected

policy::Control control(const std::string& id, const std::string& kind, const std::string& every,
                        const std::string& register_name = "");

// Opens and migrates; the caller adds controls and register rows, then calls plan() and sync().
class Schedule {
  public:
    // `more`: tables of a slice that stands on the schedule.
    Schedule(const db::Location& location, const Clock& clock, std::span<const db::Migration> more = {});
    void add_rows(const std::string& register_name, int count, const std::string& prefix = "s");  // ids s00000 ...
    std::shared_ptr<const schedule::Plan> use(std::vector<policy::Control> controls);  // makes the plan and syncs
    std::unique_ptr<schedule::Engine> engine(const schedule::EngineOptions& options = {},
                                             schedule::Engine::Report report = {});
    std::int64_t number(const std::string& sql);
    std::string text(const std::string& sql);

    db::Location location;
    const Clock* clock;
    std::unique_ptr<db::Connection> connection;
    std::unique_ptr<db::Pool> readers;
    std::unique_ptr<log::Committer> committer;
    std::shared_ptr<const schedule::Plan> plan;
};

}  // namespace tilsyn::test
