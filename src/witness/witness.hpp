// A witness: for each log it knows, it remembers the newest checkpoint it has cosigned, and cosigns another one only
// when that continues it (C2SP tlog-witness). So one witness never vouches for two histories of one log, however many
// ask at the same time and whenever it is killed: what it cosigns is durable before anybody gets the cosignature.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "db/db.hpp"
#include "log/checkpoint.hpp"
#include "log/private_key.hpp"

namespace tilsyn::witness {

// Where a witness may be killed in a test: before the state is read again for the decision, between decision and
// write, and between the durable write and the answer.
enum class Step { verified, decided, stored };

// How it ended; the numbers are HTTP's, as the protocol fixes them.
enum class Verdict {
    cosigned = 200,
    malformed = 400,
    not_signed = 403,  // by no key that this log is known by
    unknown_log = 404,
    out_of_step = 409,   // the log's idea of what was cosigned last is not ours: `size` is
    inconsistent = 422,  // the checkpoint does not continue what was cosigned
};

struct Answer {
    Verdict verdict = Verdict::malformed;
    std::string lines;         // of the cosigned one: what the log adds to its note
    std::int64_t size = 0;     // of the newest cosigned checkpoint
    std::optional<Error> why;  // of a refusal
    std::string origin;        // as far as the request could be read
    std::int64_t asked_size = 0;
    bool fork = false;  // the log has signed two histories: both checkpoints are kept as evidence
};

struct KnownLog {
    std::string origin;
    std::vector<log::VerifierKey> keys;
    std::int64_t size = 0;
    std::optional<Timestamp> cosigned_at;  // nothing yet: nullopt
    std::string note;                      // signed by the log and by us
    std::int64_t forks = 0;                // other histories it has been seen to sign
};

class Witness {
  public:
    struct Options {
        std::filesystem::path folder;  // made when it is not there; holds witness.db and witness.key
        std::string name;              // of a key that is yet to be made; empty: after this machine
        std::function<void(Step)> at_step = {};
    };
    // Makes key and database at the first start. Code::conflict: the key has another name than the one given; or there
    // is a key but not the database that remembers what it has cosigned, which could make it cosign a fork.
    static Result<std::unique_ptr<Witness>> open(Options options, const Clock& clock);

    log::VerifierKey verifier() const { return key_.verifier(); }

    // From now on this log is cosigned. Another key of the same origin stands beside the first (a change of keys).
    // `origin` only where it differs from the key's name. True: it is new.
    Result<bool> add_log(const log::VerifierKey& key, std::string_view origin = {});
    // The key counts no more; what was cosigned stays remembered. False: it was not known.
    Result<bool> forget_key(const log::VerifierKey& key);
    Result<std::vector<KnownLog>> logs();

    // Any thread. An Error is a fault of ours: nothing was cosigned, as far as the log will ever know.
    Result<Answer> add_checkpoint(std::string_view body);
    // The newest cosigned checkpoint of the log whose origin has this SHA-256; nullopt: none.
    Result<std::optional<std::string>> newest(std::string_view origin_sha256_hex);

  private:
    struct Stored;
    Witness(Options options, const Clock& clock, log::PrivateKey key, std::unique_ptr<db::Connection> connection);
    Result<std::optional<Stored>> read(const std::string& origin);
    Result<std::vector<log::VerifierKey>> keys_of(const std::string& origin);
    Result<void> keep_fork(const log::Checkpoint& checkpoint, const log::Note& note);
    Result<Timestamp> time_after(const std::optional<Timestamp>& last) const;
    void step(Step step) const {
        if (options_.at_step) options_.at_step(step);
    }

    Options options_;
    const Clock* clock_;
    log::PrivateKey key_;
    std::mutex mutex_;  // guards connection_
    std::unique_ptr<db::Connection> connection_;
};

}  // namespace tilsyn::witness
