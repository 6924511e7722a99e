// Checks an evidence pack, or two against each other, from the files alone: no network, no database, no configuration.
//
//   MANIFEST                     signed note of the log's key: every member's SHA-256, size and name
//   pack.json                    whose log, which period, for whom, how large the log was
//   log/checkpoint               the signed checkpoint everything is proved against, with its cosignatures
//   log/checkpoints/<size>, log/consistency/, log/stamps/, log/tsa/
//                                earlier ones, and who vouches for their time: vouched.hpp
//   log/tile/entries/...         a whole pack: every entry of the log (C2SP tlog-tiles bundles)
//   log/proofs/<n>.tlog-proof    a partial pack: a proof for each entry it tells of
//   log/witnesses                whose cosignatures are asked for (C2SP tlog-policy); may be absent
//   data/*.jsonl                 what the report tells, row by row, each naming its entry
//   data/disclosed.jsonl         salts and values that open commitments
// What else is there (report, policies, registers) is held by the manifest.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "crypto/timestamp.hpp"
#include "log/checkpoint.hpp"
#include "log/witness_policy.hpp"

namespace tilsyn::log::pack {

struct VerifyOptions {
    std::vector<std::string> kept;          // notes of checkpoints that the reader has kept
    std::optional<WitnessPolicy> policy;    // the reader's own; else the one in the pack
    std::optional<VerifierKey> key;         // the log's key as the reader knows it; else the one in the pack
    std::optional<crypto::StampTrust> tsa;  // whose time stamps the reader believes; else as the pack says
};

struct Failure {
    std::int64_t entry = -1;  // -1: not about one entry
    Error why;
};

struct Verdict {
    bool whole = false;  // every entry was read; else only those with a proof
    std::string origin, audience, company;
    VerifierKey key;
    bool key_was_given = false;
    Checkpoint checkpoint;
    std::int64_t entries = 0, rows = 0, disclosed = 0, checkpoints = 0;
    // A whole log tells of its own life: processes that began, that ended in good order, and times in which nothing was
    // logged, though one that runs logs a heartbeat every hour.
    std::int64_t started = 0, ended = 0, silences = 0;
    Timestamp silent_from{}, silent_to{};  // the longest
    std::vector<std::string> witnesses;    // whose cosignatures held
    bool asks_for_witnesses = false, witnessed = false;
    // Entries by their proved time (proved_time.hpp): between two moments that others vouch for; contradicted by them,
    // each one also a failure; not contradicted, but without somebody on one side at least.
    std::int64_t inside = 0, outside = 0, unbounded = 0;
    std::vector<std::string> stamped_by;  // authorities whose stamps held
    bool tsa_was_given = false;
    std::vector<Failure> failures;  // the first 1,000
    std::int64_t failed = 0;        // all
};

inline constexpr std::size_t most_failures = 1000;
inline constexpr Duration silence = std::chrono::minutes(90);

// An Error: the pack cannot be read at all. Otherwise what was found, good or bad.
Result<Verdict> verify(const std::filesystem::path& pack, const VerifyOptions& options);

// Are both of one history? Code::corrupt: they are not, and which sizes show it. Code::unsupported: it cannot be told,
// because neither holds the whole log and they share no checkpoint.
Result<void> compare(const std::filesystem::path& a, const std::filesystem::path& b, const VerifyOptions& options);

}  // namespace tilsyn::log::pack
