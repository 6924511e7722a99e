// What the kinds that ask a service from outside share: whose fault is it when no answer comes?
#pragma once
#include <string>

#include "checks/kind.hpp"

namespace tilsyn::checks {

// A little before the run is cut off, so that "did not answer in time" is found and told rather than "cut
// off".
Deadline probe_deadline(Deadline run);

// Does this machine have a way to the outside (a default route) at all? True when the system does not tell.
bool has_network(const std::string& root);

// True for faults of our own side: they say nothing about the service, which is then unknown. `error` is one
// of net's.
bool our_own(const Error& error, const Environment& environment);

}  // namespace tilsyn::checks
