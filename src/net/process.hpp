// Other people's programs as child processes: no shell, an environment made from nothing, limits, a deadline, and
// output that cannot fill the memory. Secrets reach them by descriptor, never in arguments or environment, which others
// on the machine can read.
//
// The child runs in a process group of its own. It is asked to stop with SIGINT, then SIGTERM, then the whole group is
// killed; whatever it has left behind is killed when it ends. It dies when the thread that runs it does.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::net {

struct ProcessLimits {            // 0: none
    std::uint64_t memory = 0;     // bytes of address space
    std::uint64_t file_size = 0;  // bytes of any file it writes
    std::uint64_t open_files = 1024;
    int nice = 10;
};

struct ProcessRequest {
    // The first is a path, or a name that is looked for in /usr/local/bin, /usr/bin and /bin. "{secret:NAME}" anywhere
    // in an argument or a variable becomes a path at which the child can read that secret, "{fd:NAME}" its descriptor.
    std::vector<std::string> arguments;
    // Beside PATH, HOME (the folder), LC_ALL=C.UTF-8 and TZ=UTC, which is all there is.
    std::vector<std::pair<std::string, std::string>> environment = {};
    std::filesystem::path folder = "/";                             // where it runs
    std::vector<std::pair<std::string, std::string>> secrets = {};  // name, content
    std::string input = {};                                         // its standard input; empty: /dev/null
    std::filesystem::path input_file = {};                          // the same, from a file
    ProcessLimits limits = {};
    // Set: it may write below these folders (and to /dev/null) and nowhere else, may make no device nodes, and has of
    // root's powers only those over files. Needs Landlock (Linux 5.13): ProcessResult::confined tells.
    std::optional<std::vector<std::filesystem::path>> writable = {};
    std::chrono::milliseconds grace{10'000};  // between SIGINT and SIGTERM, and between that and SIGKILL
    std::size_t kept = 64 * 1024;             // bytes of each stream: the first half and the last half of that
    int output_to = -1;                       // a descriptor: its standard output goes there instead
    // Each line as it comes, without its end; those above 1 MiB are cut. Called in the thread that runs the process.
    std::function<void(std::string_view line)> on_output = {}, on_error = {};
    std::function<bool()> stopping = {};  // asked every 100 ms
};

struct ProcessStream {
    std::string text;         // what was kept
    std::uint64_t bytes = 0;  // all there was
    bool cut() const { return bytes > text.size(); }
};

struct ProcessResult {
    enum class End {
        exited,     // by itself, with `code`
        signalled,  // by a signal that was not ours: `code`
        timed_out,  // stopped at the deadline
        stopped,    // because it was asked for
    };
    End end = End::exited;
    int code = 0;
    ProcessStream output, error;
    std::chrono::milliseconds took{0}, cpu{0};
    std::uint64_t peak_memory = 0;  // bytes, of the largest process of it
    bool confined = false;          // to what `writable` says
    bool good() const { return end == End::exited && code == 0; }
};

// An Error: it could not be started (Code::not_found: there is no such program) or watched.
Result<ProcessResult> run_process(const ProcessRequest& request, Deadline deadline);

}  // namespace tilsyn::net
