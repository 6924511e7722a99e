// Since when each waiting fix has been known here: a small file of (package, version) -> time, kept between runs.
//
// A fix that is replaced by a newer one before it was installed does not start its time anew: as long as the machine
// lacks both, it has lacked a fix since the first of them was seen.
#pragma once
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "checks/apt/machine.hpp"

namespace tilsyn::checks::apt {

enum class Memory {
    kept,          // as it should be
    started,       // there was no file yet
    started_anew,  // the file could not be understood; times before now are lost
    not_writable,  // the times could not be written down: they would be new in every run and prove nothing
};
std::string_view to_string(Memory memory);

struct FirstSeen {
    std::vector<Timestamp> since;  // one for each pending, in order
    Timestamp began{};             // of the memory: what was pending then may have been so for long
    Memory memory = Memory::kept;
};

// Reads, brings up to date and writes `file`, one run at a time. `view`: which further origins were looked at; each
// view is pruned on its own, so that two controls with different origins do not forget each other's fixes. `complete`:
// everything could be read, so that what is not pending is gone and may be forgotten.
FirstSeen remember(const std::filesystem::path& file, const std::string& view, std::span<const Pending> pending,
                   bool complete, Timestamp now);

}  // namespace tilsyn::checks::apt
