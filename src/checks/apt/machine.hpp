// Everything the files of a Debian-type machine say of its security updates. No apt, no lock, no root, no network.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "checks/apt/lists.hpp"
#include "checks/apt/release.hpp"

namespace tilsyn::checks::apt {

// An installed package for which a security source holds a newer version.
struct Pending {
    std::string package, architecture;
    std::string installed, available;  // versions; the newest of several
    std::string source;                // label of the source that holds it
    bool held = false;                 // somebody told dpkg not to touch it
};

struct Machine {
    bool dpkg = false;           // there is a dpkg status file; when not, nothing below is filled in
    std::size_t installed = 0;   // packages
    std::size_t malformed = 0;   // stanzas without a name or a version, in the status file and the lists
    std::size_t lists_read = 0;  // Packages files of security sources
    Release release;
    Lists lists;
    std::vector<Pending> pending;                // by name, then architecture
    std::string kernel_running, kernel_waiting;  // the second is empty when no restart is called for by it
    bool restart_required = false;               // run/reboot-required
};

// Errors: a status file that is there but cannot be read, or holds no installed package; the deadline.
// A list that cannot be read is no error but stands in lists.unreadable.
Result<Machine> read_machine(const std::filesystem::path& root, std::span<const std::string> also_security,
                             Timestamp now, Deadline deadline);

}  // namespace tilsyn::checks::apt
