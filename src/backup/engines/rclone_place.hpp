// Where rclone finds a repository, as its configuration file says it. Locations are written as for restic, so that one
// spelling serves both; REMOTE of the last form stands in a configuration file of the company's own:
//
//   /srv/backup    sftp:user@host:path    sftp://user@host:port/path    s3:https://host/bucket/path rclone:REMOTE:path
#pragma once
#include <cstdint>
#include <string>

#include "backup/engines/engine.hpp"

namespace tilsyn::backup {

struct RclonePlace {
    std::string config;          // of the configuration file; holds secrets
    std::string root;            // what rclone calls the place: "place:/srv/backup"
    std::int64_t time_step = 1;  // ns; to what the place rounds the times of files
    std::int64_t earliest_time = INT64_MIN, latest_time = INT64_MAX;  // ns; those it can keep
    bool empty_folders = true;                                        // it has them; buckets do not
};

// Code::invalid: not such a location. Code::not_found: a secret that the place needs is not there.
Result<RclonePlace> rclone_place(const RepositoryAccess& access);

}  // namespace tilsyn::backup
