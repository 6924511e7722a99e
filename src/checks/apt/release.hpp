// Which release the machine runs and until when it is supported; whether a newer kernel waits for a restart.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace tilsyn::checks::apt {

struct Release {
    std::string id;                      // "debian"
    std::string name;                    // "Debian GNU/Linux 12 (bookworm)"
    std::vector<std::string> codenames;  // its own, and that of the release it is made from
    std::optional<Date> support_ends;    // ordinary support; no date: the end is not known, or not set yet
    std::optional<Date> lts_ends;        // long-term support, which covers fewer packages and architectures
};

// From etc/os-release and usr/share/distro-info. `extended`: the machine has a source of Ubuntu's extended maintenance.
Release read_release(const std::filesystem::path& root, bool extended);

// The newest kernel of `installed` (names of packages) if it is newer than the one that runs; else empty.
std::string waiting_kernel(std::string_view running, std::span<const std::string> installed);

}  // namespace tilsyn::checks::apt
