// Who outside vouches, in a pack, for how large the log was when: witnesses by cosignatures on its checkpoints,
// time-stamp authorities by stamps of them.
//
//   log/checkpoints/<size>          earlier checkpoints, with their cosignatures
//   log/consistency/<size>          in a partial pack: that the log continues it; base64 hashes, one a line
//   log/stamps/<size>/<name>.tsr    an authority's stamp (RFC 3161 TimeStampResp) of that checkpoint's text
//   log/tsa/<name>.pem              the certificates of that authority, as the company has them
#pragma once
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crypto/timestamp.hpp"
#include "log/merkle.hpp"
#include "log/note.hpp"
#include "log/pack/zip.hpp"
#include "log/proved_time.hpp"

namespace tilsyn::log::pack {

inline constexpr std::string_view checkpoints_folder = "log/checkpoints/", consistency_folder = "log/consistency/",
                                  stamps_folder = "log/stamps/";
std::string stamp_name(std::int64_t size, std::string_view authority);
std::string authority_name(std::string_view authority);
std::string proof_lines(std::span<const Hash> proof);
Result<std::vector<Hash>> parse_proof_lines(std::string_view text);

struct HeldCheckpoint {
    std::string name;  // of the member
    std::int64_t size = 0;
    Note note;
};

struct Vouched {
    std::vector<WitnessedPoint> points;                 // what holds
    std::vector<std::string> authorities;               // whose stamps those are, each once
    std::vector<std::pair<std::string, Error>> faults;  // the member, and what is wrong with it
};
// The caller knows that the checkpoints are of one log. `own`: the reader's certificates, instead of those in the pack.
Vouched read_vouched(ZipReader& zip, std::span<const HeldCheckpoint> checkpoints,
                     std::span<const VerifierKey> witnesses, const std::optional<crypto::StampTrust>& own);

}  // namespace tilsyn::log::pack
