// Which sources apt has fetched lists from (var/lib/apt/lists), and which of them carry security fixes.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checks/apt/deb822.hpp"

namespace tilsyn::checks::apt {

struct ListSource {
    std::string file;  // name of its InRelease or Release
    ReleaseHead head;
    bool security = false;
    bool built_in = false;              // by its own label or suite, not because the policy names it
    std::vector<std::string> packages;  // names of its Packages files
};

struct Lists {
    std::vector<ListSource> sources;
    std::optional<Timestamp> fetched;     // newest sign of an "apt update" that is not in the future
    std::vector<std::string> unreadable;  // names of files that could not be read
};

// Never fails: a folder that is not there is one without lists. `also_security`: origins or labels, in any case.
Lists find_lists(const std::filesystem::path& root, std::span<const std::string> also_security, Timestamp now);

// The release that a security source is for: "bookworm" for "bookworm-security", "buster/updates",
// "jammy-infra-security".
std::string base_codename(std::string_view suite_or_codename);

}  // namespace tilsyn::checks::apt
