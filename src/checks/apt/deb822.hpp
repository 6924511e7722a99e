// Stanzas of "Field: value", as in dpkg's status file and apt's lists, and the head of a signed InRelease.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "checks/apt/stream.hpp"

namespace tilsyn::checks::apt {

// The first line of each field's value, trimmed. The text lives until the reader moves on.
class Stanza {
  public:
    explicit Stanza(std::string_view text) : text_(text) {}
    // Values of the fields named, in their order; empty where there is none. Names in lower case, sought in one pass.
    void fields(std::span<const std::string_view> names, std::span<std::string_view> values) const;
    std::string_view text() const { return text_; }

  private:
    std::string_view text_;
};

class StanzaReader {
  public:
    explicit StanzaReader(ByteSource& source) : source_(&source) {}
    // Nothing: the end. A stanza beyond 4 MB is an error (Code::corrupt): no package has one.
    Result<std::optional<Stanza>> next();

  private:
    ByteSource* source_;
    std::string buffer_;
    std::size_t start_ = 0;  // of what has not been given out
    bool ended_ = false;
};

struct ReleaseHead {
    std::string origin, label, suite, codename;
    std::optional<Timestamp> date, valid_until;
    bool nameless = false;  // none of these fields stands there: what it is cannot be told
    bool bad_date = false;  // one stands there and is none
};

// Of an InRelease (inside its signature's armour) or a Release.
ReleaseHead parse_release(std::string_view content);

// "Sat, 21 Nov 2026 00:53:02 UTC"
std::optional<Timestamp> parse_release_date(std::string_view text);

}  // namespace tilsyn::checks::apt
