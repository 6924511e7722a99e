// For mariadb.cpp: a connection, and what is counted over one.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backup/mariadb.hpp"

struct st_mysql;  // MYSQL

namespace tilsyn::backup {

class MariadbSession {
  public:
    // The session is pinned: the text of a value is the same wherever it is read.
    static Result<MariadbSession> open(const MariadbAddress& address, Deadline deadline);
    MariadbSession(MariadbSession&&) noexcept;
    MariadbSession& operator=(MariadbSession&&) = delete;
    ~MariadbSession();

    using Row = std::vector<std::optional<std::string>>;
    Result<std::vector<Row>> query(const std::string& statement);
    Result<void> execute(const std::string& statement);
    std::string quoted(std::string_view text) const;       // as a string in a statement
    static std::string name(std::string_view identifier);  // as an identifier
    std::uint64_t id() const;                              // of the connection, at the server

  private:
    struct Close {
        void operator()(st_mysql* connection) const;
    };
    explicit MariadbSession(st_mysql* connection) : connection_(connection) {}
    std::unique_ptr<st_mysql, Close> connection_;
};

// "10.11". Code::unsupported: it is not MariaDB.
Result<std::string> mariadb_version(MariadbSession& session);
// Where the numbers that are given out stand: AUTO_INCREMENT columns, sequences.
Result<nlohmann::json> mariadb_sequences(MariadbSession& session, const std::string& database);
// Rows and sums of all tables, and how many views, routines, triggers and events there are.
Result<nlohmann::json> mariadb_counts(MariadbSession& session, const std::string& database);

}  // namespace tilsyn::backup
