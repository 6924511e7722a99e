// However a tree is shaped, its turn comes for every file.
#include "backup/sample.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <map>

#include "support/temporary.hpp"

namespace tilsyn::backup {
namespace {

class Samples : public testing::Test {
  protected:
    void file(const std::string& path, std::uint64_t size = 1000) {
        for (auto slash = path.find('/'); slash != path.npos; slash = path.find('/', slash + 1))
            entries_.try_emplace(path.substr(0, slash), Entry{.path = path.substr(0, slash), .type = Type::folder});
        entries_.insert_or_assign(path, Entry{.path = path, .size = size, .hash = crypto::sha256(path)});
    }
    Result<Sample> choose(const std::string& after, std::uint64_t parts, std::uint64_t room = UINT64_MAX,
                          const std::string& seed = "seed") {
        if (digest_.empty()) {
            std::vector<Entry> sorted;
            for (const auto& [_, entry] : entries_) sorted.push_back(entry);
            std::ranges::sort(sorted, [](const auto& a, const auto& b) { return compare_paths(a.path, b.path) < 0; });
            auto writer = ManifestWriter::create(folder_.path(), "m", Timestamp{}).value();
            for (const auto& entry : sorted) {
                EXPECT_TRUE(writer.add(entry));
                total_ += cost_of(entry);
            }
            digest_ = writer.finish()->digest;
        }
        auto manifest = ManifestReader::open(folder_.path(), digest_).value();
        return choose_sample(manifest, {seed, after, parts, room, total_});
    }
    // How many samples it takes until each file was in one, by its turn alone.
    std::size_t turns(std::uint64_t parts) {
        std::map<std::string, int> seen;
        std::string after;
        for (std::size_t turn = 1; turn <= 10 * parts; ++turn) {
            const auto sample = choose(after, parts).value();
            const auto last = sample.until;
            for (const auto& [path, entry] : entries_)
                if (entry.type == Type::file && compare_paths(path, sample.from) >= 0 &&
                    (last.empty() || compare_paths(path, last) <= 0)) {
                    EXPECT_TRUE(sample.covers(path)) << path;
                    ++seen[path];
                }
            after = last;
            if (after.empty()) {
                EXPECT_EQ(seen.size(), std::size_t(std::ranges::count_if(
                                           entries_, [](const auto& e) { return e.second.type == Type::file; })));
                EXPECT_TRUE(std::ranges::all_of(seen, [](const auto& e) { return e.second == 1; }));
                return turn;
            }
        }
        ADD_FAILURE() << "it never comes to an end";
        return 0;
    }

    test::TemporaryFolder folder_;
    std::map<std::string, Entry> entries_;
    std::string digest_;
    std::uint64_t total_ = 0;
};

TEST_F(Samples, EveryFileHasItsTurnWithinThePeriod) {
    for (int year = 0; year < 9; ++year)
        for (int month = 1; month <= 12; ++month)
            for (int file_no = 0; file_no < 40; ++file_no)
                file("srv/books/" + std::to_string(2017 + year) + "/" + std::to_string(month) + "/" +
                         std::to_string(file_no),
                     std::uint64_t(file_no) * 10'000);
    EXPECT_LE(turns(13), 13u);
    EXPECT_GE(turns(13), 12u);
    EXPECT_LE(turns(90), 90u);
    EXPECT_EQ(turns(1), 1u);
    // Whole folders are named as such.
    EXPECT_LT(choose("", 13)->only.size(), 150u);
}
TEST_F(Samples, AFolderWithVeryManyFilesTakesLongerAndIsStillWalkedThrough) {
    for (int i = 0; i < 30'000; ++i) file("srv/flat/" + std::to_string(i));
    const auto sample = choose("", 4).value();
    EXPECT_LE(sample.only.size(), 2100u);
    EXPECT_EQ(turns(4), 15u);
}
TEST_F(Samples, WhatThereIsNoRoomForIsLeftAndSaid) {
    file("srv/a", 10);
    file("srv/huge", 10'000);
    file("srv/z", 10);
    const auto sample = choose("", 1, 5000).value();
    EXPECT_TRUE(sample.covers("srv/a") && sample.covers("srv/z"));
    EXPECT_FALSE(sample.covers("srv/huge"));
    EXPECT_GT(sample.too_large, 0u);
    EXPECT_EQ(sample.bytes, 20u);
    EXPECT_TRUE(choose("", 1, 0)->only.empty());
}
TEST_F(Samples, TheLotIsAnotherEachTimeAndTheNewestAreAlwaysThere) {
    for (int i = 0; i < 5000; ++i) {
        file("srv/" + std::to_string(i % 50) + "/" + std::to_string(i));
        entries_["srv/" + std::to_string(i % 50) + "/" + std::to_string(i)].mtime = i;
    }
    const auto one = choose("", 1000, UINT64_MAX, "one").value(), two = choose("", 1000, UINT64_MAX, "two").value();
    EXPECT_NE(one.only, two.only);
    for (int i = 4980; i < 5000; ++i)
        EXPECT_TRUE(one.covers("srv/" + std::to_string(i % 50) + "/" + std::to_string(i))) << i;
    EXPECT_EQ(choose("", 1000, UINT64_MAX, "one")->only, one.only);
}
TEST_F(Samples, ATreeThatChangedGoesOnWhereItWas) {
    for (const auto* path : {"a/1", "a/2", "c/1", "c/2"}) file(path);
    const auto sample = choose("b", 1).value();  // a path that is no longer there
    EXPECT_EQ(sample.from, "c");
    EXPECT_EQ(sample.until, "");
    EXPECT_TRUE(sample.covers("c/2"));
    EXPECT_TRUE(choose("zz", 1)->from.empty());  // behind the end: nothing this time, and the next one begins anew
}

}  // namespace
}  // namespace tilsyn::backup
