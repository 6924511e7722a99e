// The part of the benchmarks about the control log.
#pragma once
#include "db/db.hpp"

namespace tilsyn::bench {

void appends(db::Engine engine);  // with 1, 64 and 256 writers that wait until they are durable
void proofs(int entries);

}  // namespace tilsyn::bench
