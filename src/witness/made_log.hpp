// For tests: a log made in memory, with as many histories as a test wants.
#pragma once
#include <string>
#include <vector>

#include "log/proofs.hpp"
#include "witness/add_checkpoint.hpp"

namespace tilsyn::witness::test {

class MadeLog {
  public:
    explicit MadeLog(std::string origin = "example.com/log",
                     const crypto::SigningKey& key = crypto::SigningKey::generate())
        : origin_(std::move(origin)), key_(key) {}

    const std::string& origin() const { return origin_; }
    log::VerifierKey verifier() const { return log::verifier_key(origin_, log::KeyType::ed25519, key_.public_key()); }
    void grow(std::size_t size, std::string_view branch = "") {
        while (leaves_.size() < size)
            leaves_.push_back(log::leaf_hash(std::to_string(leaves_.size()) + std::string(branch)));
    }
    std::int64_t size() const { return std::int64_t(leaves_.size()); }
    // The same key, another history from here on.
    MadeLog fork(std::size_t size, std::string_view branch) const {
        MadeLog other = *this;
        other.grow(size, branch);
        return other;
    }
    log::Checkpoint checkpoint(std::int64_t size) const { return {origin_, size, *log::tree_root(size, nodes()), {}}; }
    std::string note(std::int64_t size) const { return signed_by(key_, log::to_text(checkpoint(size))); }
    std::string signed_by(const crypto::SigningKey& key, const std::string& text) const {
        return log::to_string(log::Note{text, {log::sign_note(text, origin_, key)}});
    }
    std::vector<log::Hash> proof(std::int64_t old_size, std::int64_t size) const {
        return *log::consistency_proof(old_size, size, nodes());
    }
    std::string request(std::int64_t old_size, std::int64_t size) const {
        const bool shown = old_size > 0 && old_size < size;
        return add_checkpoint_body(old_size, shown ? proof(old_size, size) : std::vector<log::Hash>{}, note(size));
    }
    std::string request(std::int64_t old_size) const { return request(old_size, size()); }
    const crypto::SigningKey& key() const { return key_; }

  private:
    log::Nodes nodes() const {
        return [this](log::NodeId id) -> Result<log::Hash> {
            if (id.level == 0) return leaves_.at(std::size_t(id.index));
            const auto inner = nodes();
            return log::node_hash(*inner({id.level - 1, id.index * 2}), *inner({id.level - 1, id.index * 2 + 1}));
        };
    }
    std::string origin_;
    crypto::SigningKey key_;
    std::vector<log::Hash> leaves_;
};

// Does the line cosign that checkpoint? Its time.
inline Result<Timestamp> cosigned_at(const log::Checkpoint& checkpoint, const std::string& lines,
                                     const log::VerifierKey& witness) {
    log::Note note{log::to_text(checkpoint), {}};
    TRY(auto line, log::parse_signature_line(lines));
    note.signatures.push_back(std::move(line));
    TRY(const auto good, log::open_note(note, {&witness, 1}));
    return good.front().at;
}

}  // namespace tilsyn::witness::test
