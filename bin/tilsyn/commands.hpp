// All commands, and what they share.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "app/app.hpp"
#include "app/cli/invocation.hpp"

namespace tilsyn::commands {

const cli::Table& table();

cli::Table data_commands();      // init, check, status
cli::Table serve_commands();     // serve
cli::Table policy_commands();    // policy ...
cli::Table register_commands();  // register ...
cli::Table sign_off_commands();  // sign-off ...
cli::Table follow_commands();    // finding, exception
cli::Table log_commands();       // log ...
cli::Table evidence_commands();  // evidence, verify
cli::Table witness_commands();   // witness
cli::Table backup_commands();    // backup ..., restore
cli::Table alert_commands();     // alerts
cli::Table uptime_commands();    // uptime
cli::Table keeping_commands();   // key
cli::Table meta_commands();      // completion, man

// Carries out one call of the program. Returns its exit code; never throws.
int run(const std::vector<std::string>& arguments, const cli::Terminal& terminal);

Result<std::unique_ptr<app::App>> open(const cli::Invocation& call);
// Who is at the keyboard, for attribution: --as, else the account's name.
std::string actor(const cli::Invocation& call);
void print_json(const cli::Invocation& call, const nlohmann::json& value);
// The file's content; "-" reads standard input. At most 64 MiB.
Result<std::string> read_input(const std::string& path);
// The option as a whole number; fails naming it when it is none.
Result<std::int64_t> whole_number(const cli::Invocation& call, std::string_view option, std::int64_t otherwise = 0);
// Every fault and warning of a policy on its line, and a closing line with their number.
void print_faults(const cli::Invocation& call, const std::vector<Error>& faults, const std::vector<Error>& warnings);

}  // namespace tilsyn::commands
