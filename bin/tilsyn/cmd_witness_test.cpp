// tilsyn witness as it is typed: the key it makes, the logs it is told of, and a service that ends when asked to.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/file.hpp"
#include "commands.hpp"
#include "log/checkpoint.hpp"
#include "support/temporary.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

class WitnessCommand : public testing::Test {
  protected:
    struct Answer {
        int code = 0;
        std::string out, err;
    };
    std::vector<std::string> command(std::vector<std::string> more) const {
        std::vector<std::string> all{"witness", "--data", data().string(), "--lang", "en"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    Answer show(std::vector<std::string> more = {}) const {
        more.emplace_back("--show");
        std::ostringstream out, err;
        cli::Terminal terminal;
        terminal.out = &out;
        terminal.err = &err;
        Answer answer;
        answer.code = run(command(more), terminal);
        answer.out = out.str();
        answer.err = err.str();
        return answer;
    }
    std::filesystem::path data() const { return folder_.path() / "w"; }

    test::TemporaryFolder folder_;
    const std::string log_ = log::to_string(
        log::verifier_key("example.com/log", log::KeyType::ed25519, crypto::SigningKey::generate().public_key()));
};

TEST_F(WitnessCommand, MakesItsKeyAndRemembersTheLogs) {
    const auto first = show({"--name", "example.net/witness", "--log", log_});
    ASSERT_EQ(first.code, 0) << first.err;
    EXPECT_NE(first.out.find("example.net/witness+"), std::string::npos);
    EXPECT_NE(first.out.find("example.com/log: nothing cosigned yet"), std::string::npos);
    const auto second = json::parse(show({"--json"}).out);
    const auto key = log::parse_vkey(second["vkey"].get<std::string>());
    ASSERT_TRUE(key);
    EXPECT_EQ(key->type, log::KeyType::cosignature);
    EXPECT_NE(first.out.find(second["vkey"].get<std::string>()), std::string::npos) << "the same key";
    ASSERT_EQ(second["logs"].size(), 1u);
    EXPECT_EQ(second["logs"][0]["vkeys"], json::array({log_}));
    EXPECT_EQ(second["logs"][0]["size"], 0);
    const auto forgotten = json::parse(show({"--json", "--forget-key", log_}).out);
    EXPECT_TRUE(forgotten["logs"][0]["vkeys"].empty());
    EXPECT_EQ(show({"--forget-key", log_}).code, 2);
}

TEST_F(WitnessCommand, RefusesWhatMakesNoSense) {
    EXPECT_EQ(show({"--log", "nonsense"}).code, 2);
    for (const auto* listen : {"7374", ":7374", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:70000", "::1:7374"})
        EXPECT_EQ(show({"--listen", listen}).code, 2) << listen;
    ASSERT_EQ(show({"--name", "example.net/witness"}).code, 0);
    const auto other = show({"--name", "example.net/other"});
    EXPECT_EQ(other.code, 2);
    EXPECT_NE(other.err.find("example.net/witness"), std::string::npos);
}

TEST_F(WitnessCommand, ServesUntilItIsAskedToStop) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const auto pid = ::fork();
    if (pid == 0) {
        ::close(pipe[0]);
        std::ofstream out("/dev/fd/" + std::to_string(pipe[1]));
        ::close(pipe[1]);
        cli::Terminal terminal;
        terminal.out = &out;
        ::_exit(run(command({"--listen", "127.0.0.1:0", "--log", log_, "--json"}), terminal));
    }
    ::close(pipe[1]);
    std::string told;
    char buffer[4096];
    while (!json::accept(told)) {
        const auto got = ::read(pipe[0], buffer, sizeof buffer);
        if (got <= 0) break;
        told.append(buffer, std::size_t(got));
    }
    ASSERT_TRUE(json::accept(told)) << told;
    EXPECT_TRUE(json::parse(told)["url"].get<std::string>().starts_with("http://127.0.0.1:"));
    EXPECT_EQ(json::parse(show({"--json"}).out)["logs"].size(), 1u) << "looked at while it serves";
    ::kill(pid, SIGTERM);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
    ::close(pipe[0]);
}

}  // namespace
}  // namespace tilsyn::commands
