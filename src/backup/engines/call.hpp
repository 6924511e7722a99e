// For engines: how each of their programs is run, and what its failures mean.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "backup/engines/engine.hpp"

namespace tilsyn::backup {

struct Called {
    int code = 0;
    std::string output, error;  // the beginning and the end of what was written
    bool confined = false;
};

// Runs it with its deadline and `stopping`. Ends that were not its own are errors here: timeout, cancelled, killed.
Result<Called> call(net::ProcessRequest request, const Watch& watch);

// What the texts of an engine mean.
struct Meaning {
    std::string_view text;  // in what it wrote, in lower case
    Code code;
    std::string_view key;  // of the catalogue; {repository} and {program} are given
};
// The error for a call that failed: by the first text that is found, else backup.engine-failed. The program's own
// words, the last few lines of them, become the detail.
Fail failed(const RepositoryAccess& access, const Called& called, std::span<const Meaning> meanings);

// The last lines of a text, at most `most` bytes.
std::string last_words(std::string_view text, std::size_t most = 600);

// As it stands in an address: every byte that could mean something there as %XX.
std::string percent_encoded(std::string_view text);

// ssh as engines run it: never asks, and only goes to a host whose key is known.
std::vector<std::string> ssh_command(const RepositoryAccess& access);

}  // namespace tilsyn::backup
