// What a comparison must find, and what it must not cry about. `cp -a` stands for an engine here, so that the faults
// are all there is; the engines themselves are in engines/conformance_test.cpp.
#include "backup/manifest/compare.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "backup/manifest/made_tree.hpp"
#include "support/command.hpp"

namespace tilsyn::backup {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

void append(const std::filesystem::path& path, std::string_view more) {
    std::ofstream(path, std::ios::binary | std::ios::app) << more;
}

class Compare : public testing::Test {
  protected:
    test::TemporaryFolder folder;
    std::filesystem::path source = folder.path() / "source", target = folder.path() / "target";
    std::filesystem::path restored = target / source.relative_path();
    void SetUp() override { make_tree(source); }

    void copy() {
        std::filesystem::create_directories(restored.parent_path());
        const auto ran = test::run_command("cp -a '" + source.string() + "' '" + restored.string() + "' 2>&1");
        ASSERT_EQ(ran.status, 0) << ran.output;
    }
    // What differs after: a manifest, `before` the copy, `during` it (after the copy, before the second look), and
    // `after` it, in the restored tree.
    using Change = std::function<void()>;
    std::vector<std::string> differences(const Change& before, const Change& during, const Change& after) {
        const auto digest = manifest_of(folder.path() / "store", {.roots = roots_of(source)}, [&] {
            if (before) before();
            copy();
            if (during) during();
        });
        if (after) after();
        auto manifest = ManifestReader::open(folder.path() / "store", digest);
        auto roots = roots_of(source);
        roots.base = target;
        const auto compared = compare_restored({.manifest = &*manifest, .restored = {.roots = roots}});
        EXPECT_TRUE(compared) << render(compared.error(), Lang::en);
        comparison = *compared;
        std::vector<std::string> out;
        for (const auto& found : comparison.found)
            out.push_back(std::string(to_string(found.difference)) + " " +
                          std::filesystem::path("/" + found.path).lexically_relative(source).string());
        return out;
    }
    std::vector<std::string> damaged(const Change& after) { return differences({}, {}, after); }
    std::vector<std::string> moved(const Change& before, const Change& during = {}) {
        return differences(before, during, {});
    }
    Comparison comparison;
};

// --- nothing is wrong ---

TEST_F(Compare, ATrueCopyHasNoDifference) {
    EXPECT_THAT(damaged({}), IsEmpty());
    EXPECT_EQ(comparison.faults(), 0u);
    EXPECT_EQ(
        comparison.entries,
        entries_of(folder.path() / "store", manifest_of(folder.path() / "store", {.roots = roots_of(source)})).size());
}
TEST_F(Compare, AGrowingLog) {
    EXPECT_THAT(moved([&] { append(source / "plain.txt", "two\n"); }, [&] { append(source / "plain.txt", "three\n"); }),
                IsEmpty());
    EXPECT_EQ(comparison.moved, 2u);  // it has two names
}
TEST_F(Compare, ALogThatGrewAfterItWasCopied) {
    EXPECT_THAT(moved({}, [&] { append(source / "plain.txt", "two\n"); }), IsEmpty());
}
TEST_F(Compare, ARotatedLog) {
    const auto rotate = [&] {
        std::filesystem::rename(source / "folder/a", source / "folder/a.1");
        put(source / "folder/a", "new");
    };
    EXPECT_THAT(moved(rotate), IsEmpty());
}
TEST_F(Compare, ARotatedLogAfterTheCopy) {
    EXPECT_THAT(moved({}, [&] { std::filesystem::rename(source / "folder/a", source / "folder/a.1"); }), IsEmpty());
}
TEST_F(Compare, AFileReplacedWhole) {
    const auto replace = [&](const char* content) {
        put(source / "folder/a.new", content);
        std::filesystem::rename(source / "folder/a.new", source / "folder/a");
    };
    EXPECT_THAT(moved([&] { replace("before it was copied"); }, {}), IsEmpty());
    std::filesystem::remove_all(target);
    EXPECT_THAT(moved({}, [&] { replace("after it was copied"); }), IsEmpty());
}
TEST_F(Compare, AFileThatCameAndWent) {
    EXPECT_THAT(
        moved([&] { put(source / "folder/lock", "x"); }, [&] { std::filesystem::remove(source / "folder/lock"); }),
        IsEmpty());
}
TEST_F(Compare, AFileThatWent) {
    EXPECT_THAT(moved([&] { std::filesystem::remove(source / "folder/a"); }), IsEmpty());
}
TEST_F(Compare, AFolderThatCame) {
    EXPECT_THAT(moved([&] { put(source / "new/one", "1"); }, [&] { put(source / "new/two", "2"); }), IsEmpty());
}
TEST_F(Compare, ATouchedFile) {
    EXPECT_THAT(moved([&] { test::run_command("touch '" + (source / "folder/a").string() + "'"); }), IsEmpty());
}
TEST_F(Compare, AnOwnerlessRestore) {
    std::filesystem::permissions(source / "folder/a", std::filesystem::perms(0640));
    EXPECT_THAT(damaged({}), IsEmpty());
}

// --- something is ---

TEST_F(Compare, AFileMissing) {
    EXPECT_THAT(damaged([&] { std::filesystem::remove(restored / "folder/inner/deep"); }),
                ElementsAre("time folder/inner", "missing folder/inner/deep"));
    EXPECT_EQ(comparison.lost(), 1u);
}
TEST_F(Compare, ARootMissing) {
    damaged([&] { std::filesystem::remove_all(restored); });
    EXPECT_EQ(comparison.count(Difference::missing), comparison.entries);
}
TEST_F(Compare, AnEmptyFolderMissing) {
    EXPECT_THAT(damaged([&] { std::filesystem::remove(restored / "empty folder"); }),
                testing::Contains("missing empty folder"));
}
TEST_F(Compare, OneBitFlipped) {
    EXPECT_THAT(damaged([&] {
                    std::fstream file(restored / "folder/inner/deep", std::ios::in | std::ios::out | std::ios::binary);
                    file.seekp(77'777);
                    file.put('y');
                    file.close();
                    test::run_command("touch -r '" + (source / "folder/inner/deep").string() + "' '" +
                                      (restored / "folder/inner/deep").string() + "'");
                }),
                ElementsAre("content folder/inner/deep"));
}
TEST_F(Compare, AFileCutOff) {
    EXPECT_THAT(damaged([&] { std::filesystem::resize_file(restored / "folder/inner/deep", 5); }),
                ElementsAre("size folder/inner/deep"));
    EXPECT_EQ(comparison.found.front().said, "100000 → 5");
}
TEST_F(Compare, AFileThatNobodyHad) {
    EXPECT_THAT(damaged([&] {
                    put(restored / "folder/inner/malware", "x");
                    test::run_command("touch -r '" + (source / "folder/inner").string() + "' '" +
                                      (restored / "folder/inner").string() + "'");
                }),
                ElementsAre("extra folder/inner/malware"));
}
TEST_F(Compare, ALinkInPlaceOfAFile) {
    EXPECT_THAT(damaged([&] {
                    std::filesystem::remove(restored / "folder-a");
                    std::filesystem::create_symlink("/etc/passwd", restored / "folder-a");
                }),
                testing::Contains("type folder-a"));
}
TEST_F(Compare, ALinkThatPointsElsewhere) {
    EXPECT_THAT(damaged([&] {
                    std::filesystem::remove(restored / "link");
                    std::filesystem::create_symlink("/etc/shadow", restored / "link");
                }),
                testing::Contains("target link"));
}
TEST_F(Compare, AModeLost) {
    EXPECT_THAT(damaged([&] { std::filesystem::permissions(restored / "modes/secret", std::filesystem::perms(0644)); }),
                ElementsAre("mode modes/secret"));
    EXPECT_EQ(comparison.found.front().said, "0400 → 0644");
}
TEST_F(Compare, AnOwnerLost) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
    ASSERT_EQ(::chown((source / "folder/a").c_str(), 1234, 1234), 0);
    EXPECT_THAT(damaged([&] { ASSERT_EQ(::chown((restored / "folder/a").c_str(), 0, 0), 0); }),
                ElementsAre("owner folder/a"));
}
TEST_F(Compare, ATimeLost) {
    EXPECT_THAT(damaged([&] { test::run_command("touch '" + (restored / "times/old").string() + "'"); }),
                ElementsAre("time times/old"));
}
TEST_F(Compare, AHardLinkBroken) {
    const auto path = restored / "plain.txt";
    EXPECT_THAT(damaged([&] {
                    test::run_command("cp -p '" + path.string() + "' '" + path.string() + "2' && mv '" + path.string() +
                                      "2' '" + path.string() + "'");
                }),
                testing::Contains("names plain.txt"));
}
TEST_F(Compare, TwoFilesMadeOne) {
    put(source / "folder/twin", "1");
    test::run_command("touch -r '" + (source / "folder/a").string() + "' '" + (source / "folder/twin").string() + "'");
    EXPECT_THAT(damaged([&] {
                    std::filesystem::remove(restored / "folder/twin");
                    std::filesystem::create_hard_link(restored / "folder/a", restored / "folder/twin");
                }),
                testing::Contains("names folder/twin"));
}
TEST_F(Compare, AnAttributeLost) {
    const auto probe = restored / "modes/secret";
    if (::getxattr((source / "modes/secret").c_str(), "user.origin", nullptr, 0) <= 0)
        GTEST_SKIP() << "this file system keeps no attributes";
    EXPECT_THAT(damaged([&] { ::removexattr(probe.c_str(), "user.origin"); }), ElementsAre("attributes modes/secret"));
}
TEST_F(Compare, ASparseFileFilledIsToldAndNoFault) {
    EXPECT_THAT(damaged([&] {
                    const auto path = (restored / "sparse").string();
                    test::run_command("cp -p --sparse=never '" + path + "' '" + path + "2' && mv '" + path + "2' '" +
                                      path + "'");
                }),
                testing::Contains("sparse sparse"));
    EXPECT_EQ(comparison.lost(), 0u);
    EXPECT_GE(comparison.count(Difference::sparse), 1u);
}
TEST_F(Compare, AFileTornWhileItWasCopied) {
    const auto change = [&](char byte) {
        std::fstream file(source / "folder/inner/deep", std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(5);
        file.put(byte);
    };
    EXPECT_THAT(moved([&] { change('1'); }, [&] { change('2'); }), ElementsAre("torn folder/inner/deep"));
    EXPECT_EQ(comparison.lost(), 1u);
}
TEST_F(Compare, WhatWasAddedByAForgerInAFolderThatDidNotMove) {
    EXPECT_THAT(differences(
                    {}, [&] { append(source / "folder/a", "2"); }, [&] { put(restored / "names/extra", "x"); }),
                testing::Contains("extra names/extra"));
}
TEST_F(Compare, ASampleComparesOnlyWhatItChose) {
    const auto digest = manifest_of(folder.path() / "store", {.roots = roots_of(source)}, [&] { copy(); });
    std::filesystem::remove(restored / "folder-a");
    auto manifest = ManifestReader::open(folder.path() / "store", digest);
    auto roots = roots_of(source);
    roots.base = target;
    const auto compared =
        compare_restored({.manifest = &*manifest, .restored = {.roots = roots}, .chosen = [](const Entry& entry) {
                              return entry.path.ends_with("/a");
                          }});
    ASSERT_TRUE(compared);
    EXPECT_EQ(compared->files, 1u);
    EXPECT_EQ(compared->faults(), 0u);
    EXPECT_GT(compared->skipped, 20u);
}

}  // namespace
}  // namespace tilsyn::backup
