// How far a backup or a restore is, on the terminal: bytes, files, rate and the time that is left.
#pragma once
#include <chrono>
#include <optional>
#include <string>

#include "app/backups.hpp"
#include "app/cli/invocation.hpp"

namespace tilsyn::commands {

std::string size_text(std::uint64_t bytes);  // "512 B", "3.4 MiB"

class BackupProgress {
  public:
    explicit BackupProgress(const cli::Invocation& call) : call_(&call), line_(call.terminal, "") {}
    app::JobHooks hooks();

  private:
    std::string text(const std::string& plan, const backup::JobProgress& progress);

    const cli::Invocation* call_;
    cli::Progress line_;
    std::optional<backup::Step> step_;
    std::chrono::steady_clock::time_point began_;
};

}  // namespace tilsyn::commands
