// Erasure of a person (GDPR article 17) from a log that is never edited: entries hold commitments alone, so it is the
// salts and values beside them that go, and what registers and findings remember. The log verifies as before; nobody,
// we neither, can find out any more what the commitments were to.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/app.hpp"

namespace tilsyn::app {

struct Erased {
    std::int64_t values = 0;        // salts and values of the control log
    std::int64_t changes = 0;       // of the registers' history, blanked
    std::int64_t others = 0;        // findings, exceptions, sign-offs, observations, names of keys
    std::int64_t log_index = -1;    // the entry private.erase
    std::vector<std::string> left;  // rows in force that still mention the person: "contracts/12"; theirs to mend
};

// `person`: id in the register people. Code::conflict: the row is still there; remove it first. Code::not_found:
// nothing is known of such a person. Backups hold what they hold until they have run out: docs/control-log.md.
Result<Erased> erase_person(App& app, std::string_view person, std::string_view reason, std::string_view by);

}  // namespace tilsyn::app
