// Evidence packs: what was promised, what was looked at, what came of it, and the proof that the log says so. The
// layout is docs/evidence-pack.md; log/pack/verify.hpp checks one.
//
// The same period gives the same bytes again, as soon as a lasting checkpoint covers it (where witnesses and time
// stamps are asked for, with those): the pack is made against the oldest such checkpoint, and holds nothing of its own
// making.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "log/store/signer.hpp"
#include "policy/load.hpp"

namespace tilsyn::publish {

enum class Audience {
    auditor,   // everything: the whole log, policy files with procedures, registers, disclosed values
    customer,  // proofs of the controls it asks about; no procedures, no registers, no personal data
};

struct EvidenceRequest {
    Timestamp from{}, to{};             // entries logged in [from, to)
    std::vector<std::string> controls;  // empty: all. Chosen ones make a partial pack for an auditor, too
    Audience audience = Audience::auditor;
    std::filesystem::path file;
};

// Whose time stamps are in the log, and the certificates that show it.
struct StampAuthority {
    std::string name;
    std::string pem;
    bool retired = false;
};

// What the pack is made from.
struct EvidenceSource {
    db::Connection* reader = nullptr;  // all of it is read in one transaction
    log::Committer* committer = nullptr;
    log::Signer* signer = nullptr;
    log::Tree* tree = nullptr;
    const Clock* clock = nullptr;
    std::filesystem::path witnesses;  // the company's witness policy; may not exist
    std::vector<StampAuthority> authorities;
};

struct EvidenceMade {
    std::int64_t size = 0;     // entries of the log it is proved against
    std::int64_t entries = 0;  // of the period and the controls
    std::int64_t runs = 0;     // outcomes among them
    bool whole = false, asks_for_witnesses = false, witnessed = false;
    bool repeatable = true;  // false: the period is not over, or not yet covered by a checkpoint that lasts
};

// Code::invalid: the period is empty or wrong, or a control never was. Nothing is left when it fails.
Result<EvidenceMade> make_evidence(const EvidenceSource& source, const EvidenceRequest& request);

}  // namespace tilsyn::publish
