// From a web server that dies to a mail in a mailbox, with everything in between: ./dev bench
#pragma once

namespace tilsyn::bench {

// As root: postfix is started. Prints the times of so many outages.
void alert(int outages);

}  // namespace tilsyn::bench
