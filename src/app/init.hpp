// Makes a data folder: the starter policy, this machine's own facts in the registers, a key to sign in with.
#pragma once
#include <string>
#include <vector>

#include "app/app.hpp"

namespace tilsyn::app {

struct InitReport {
    std::string key;                      // shown once; only its hash is kept
    std::vector<std::string> registered;  // "servers/web1", in order
    std::int64_t policy_version = 0;
    std::int64_t controls = 0, promises = 0;
    std::string log_vkey;                          // by which others check the control log
    std::string backup_location, backup_password;  // of the repository with our own data
};
// Refuses a folder that holds a data folder already, and leaves nothing behind when it fails.
Result<InitReport> init(const Options& options, const Clock& clock);

// Facts about this machine that fill the first rows of the registers.
struct Discovered {
    std::string register_name, id;
    registers::Fields fields;
};
// `root` is "/" but for tests. Reads files only: host name, os-release, the package source, listening sockets.
std::vector<Discovered> discover(const std::string& root, const std::filesystem::path& data);

}  // namespace tilsyn::app
