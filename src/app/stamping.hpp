// Once a day the newest signed checkpoint is stamped by the time-stamp authorities that DATA/tsa.toml names (RFC 3161).
// docs/time-stamps.md says what that proves.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "crypto/timestamp.hpp"
#include "db/db.hpp"
#include "log/proved_time.hpp"
#include "log/store/checkpoints.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::app {

struct Tsa {
    std::string name;          // the company's own word for it; its stamps are kept under this name
    std::string url;           // may hold user:password@, which no message shows
    std::string pem;           // the file of certificates ...
    crypto::StampTrust trust;  // ... and what it says
    bool retired = false;      // asked no more; its certificates still verify what it stamped
};
inline constexpr std::size_t most_tsas = 8;
// In the order of the file; no file: none. Errors say where in the file.
Result<std::vector<Tsa>> read_tsas(const std::filesystem::path& data);

class Stamper {
  public:
    struct Options {
        std::filesystem::path data;
        Duration every = std::chrono::hours(24);
        Duration deadline = std::chrono::seconds(20);    // for one request
        Duration first_retry = std::chrono::minutes(1);  // doubled with each failure in a row ...
        Duration last_retry = std::chrono::hours(4);     // ... up to this
        std::function<bool()> stopping = {};             // asked before each authority
    };
    Stamper(Options options, log::Committer& committer, db::Pool& readers);

    enum class State {
        stamped,     // now
        fresh,       // a stamp that is recent enough is kept
        unchanged,   // the log has not moved since it was stamped
        not_signed,  // the newest checkpoint is not of the log as it is: a stamp of it would say the wrong thing
        failed,      // `error`; tried again at `next`
        retired,
    };
    struct Status {
        std::string tsa;
        State state = State::fresh;
        std::int64_t size = 0;            // of the newest checkpoint that it stamped, as far as is known here ...
        std::optional<Timestamp> newest;  // ... and when: genTime
        Timestamp next{};                 // looked at again
        unsigned failures = 0;            // in a row
        std::optional<Error> error;
        std::optional<Message> warning;  // the authority's clock and this machine's differ by minutes
    };
    struct Round {
        std::vector<Status> tsas;
        std::optional<Error> error;  // nothing could be done at all: tsa.toml or the database
    };
    // Does what is due; returns at once when nothing is. Waits for the network for at most `deadline` for each
    // authority in turn, so it belongs on a thread that nothing waits for. One thread at a time. Call it every minute
    // or so. A change of tsa.toml counts from the next call.
    Round run_once(Timestamp now);

  private:
    Result<void> look(const Tsa& tsa, Status& status, Timestamp now);
    Result<void> stamp(const Tsa& tsa, Status& status, const log::StoredCheckpoint& checkpoint, Timestamp now);
    Duration retry_after(unsigned failures) const;

    Options options_;
    log::Committer* committer_;
    db::Pool* readers_;
    std::map<std::string, Status> known_;
};

struct KeptStamp {
    std::int64_t size = 0;
    std::string tsa;
    Timestamp at{};  // as stored; the verified one is the same
    Result<crypto::Stamped> verified;
};
// Every stamp that is kept, against its checkpoint and the certificates of its authority, by size. Errors, besides
// those of verify_stamp: stamp.unknown-tsa (tsa.toml has it no more), stamp.no-checkpoint, stamp.other-time
// (Code::corrupt). That the checkpoints are the log's is for others to verify.
Result<std::vector<KeptStamp>> verify_kept_stamps(db::Connection& connection, std::span<const Tsa> tsas);
// Those that hold.
std::vector<log::WitnessedPoint> witnessed_points(std::span<const KeptStamp> stamps);

}  // namespace tilsyn::app
