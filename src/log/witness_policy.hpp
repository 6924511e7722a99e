// Which logs are trusted, and whose cosignatures are enough: C2SP tlog-policy.
//   log <vkey> [<url>]
//   witness <name> <vkey> [<url>]
//   group <name> all|any|<k> <names...>
//   quorum <name>|none
// One quorum; names are defined before they are used, and each stands in at most one group.
#pragma once
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "log/note.hpp"

namespace tilsyn::log {

class WitnessPolicy {
  public:
    struct Log {
        VerifierKey key;
        std::string url;
    };
    struct Witness {
        std::string name;
        VerifierKey key;
        std::string url;
    };

    // Errors carry the line: `file` is the name shown.
    static Result<WitnessPolicy> parse(std::string_view text, std::string_view file = "policy");

    const std::vector<Log>& logs() const { return logs_; }
    const std::vector<Witness>& witnesses() const { return witnesses_; }
    bool asks_for_witnesses() const { return !quorum_.empty(); }
    std::vector<VerifierKey> witness_keys() const;
    // Do the cosignatures that held make up the quorum? True when none is asked for.
    bool satisfied(std::span<const GoodSignature> cosigned) const;

  private:
    struct Group {
        std::string name;
        std::size_t needed = 0;
        std::vector<std::string> members;
    };
    bool holds(std::string_view name, const std::set<std::string>& present) const;

    std::vector<Log> logs_;
    std::vector<Witness> witnesses_;
    std::vector<Group> groups_;
    std::string quorum_;  // empty: none
};

}  // namespace tilsyn::log
