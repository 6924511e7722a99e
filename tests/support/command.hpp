// A shell command of a test's own, and what it printed.
#pragma once
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

namespace tilsyn::test {

struct Ran {
    int status;  // exit code; -1: did not run, or ended by a signal
    std::string output;
};

inline Ran run_command(const std::string& command) {
    Ran ran{-1, {}};
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return ran;
    std::array<char, 65536> buffer;
    while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe)) ran.output.append(buffer.data(), got);
    const int status = ::pclose(pipe);
    ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return ran;
}

}  // namespace tilsyn::test
