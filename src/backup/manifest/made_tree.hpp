// For tests: a tree with everything that makes backups go wrong, and the means to change it.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "backup/manifest/compare.hpp"
#include "backup/manifest/file.hpp"
#include "backup/manifest/walk.hpp"
#include "support/temporary.hpp"

namespace tilsyn::backup {

inline void put(const std::filesystem::path& path, std::string_view content) {
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// Some forty entries: plain, empty and sparse files, names in no encoding, links that lead nowhere, in circles and out
// of the tree, two names for one file, a fifo, attributes, odd modes and times before and beyond our own.
inline void make_tree(const std::filesystem::path& root) {
    put(root / "plain.txt", "one\n");
    put(root / "empty", "");
    put(root / "folder/inner/deep", std::string(100'000, 'x'));
    put(root / "folder with a space/#not a comment", "hash\n");
    put(root / "folder/a", "1");
    put(root / "folder-a", "sorts between");
    put(root / "folder.a", "and this");
    put(root / "names/tab\there", "t");
    put(root / "names/line\nhere", "l");
    put(root / "names/back\\slash[*?]=", "b");
    put(root / "names/latin-\xe6\xf8\xe5", "not UTF-8");
    put(root / "names/\xc3\xa6\xc3\xb8\xc3\xa5", "UTF-8");
    put(root / ("names/" + std::string(255, 'n')), "long");
    std::filesystem::create_directories(root / "empty folder");
    std::filesystem::create_symlink("plain.txt", root / "link");
    std::filesystem::create_symlink("nowhere at all", root / "link-broken");
    std::filesystem::create_symlink("link-circle", root / "link-circle");
    std::filesystem::create_symlink("/etc/passwd", root / "link-out");
    std::filesystem::create_symlink("..", root / "folder/link-up");
    std::filesystem::create_hard_link(root / "plain.txt", root / "folder/second name");
    ::mkfifo((root / "fifo").c_str(), 0600);
    put(root / "sparse", "");
    ASSERT_EQ(::truncate((root / "sparse").c_str(), 64 << 20), 0);
    put(root / "modes/secret", "s");
    put(root / "modes/setuid", "s");
    std::filesystem::permissions(root / "modes/secret", std::filesystem::perms(0400));
    std::filesystem::permissions(root / "modes/setuid", std::filesystem::perms(04755));
    (void)::setxattr((root / "modes/secret").c_str(), "user.origin", "post", 4, 0);
    put(root / "times/old", "o");
    const timespec old[2] = {{0, 0}, {-1, 500}}, late[2] = {{0, 0}, {4102444800, 1}};
    ::utimensat(AT_FDCWD, (root / "times/old").c_str(), old, 0);
    put(root / "times/late", "l");
    ::utimensat(AT_FDCWD, (root / "times/late").c_str(), late, 0);
}

inline Roots roots_of(const std::filesystem::path& path) {
    return *make_roots({path.string()});
}

// After all that tests do: what a manifest of then knows may be used again.
inline const Timestamp much_later = *parse_utc("2100-01-01T00:00:00Z");

// Makes the manifest as a backup would: a walk, whatever happens meanwhile, and a second look.
template <class Meanwhile>
std::string manifest_of(const std::filesystem::path& store, const WalkRequest& source, const Meanwhile& meanwhile) {
    auto first = ManifestWriter::create(store, "first", Timestamp{});
    EXPECT_TRUE(first);
    auto walked = walk(source, [&](Entry&& entry) { return first->add(entry); });
    EXPECT_TRUE(walked) << render(walked.error(), Lang::en);
    const auto before = first->finish();
    EXPECT_TRUE(before);
    meanwhile();
    auto second = ManifestWriter::create(store, "second", much_later);
    auto reader = ManifestReader::open(store, before->digest);
    EXPECT_TRUE(look_again(*reader, source, [&](Entry&& entry) { return second->add(entry); }));
    const auto after = second->finish();
    EXPECT_TRUE(after) << render(after.error(), Lang::en);
    return after->digest;
}
inline std::string manifest_of(const std::filesystem::path& store, const WalkRequest& source) {
    return manifest_of(store, source, [] {});
}

inline std::vector<Entry> entries_of(const std::filesystem::path& store, const std::string& digest) {
    std::vector<Entry> all;
    auto reader = ManifestReader::open(store, digest);
    while (reader) {
        auto next = reader->next();
        EXPECT_TRUE(next) << render(next.error(), Lang::en);
        if (!next || !*next) break;
        all.push_back(std::move(**next));
    }
    return all;
}

}  // namespace tilsyn::backup
