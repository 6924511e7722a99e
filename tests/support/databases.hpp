// Fresh databases for tests: an SQLite file, or a database in a real PostgreSQL server that the test program starts
// itself (unix socket in a temporary folder) and that dies with it. TILSYN_TEST_POSTGRES may name a server to use
// instead.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "db/db.hpp"
#include "support/temporary.hpp"

namespace tilsyn::test {

inline const std::vector<db::Engine> all_engines{db::Engine::sqlite, db::Engine::postgres};
std::string engine_name(db::Engine engine);

class FreshDatabase {
  public:
    explicit FreshDatabase(
        db::Engine engine);  // throws when PostgreSQL cannot be started: a missing server fails the test
    const db::Location& location() const { return location_; }

  private:
    TemporaryFolder folder_;
    db::Location location_;
};

// A PostgreSQL server of its own, which a test may stop, kill and start again.
class PostgresServer {
  public:
    PostgresServer();
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;
    void start();             // waits until it answers; the server dies with the thread that calls this
    void stop(bool at_once);  // at_once: as a crash (SIGQUIT)
    std::string url(const std::string& database) const;

  private:
    TemporaryFolder folder_;
    int pid_ = -1;
};

// A MariaDB server of its own, on a socket.
class MariadbServer {
  public:
    MariadbServer();
    ~MariadbServer();
    MariadbServer(const MariadbServer&) = delete;
    MariadbServer& operator=(const MariadbServer&) = delete;
    void stop();
    // As the administrator, in a database ("" for none); what it prints. A failure fails the test.
    std::string sql(const std::string& database, const std::string& statements) const;
    std::string url(const std::string& user, const std::string& database) const;

  private:
    TemporaryFolder folder_;
    int pid_ = -1;
};

}  // namespace tilsyn::test

// INSTANTIATE_ENGINES(SuiteName); for TEST_P suites with db::Engine as their parameter.
#define INSTANTIATE_ENGINES(suite)                                                             \
    INSTANTIATE_TEST_SUITE_P(Engines, suite, ::testing::ValuesIn(::tilsyn::test::all_engines), \
                             [](const auto& given) { return ::tilsyn::test::engine_name(given.param); })
