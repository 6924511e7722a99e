// Real programs that behave, and that do not.
#include "net/process.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "support/temporary.hpp"

namespace tilsyn::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using End = ProcessResult::End;

ProcessResult run(ProcessRequest request, Duration limit = 20s) {
    const auto result = run_process(request, Deadline::in(limit));
    EXPECT_TRUE(result) << render(result.error(), Lang::en);
    return result.value_or(ProcessResult{});
}
ProcessResult shell(const std::string& script, Duration limit = 20s) {
    return run({.arguments = {"sh", "-c", script}, .grace = 50ms}, limit);
}
// Is there a process that sleeps for just this long?
bool somebody_sleeps(const std::string& seconds) {
    return run({.arguments = {"pgrep", "-f", "^sleep " + seconds + "$"}}).good();
}

TEST(Process, SaysWhatItWasAndHowItEnded) {
    const auto good = shell("echo out; echo err >&2");
    EXPECT_TRUE(good.good());
    EXPECT_EQ(good.output.text, "out\n");
    EXPECT_EQ(good.error.text, "err\n");
    EXPECT_GT(good.peak_memory, 0u);
    const auto bad = shell("exit 3");
    EXPECT_EQ(bad.end, End::exited);
    EXPECT_EQ(bad.code, 3);
    const auto killed = shell("kill -SEGV $$");
    EXPECT_EQ(killed.end, End::signalled);
    EXPECT_EQ(killed.code, SIGSEGV);
}

TEST(Process, WhatCannotBeStartedIsAnError) {
    EXPECT_EQ(run_process({.arguments = {"no-such-program"}}, Deadline::in(5s)).error().code, Code::not_found);
    EXPECT_EQ(run_process({.arguments = {"/etc/hostname"}}, Deadline::in(5s)).error().code, Code::io);
    EXPECT_EQ(run_process({.arguments = {"true"}, .folder = "/no/such"}, Deadline::in(5s)).error().code,
              Code::not_found);
    EXPECT_EQ(run_process({}, Deadline::in(5s)).error().code, Code::invalid);
    EXPECT_EQ(run_process({.arguments = {"echo", std::string("a\0b", 3)}}, Deadline::in(5s)).error().code,
              Code::invalid);
}

TEST(Process, ArgumentsAreNotForAShell) {
    const auto result = run({.arguments = {"printf", "%s|", "$HOME", "a b", "`id`", "'", ""}});
    EXPECT_EQ(result.output.text, "$HOME|a b|`id`|'||");
}

TEST(Process, TheEnvironmentIsMadeFromNothing) {
    ::setenv("TILSYN_TEST_OF_OURS", "1", 1);
    const auto result = run({.arguments = {"env"}, .environment = {{"BORG_REPO", "/r"}}, .folder = "/tmp"});
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < result.output.text.size();) {
        const auto end = result.output.text.find('\n', at);
        lines.push_back(result.output.text.substr(at, end - at));
        at = end + 1;
    }
    EXPECT_THAT(lines, testing::UnorderedElementsAre("PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC",
                                                     "HOME=/tmp", "BORG_REPO=/r"));
}

TEST(Process, SecretsCanBeReadByItAndSeenByNobody) {
    // Read twice: an engine opens the file each time it needs it.
    const auto result = run({.arguments = {"sh", "-c",
                                           "cat \"$1\" \"$FILE\"; echo; tr '\\0' ' ' < /proc/$$/cmdline; "
                                           "tr '\\0' ' ' < /proc/$$/environ; echo x > \"$1\"",
                                           "sh", "{secret:key}"},
                             .environment = {{"FILE", "{secret:other}"}},
                             .secrets = {{"key", "hush1"}, {"other", "hush2"}}});
    EXPECT_TRUE(result.output.text.starts_with("hush1hush2\n")) << result.output.text;
    EXPECT_THAT(result.output.text.substr(11), testing::Not(HasSubstr("hush")));
    EXPECT_NE(result.code, 0) << "it cannot change it";
}

TEST(Process, NothingOfOursIsOpenInIt) {
    const test::TemporaryFolder folder;
    const int leaky = ::open((folder.path() / "leak").c_str(), O_CREAT | O_RDWR, 0600);  // without O_CLOEXEC
    ASSERT_GE(leaky, 0);
    const auto result = run({.arguments = {"ls", "-l", "/proc/self/fd"}});
    ::close(leaky);
    EXPECT_THAT(result.output.text, testing::Not(HasSubstr("leak")));
}

TEST(Process, InputComesToItsEnd) {
    EXPECT_EQ(run({.arguments = {"cat"}, .input = "given"}).output.text, "given");
    EXPECT_EQ(run({.arguments = {"cat"}}).output.text, "") << "nobody waits for a terminal";
}

TEST(Process, LinesComeAsTheyArePrintedAndLongOnesAreCut) {
    std::vector<std::string> lines;
    std::size_t longest = 0;
    const auto result = run(
        {.arguments = {"sh", "-c", "printf 'one\\n\\ntwo'; head -c 3000000 /dev/zero | tr '\\0' x; echo; printf end"},
         .on_output = [&](std::string_view line) {
             longest = std::max(longest, line.size());
             lines.emplace_back(line.substr(0, 4));
         }});
    EXPECT_TRUE(result.good());
    EXPECT_THAT(lines, ElementsAre("one", "", "twox", "end"));
    EXPECT_EQ(longest, 1u << 20);
}

TEST(Process, OutputWithoutEndKeepsItsBeginningAndItsEnd) {
    const auto result =
        run({.arguments = {"sh", "-c", "echo first; head -c 50000000 /dev/zero; echo last"}, .kept = 100});
    EXPECT_EQ(result.output.bytes, 50'000'011u);
    EXPECT_EQ(result.output.text.size(), 100u);
    EXPECT_TRUE(result.output.cut());
    EXPECT_TRUE(result.output.text.starts_with("first\n"));
    EXPECT_TRUE(result.output.text.ends_with("last\n"));
}

TEST(Process, AtTheDeadlineItIsAskedThenMadeToStop) {
    const auto asked = shell("trap 'echo told; exit 7' INT; sleep 100 & wait", 100ms);
    EXPECT_EQ(asked.end, End::timed_out);
    EXPECT_EQ(asked.output.text, "told\n");
    const auto deaf = shell("trap '' INT TERM; echo on; while :; do sleep 100; done", 100ms);
    EXPECT_EQ(deaf.end, End::timed_out);
    EXPECT_EQ(deaf.code, SIGKILL);
    EXPECT_LT(deaf.took, 10s);
}

TEST(Process, WhatItLeavesBehindEndsWithIt) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_TRUE(shell("sleep 98765 & exit 0").good());
    EXPECT_LT(std::chrono::steady_clock::now() - began, 10s) << "its child had the pipe open";
    for (const auto deadline = Deadline::in(5s); somebody_sleeps("98765") && !deadline.passed();) {
    }
    EXPECT_FALSE(somebody_sleeps("98765"));
    EXPECT_EQ(shell("sleep 98764 & sleep 98763", 100ms).end, End::timed_out);
    for (const auto deadline = Deadline::in(5s); somebody_sleeps("9876[34]") && !deadline.passed();) {
    }
    EXPECT_FALSE(somebody_sleeps("9876[34]"));
}

TEST(Process, StopsWhenItIsNoLongerWanted) {
    int looks = 0;
    const auto result = run({.arguments = {"sleep", "100"}, .grace = 50ms, .stopping = [&] { return ++looks > 2; }});
    EXPECT_EQ(result.end, End::stopped);
}

TEST(Process, LimitsHold) {
    const test::TemporaryFolder folder;
    const auto large = run({.arguments = {"dd", "if=/dev/zero", "of=large", "bs=1M", "count=10"},
                            .folder = folder.path(),
                            .limits = {.file_size = 1 << 20}});
    EXPECT_FALSE(large.good());
    EXPECT_LE(std::filesystem::file_size(folder.path() / "large"), 1u << 20);
    const auto hungry =
        run({.arguments = {"/usr/bin/python3", "-c", "bytearray(1 << 30)"}, .limits = {.memory = 512u << 20}});
    EXPECT_FALSE(hungry.good());
    EXPECT_THAT(hungry.error.text, HasSubstr("MemoryError"));
}

TEST(Process, AConfinedOneWritesWhereItMayAndNowhereElse) {
    const test::TemporaryFolder inside, outside;
    const auto in = inside.path().string(), out = outside.path().string();
    const auto tried = [&](const std::string& script) {
        const auto result = run({.arguments = {"sh", "-c", script}, .writable = std::vector{inside.path()}});
        EXPECT_TRUE(result.confined) << "this kernel has no Landlock";
        return result.code == 0;
    };
    EXPECT_TRUE(tried("echo x >" + in + "/a && mkdir " + in + "/d && mv " + in + "/a " + in +
                      "/d/a && ln -s /etc/passwd " + in + "/link && chmod 4755 " + in + "/d/a && echo x >/dev/null"));
    EXPECT_FALSE(tried("echo x >" + out + "/a"));
    EXPECT_FALSE(tried("mkdir " + out + "/d"));
    EXPECT_FALSE(tried("ln -s " + out + " " + in + "/way && echo x >" + in + "/way/a"));
    EXPECT_FALSE(tried("mknod " + in + "/null c 1 3"));
    EXPECT_FALSE(tried("mount -t tmpfs none " + in));
    EXPECT_TRUE(tried("cat /etc/passwd >/dev/null"));
    EXPECT_TRUE(std::filesystem::is_empty(outside.path()));
}

}  // namespace
}  // namespace tilsyn::net
