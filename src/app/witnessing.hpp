// Has the log's newest checkpoint cosigned by the witnesses in DATA/witnesses (C2SP tlog-policy), and keeps what they
// answer. Waits for other people's machines: for a thread that nothing else waits for.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "log/store/checkpoints.hpp"
#include "log/store/tree.hpp"
#include "log/witness_policy.hpp"

namespace tilsyn::app {

struct WitnessState {
    std::string name;  // as the policy calls it
    log::VerifierKey key;
    std::string url;
    std::int64_t size = 0;         // the newest of our checkpoints that it has cosigned; 0: none
    std::optional<Timestamp> at;   // when, by its own clock
    std::optional<Error> trouble;  // how the last attempt ended, when not well
    // It has cosigned what this log does not continue (witness.ahead, witness.other-history): the log was set back or
    // rewritten, or the witness lies. Nothing that can be tried again.
    bool alarm = false;
};

class Witnessing {
  public:
    struct Options {
        std::filesystem::path policy;                 // read at each run; not there: no witnesses
        Duration every = std::chrono::minutes(5);     // no witness is asked more often, however fast the log grows
        Duration patience = std::chrono::seconds(5);  // with one witness
        std::function<bool()> stopping = {};          // asked before each witness
    };
    Witnessing(log::Committer& committer, db::Pool& readers, log::Tree& tree, Options options)
        : committer_(&committer), readers_(&readers), tree_(&tree), options_(std::move(options)) {}

    // Asks each witness that has not cosigned the newest checkpoint and whose turn it is; one that failed is asked
    // again after a minute, then two, four ... up to an hour. States in the order of the policy. An Error: our own
    // trouble (policy, database). One thread at a time.
    // Each is asked once in the life of this object, whatever it has cosigned: it may have seen more of the log than
    // there is now. A checkpoint that the log has overtaken (is_overtaken) is shown to it for that alone.
    Result<std::vector<WitnessState>> run_once(Timestamp now);

  private:
    struct Attempt {
        bool asked = false;
        Timestamp last{}, next{};
        int failures = 0;
        std::optional<Error> trouble;
        bool alarm = false;
    };
    Result<void> ask(const log::WitnessPolicy::Witness& witness, const log::StoredCheckpoint& newest,
                     std::int64_t cosigned, bool keep_it);
    Result<void> keep(const log::WitnessPolicy::Witness& witness, const log::StoredCheckpoint& newest,
                      std::string_view lines);

    log::Committer* committer_;
    db::Pool* readers_;
    log::Tree* tree_;
    Options options_;
    std::map<std::string, Attempt> attempts_;  // by vkey and address: a new address is tried at once
};

}  // namespace tilsyn::app
