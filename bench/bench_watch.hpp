// What watching a service costs, beside the least that any program could do: ./dev bench
#pragma once
#include <string>

namespace tilsyn::bench {

// A real nginx, `targets` pages, each asked every `every` seconds: by the whole monitor (probe, judgement, spans,
// durable results, control log) and by a bare Asio loop that connects, asks, reads and forgets. `self`: this program,
// which is started anew for each.
void watch(const std::string& self, int targets);
// The two of them, as processes of their own. They print what they used.
void watch_with_monitor(int port, int targets, int every, int seconds);
void watch_with_bare_loop(int port, int targets, int every, int seconds);

}  // namespace tilsyn::bench
