// An hour that is over, written for good: every target's results as one chunk with its counts, a few hundred targets a
// transaction; then one entry in the control log that commits to all the chunks, and the tail goes. When a day of the
// company's clock is over, its rows too, and what is older than is kept goes.
//
// The entry's hash: SHA-256 over a line "TARGET HOUR SHA256-OF-CHUNK\n" for each chunk, by target and hour.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "log/store/committer.hpp"
#include "monitor/store.hpp"
#include "schedule/state.hpp"

namespace tilsyn::monitor {

class Closing : public std::enable_shared_from_this<Closing> {
  public:
    using Post = std::function<void(std::function<void()>)>;  // onto the loop, from any thread
    using Report = std::function<void(const Error&)>;
    // Hours up to and including `up_to`; `hours` is what there is of them. `first`: of this process; yesterday's rows
    // are made again, because the one before may have stopped between its last hour and them.
    Closing(log::Committer& committer, std::string node, Retention retention,
            std::shared_ptr<const schedule::Plan> plan, std::int64_t up_to, Timestamp now, std::vector<HourOf> hours,
            bool first, Post post, Report report);

    void start() { step(); }
    bool done() const { return done_; }
    bool ok() const { return ok_; }
    std::int64_t up_to() const { return up_to_; }

  private:
    struct Day {
        std::int64_t number, from_hour, to_hour;
    };
    void step();
    void submit(log::Committer::Change change, std::function<void()> then);
    Result<void> seal(log::WriteContext& context) const;
    std::vector<Day> days_over(Timestamp now, bool yesterday_too) const;

    log::Committer& committer_;
    std::string node_;
    Retention retention_;
    std::shared_ptr<const schedule::Plan> plan_;
    std::int64_t up_to_;
    std::vector<HourOf> hours_;
    std::vector<TargetId> targets_;
    std::vector<Day> days_;
    Post post_;
    Report report_;
    std::vector<std::string> hashes_;
    std::size_t next_hour_ = 0, next_day_ = 0, next_target_ = 0;
    bool sealed_ = false, done_ = false, ok_ = false;
};

}  // namespace tilsyn::monitor
