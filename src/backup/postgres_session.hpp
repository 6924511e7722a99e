// For postgres.cpp and postgres_server.cpp: addresses, what is counted over a connection, and PostgreSQL's own
// programs.
#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"
#include "db/db.hpp"
#include "net/process.hpp"

namespace tilsyn::backup {

// postgresql://user@host:port/database?..., and its password apart.
struct PostgresAddress {
    std::string url;
    std::string password;
};
// Code::invalid: not such an address, or one that holds a password.
Result<PostgresAddress> postgres_address(const std::string& data_set, const std::string& url, std::string password);
// An address that may hold its password, taken apart: what is left can be seen by others.
PostgresAddress without_password(const std::string& url);
// With its password, for libpq in this process; it goes into no argument and no log.
std::string connection_text(const PostgresAddress& address);
// The same address, of another database.
std::string with_database(const std::string& url, const std::string& database);

// In a transaction that only reads, of one snapshot, in which the text of a value is the same wherever it is read.
Result<std::unique_ptr<db::Connection>> open_counting(const std::string& url, Deadline deadline);
// {"tables": {"schema.name": {"rows": n, "sum": "..."}}, "sequences": {...}, "objects": {...}}, of that transaction.
Result<nlohmann::json> postgres_counts(db::Connection& connection);
Result<int> postgres_version(db::Connection& connection);  // 15
// The first value of the first row.
Result<std::optional<std::string>> ask_postgres(const std::string& url, const std::string& sql, Deadline deadline);

// For libpq's own programs.
void add_password(net::ProcessRequest& request, const PostgresAddress& address);
// Code::unavailable, with its words: it failed.
Result<void> run_postgres_tool(const std::string& data_set, net::ProcessRequest request, Deadline deadline);

// One of the server's own programs, of one version. Only Debian keeps several apart.
std::string postgres_program(int version, const char* name);
// Of a server that listens in that folder alone.
std::string scratch_url(const std::filesystem::path& folder, const std::string& database, const std::string& user);

}  // namespace tilsyn::backup
