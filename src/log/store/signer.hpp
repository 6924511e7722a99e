// Signs checkpoints, and refuses to sign two histories.
//
// A checkpoint leaves the house only after (1) its entries are durable, and (2) size and root were written, and
// fsynced, to a file outside the database: the memory. Before it signs, the signer compares the log with its memory.
// A log that is shorter than what was signed, or has other entries, is a restored backup or a manipulation; either way
// signing would fork it before those who hold the old checkpoint. The honest way out is recover.hpp.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "log/store/checkpoints.hpp"
#include "log/store/tree.hpp"

namespace tilsyn::log {

// The log's private keys, one "PRIVATE+KEY+NAME+ID+BASE64" a line (the form that Go's note package reads), the one in
// use first; during a rotation the old one follows and signs too. The name is the origin of the log.
struct KeyRing {
    std::string origin;
    std::vector<crypto::SigningKey> keys;
    VerifierKey verifier(std::size_t which = 0) const {
        return verifier_key(origin, KeyType::ed25519, keys.at(which).public_key());
    }
};
Result<KeyRing> parse_key_ring(std::string_view text);
std::string to_string(const KeyRing& ring);

// Where a signer may be killed in a test.
enum class SignStep { committed, remembered, signed_not_kept, kept };

class Signer {
  public:
    struct Options {
        std::filesystem::path key_file;     // read at each start; mode 0600
        std::filesystem::path memory_file;  // what was signed last; best on another disk than the database
        std::function<void(SignStep)> at_step = {};
    };
    // Code::not_found: there is no key. Code::forbidden: others may read it.
    static Result<std::unique_ptr<Signer>> open(Options options);
    // Makes the key. Code::conflict: there is one.
    static Result<VerifierKey> create(const std::filesystem::path& key_file, std::string_view origin);

    const KeyRing& ring() const { return ring_; }
    const std::string& origin() const { return ring_.origin; }

    // The checkpoint of the newest durable head: signed and kept now, or the one that was. Code::conflict: the log does
    // not continue what was signed (log.behind-signed, log.rewritten, log.memory-lost).
    Result<StoredCheckpoint> sign(Committer& committer, db::Connection& reader, Tree& tree, const Clock& clock);
    // Does the log continue what was signed? Touches nothing.
    Result<void> compare(db::Connection& reader, Tree& tree) const;
    // What was signed last; none yet: nullopt.
    Result<std::optional<Checkpoint>> memory() const;

  private:
    explicit Signer(Options options) : options_(std::move(options)) {}
    Result<void> compare(db::Connection& reader, Tree& tree, const StoredHead& head) const;
    void step(SignStep step) const {
        if (options_.at_step) options_.at_step(step);
    }

    Options options_;
    KeyRing ring_;
};

}  // namespace tilsyn::log
