// An entry of the control log: JSON bytes, kept exactly as they were hashed. The schema is docs/log-entry.md and
// api/log-entry.schema.json. Fields, in this order, absent when not set:
//   v 1 · n 128-bit nonce (base64) · t time it was logged · k kind · c control · cseq its sequence number within the
//   control · prev index of the control's previous entry (-1: none) · then the fields of the kind
// Never personal data: private_field() puts a salted commitment in the entry, and salt and value in log_private,
// where they can be erased: c = SHA-256("kl-commit/v1\0" || salt[32] || field || 0x00 || value).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "log/merkle.hpp"

namespace tilsyn::log {

// Kinds in use: docs/log-entry.md. A test holds every kind that the source names to the schema.
class Entry {
  public:
    explicit Entry(std::string_view kind) : kind_(kind) {}
    Entry& control(std::string_view id) {
        control_ = id;
        return *this;
    }
    Entry& text(std::string_view field, std::string_view value);
    Entry& integer(std::string_view field, std::int64_t value);
    Entry& time(std::string_view field, Timestamp value);
    Entry& private_text(std::string_view field, std::string_view value);

    const std::string& kind() const { return kind_; }
    const std::string& control() const { return control_; }

    struct Private {
        std::string field;
        std::string salt;  // 32 bytes
        std::string value;
    };
    const std::vector<Private>& private_fields() const { return private_; }
    // The bytes to hash and keep. cseq and prev are given by the log.
    std::string bytes(Timestamp logged_at, std::int64_t cseq, std::int64_t prev) const;

  private:
    std::string kind_;
    std::string control_;
    std::string fields_;  // ",\"name\":value" ...
    std::vector<Private> private_;
};

Hash commitment(std::string_view salt, std::string_view field, std::string_view value);

}  // namespace tilsyn::log
