// What is read while it is being written is only believed when nobody has written to it since.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "backup/manifest/early.hpp"
#include "backup/manifest/made_tree.hpp"

namespace tilsyn::backup {
namespace {

using namespace std::chrono_literals;

class Early : public testing::Test {
  protected:
    test::TemporaryFolder folder;
    EarlyReader early = *EarlyReader::start(folder.path(), EarlyReader::When::always);

    Entry entry(const std::string& path) {
        struct stat info{};
        EXPECT_EQ(::lstat((folder.path() / path).c_str(), &info), 0) << path;
        auto out = look(info);
        out.path = path;
        return out;
    }
    void until_read(std::size_t count) {
        for (const auto limit = Deadline::in(30s); early.read() < count && !limit.passed();) std::this_thread::yield();
        ASSERT_GE(early.read(), count);
    }
    std::optional<crypto::Sha256> known(const std::string& path) { return early.content(entry(path)); }
};

TEST_F(Early, WhatWasWrittenAndClosedIsKnown) {
    put(folder.path() / "a", "one");
    put(folder.path() / "deep/er/still/b", std::string(3 << 20, 'x'));
    std::filesystem::create_directory(folder.path() / "later");
    put(folder.path() / "part", "renamed");
    std::filesystem::rename(folder.path() / "part", folder.path() / "later/whole");
    until_read(3);
    early.finish();
    EXPECT_EQ(known("a"), crypto::sha256({"one"}));
    EXPECT_EQ(known("deep/er/still/b"), crypto::sha256({std::string(3 << 20, 'x')}));
    EXPECT_EQ(known("later/whole"), crypto::sha256({"renamed"}));
}

TEST_F(Early, WrittenToAfterwardsItIsNot) {
    for (const auto* name : {"again", "held open", "cut", "same"}) put(folder.path() / name, "one");
    until_read(4);
    timespec times[2]{};
    put(folder.path() / "again", "two");
    ASSERT_EQ(::utimensat(AT_FDCWD, (folder.path() / "again").c_str(), times, 0), 0);  // as if nothing had been
    std::ofstream open(folder.path() / "held open", std::ios::in | std::ios::out);
    open << "two" << std::flush;
    ASSERT_EQ(::truncate((folder.path() / "cut").c_str(), 0), 0);
    early.finish();
    EXPECT_NE(known("again"), crypto::sha256({"one"}));
    EXPECT_EQ(known("held open"), std::nullopt);
    EXPECT_NE(known("cut"), crypto::sha256({"one"}));
    EXPECT_EQ(known("same"), crypto::sha256({"one"}));
}

TEST_F(Early, WhatCouldBeWrittenToElsewhereIsNotBelieved) {
    const test::TemporaryFolder elsewhere;
    put(folder.path() / "a", "one");
    std::filesystem::create_hard_link(folder.path() / "a", elsewhere.path() / "b");
    put(elsewhere.path() / "c", "out of it");
    std::filesystem::create_directory_symlink(elsewhere.path(), folder.path() / "out");
    put(folder.path() / "plain", "plain");
    until_read(1);
    early.finish();
    EXPECT_EQ(known("a"), std::nullopt);
}

TEST_F(Early, MoreThanTheKernelTellsAboutAtATime) {
    std::filesystem::create_directories(folder.path() / "many");
    for (int i = 0; i < 20'000; ++i) put(folder.path() / "many" / std::to_string(i), std::to_string(i));
    early.finish();
    for (int i = 0; i < 20'000; ++i)
        if (const auto content = known("many/" + std::to_string(i)))
            ASSERT_EQ(*content, crypto::sha256({std::to_string(i)}));
}

}  // namespace
}  // namespace tilsyn::backup
