#include "support/databases.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <thread>

#include "support/command.hpp"

namespace tilsyn::test {
namespace {

const std::string postgres_bin = "/usr/lib/postgresql/15/bin/";

// PostgreSQL refuses to run as root. The child becomes the package's own user, and dies with this process.
int start_child(const std::vector<std::string>& command, const std::string& log, const char* account = "postgres") {
    const passwd* user = ::geteuid() == 0 ? ::getpwnam(account) : nullptr;
    if (::geteuid() == 0 && user == nullptr) throw std::runtime_error(std::string("no user ") + account);
    const int pid = ::fork();
    if (pid < 0) throw std::runtime_error("cannot fork");
    if (pid > 0) return pid;
    if (user != nullptr &&
        (::initgroups(user->pw_name, user->pw_gid) != 0 || ::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0))
        ::_exit(126);
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (out < 0 || ::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(126);
    std::vector<char*> arguments;
    for (const auto& part : command) arguments.push_back(const_cast<char*>(part.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

PostgresServer& shared_server() {
    static PostgresServer server;
    return server;
}

}  // namespace

std::string engine_name(db::Engine engine) {
    return engine == db::Engine::sqlite ? "sqlite" : "postgres";
}

PostgresServer::PostgresServer() {
    if (::geteuid() == 0) {
        const passwd* user = ::getpwnam("postgres");
        if (user == nullptr || ::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error("no user postgres: install postgresql-15");
    }
    const std::string data = folder_.path() / "data";
    const int init = start_child(
        {postgres_bin + "initdb", "-D", data, "-U", "tilsyn", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"},
        folder_.path() / "initdb.log");
    int status = 0;
    if (::waitpid(init, &status, 0) != init || status != 0)
        throw std::runtime_error("initdb failed: is postgresql-15 installed?");
    start();
}

PostgresServer::~PostgresServer() {
    stop(true);
}

void PostgresServer::start() {
    const std::string data = folder_.path() / "data";
    pid_ = start_child({postgres_bin + "postgres", "-D", data, "-k", folder_.path(), "-c", "listen_addresses=", "-c",
                        "max_connections=60"},
                       folder_.path() / "server.log");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!db::open(db::parse_location(url("postgres")), db::Access::read_write)) {
        if (std::chrono::steady_clock::now() > until) throw std::runtime_error("PostgreSQL did not start");
        std::this_thread::sleep_for(
            std::chrono::milliseconds(20));  // waiting for another process, not for time to pass
    }
}

void PostgresServer::stop(bool at_once) {
    if (pid_ < 0) return;
    ::kill(pid_, at_once ? SIGQUIT : SIGINT);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::string PostgresServer::url(const std::string& database) const {
    return "postgresql:///" + database + "?user=tilsyn&host=" + folder_.path().string();
}

MariadbServer::MariadbServer() {
    if (::geteuid() == 0) {
        const passwd* user = ::getpwnam("mysql");
        if (user == nullptr || ::chown(folder_.path().c_str(), user->pw_uid, user->pw_gid) != 0)
            throw std::runtime_error("no user mysql: install mariadb-server");
    }
    const auto log = (folder_.path() / "log").string(), data = "--datadir=" + (folder_.path() / "data").string();
    const int init = start_child({"/usr/bin/mariadb-install-db", "--no-defaults", "--skip-test-db",
                                  "--auth-root-authentication-method=normal", data},
                                 log, "mysql");
    int status = 0;
    if (::waitpid(init, &status, 0) != init || status != 0) throw std::runtime_error("mariadb-install-db failed");
    pid_ = start_child({"/usr/sbin/mariadbd", "--no-defaults", data, "--socket=" + (folder_.path() / "s").string(),
                        "--skip-networking", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"},
                       log, "mysql");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const auto ask = "mariadb --no-defaults -u root -S '" + (folder_.path() / "s").string() + "' -e 'SELECT 1' 2>&1";
    while (run_command(ask).status != 0) {
        if (std::chrono::steady_clock::now() > until) throw std::runtime_error("MariaDB did not start");
        std::this_thread::sleep_for(
            std::chrono::milliseconds(20));  // waiting for another process, not for time to pass
    }
}

MariadbServer::~MariadbServer() {
    stop();
}

void MariadbServer::stop() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
}

std::string MariadbServer::sql(const std::string& database, const std::string& statements) const {
    const TemporaryFolder input;
    std::ofstream(input.path() / "sql", std::ios::binary) << statements;
    const auto ran = run_command("mariadb --no-defaults -N -u root --default-character-set=utf8mb4 -S '" +
                                 (folder_.path() / "s").string() + "' '" + database + "' < '" +
                                 (input.path() / "sql").string() + "' 2>&1");
    if (ran.status != 0) throw std::runtime_error("MariaDB refused: " + ran.output);
    return ran.output;
}

std::string MariadbServer::url(const std::string& user, const std::string& database) const {
    return "mariadb://" + user + "@localhost/" + database + "?socket=" + (folder_.path() / "s").string();
}

FreshDatabase::FreshDatabase(db::Engine engine) {
    if (engine == db::Engine::sqlite) {
        location_ = {engine, folder_.path() / "tilsyn.db"};
        return;
    }
    const char* given = std::getenv("TILSYN_TEST_POSTGRES");
    const std::string admin = given != nullptr ? given : shared_server().url("postgres");
    auto connection = db::open(db::parse_location(admin), db::Access::read_write);
    if (!connection) throw std::runtime_error("cannot connect to " + admin);
    const std::string name = "t_" + random_id();
    if (!(*connection)->script("CREATE DATABASE " + name)) throw std::runtime_error("cannot create a database");
    std::string url = admin;
    url.replace(url.find("/postgres"), 9, "/" + name);
    location_ = {engine, url};
}

}  // namespace tilsyn::test
