// One interface to the programs that keep backups: one file for each, one conformance suite for all
// (conformance_test.cpp). A repository is named by what the register says of it; what opens it comes from a file of its
// own that only the service can read, and reaches the program by descriptor.
//
// No engine is taken at its word: a set exists when the repository, asked again, names it in full, and what is in it is
// known when it has been restored and compared with a manifest.
//
// An Error tells whose fault it is: not_found (there is no repository), unauthorized (the password or key is not its),
// busy (somebody holds its lock), unavailable (it cannot be reached), corrupt (it is damaged), io (no room),
// unsupported (the program is missing or too old), timeout, cancelled.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "backup/manifest/compare.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {

struct RepositoryAccess {
    std::string id;      // in the register
    std::string engine;  // "restic", "borg", "rclone"
    std::string
        location;  // as the engine writes it: /srv/backup, sftp:user@host:/path, s3:https://host/bucket, ssh://...
    std::filesystem::path work;  // a folder of ours: caches, and what the engine remembers of the repository
    std::string password;        // rclone: empty when the files are to lie there as they are
    // "access_key", "secret_key", "user", "user_password", "rclone_config" (a path)
    std::map<std::string, std::string> credentials;
    bool read_only = false;  // somebody else writes to it: nothing in it is changed, and no lock is taken or removed
    std::filesystem::path ssh_key, known_hosts, ca;  // files; empty: what the system has
};

struct EngineSet {
    std::string id;    // in full
    std::string name;  // what the engine calls it to people
    Timestamp made{};  // by the clock of whoever made it
    std::string host;
    std::vector<std::string> tags;
};

struct EngineProgress {
    std::uint64_t files = 0, files_total = 0, bytes = 0, bytes_total = 0;  // a total of 0: not known yet
};

// What every long call is given.
struct Watch {
    Deadline deadline;
    std::function<bool()> stopping = {};
    std::function<void(const EngineProgress&)> progress = {};
};

struct StoreRequest {
    std::string run;  // our id of this run: an identifier
    std::string data_set;
    std::string host;
    Roots roots;  // base "/"
    Exclusions exclusions = {};
};
struct Stored {
    std::string set;  // in full
    std::uint64_t files = 0, bytes = 0;
    std::uint64_t added = 0;          // bytes that the repository grew by
    std::vector<std::string> unread;  // what it could not read, as it says; the first hundred
    std::uint64_t unread_count = 0;
};

struct RestoreRequest {
    std::string set;                     // in full
    std::filesystem::path target;        // an empty folder; nothing outside it is written
    std::vector<std::string> only = {};  // paths as in a manifest, folders with all that is in them; empty: all
    std::uint64_t largest_file = 0;      // bytes; 0: no limit
};
struct Restored {
    bool confined = false;  // the kernel held it to the target
};

class Engine {
  public:
    virtual ~Engine() = default;
    virtual Result<std::string> version() = 0;  // "restic 0.14.0"
    virtual Result<void> create(const Watch& watch) = 0;
    virtual Result<Stored> store(const StoreRequest& request, const Watch& watch) = 0;
    virtual Result<std::vector<EngineSet>> sets(const Watch& watch) = 0;
    // Reads only: works on a repository that we may not write to, takes no lock, uses no cache.
    virtual Result<Restored> restore(const RestoreRequest& request, const Watch& watch) = 0;
    // All of a set as a tar stream into that descriptor; reads only, as restore does, and writes nothing else.
    // Code::unsupported: it has no such thing.
    virtual Result<void> stream(const std::string& set, int to, const Watch& watch);
    // What such a stream cannot keep.
    virtual Tolerance stream_tolerance() const { return {}; }
    // The engine's own check, reading the part number `part` of `parts` of all that is stored. Code::corrupt, with what
    // it said, when it found something.
    virtual Result<void> check(unsigned part, unsigned parts, const Watch& watch) = 0;
    virtual Result<void> forget(const std::vector<std::string>& sets, const Watch& watch) = 0;
    // Locks that nobody holds any more, removed; how many there were. Only for one who knows that no other job runs.
    virtual Result<int> unlock(const Watch& watch) = 0;
    // Does a set that could not be removed stay to be seen? Where removals are only written down, to be made good
    // later by somebody else, it does not.
    virtual bool tells_refused_removal() const { return true; }
    // What a restore by this engine cannot keep.
    virtual Tolerance tolerance() const { return {}; }
};

// Code::invalid: there is no such engine, or the location is not one of its.
Result<std::unique_ptr<Engine>> open_engine(RepositoryAccess access);
std::unique_ptr<Engine> make_restic(RepositoryAccess access);
std::unique_ptr<Engine> make_borg(RepositoryAccess access);
std::unique_ptr<Engine> make_rclone(RepositoryAccess access);

}  // namespace tilsyn::backup
