// The published text, cut into sentences and phrases by its markers.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "policy/types.hpp"

namespace tilsyn::policy {

struct SplitText {
    struct Mark {
        std::string promise;
        std::size_t offset = 0;  // bytes into the text
    };
    struct Fault {
        std::size_t offset = 0;
        Message message;
    };
    std::vector<Sentence> sentences;
    std::vector<Mark> marks;  // every promise id in braces, in order
    std::vector<Fault> faults;
};

// A sentence ends at . ! ? before white space (not in an abbreviation, not after an ordinal number that goes on in
// lower case), at a blank line and before a line that starts with "- ". The rules stand in docs/policy.md.
SplitText split_text(std::string_view text);

}  // namespace tilsyn::policy
