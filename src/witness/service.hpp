// The witness over HTTP: POST /add-checkpoint for logs, GET /SHA256HEX(ORIGIN)/checkpoint for monitors. Nobody has to
// say who they are: a checkpoint carries its log's signature, and what is cosigned is meant to be seen.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "witness/witness.hpp"

namespace tilsyn::witness {

// Called for each request about a log that is known, cosigned or not: for the service's own log. Any thread.
using Report = std::function<void(const Answer&)>;

// The witness must outlive them.
std::vector<http::Route> routes(Witness& witness, Report report = {});

}  // namespace tilsyn::witness
