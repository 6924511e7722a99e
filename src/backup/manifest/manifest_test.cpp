// Manifests: the line, the file, the walk. Comparing is in compare_test.cpp.
#include <gmock/gmock.h>

#include <fstream>

#include "backup/manifest/made_tree.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "support/command.hpp"

namespace tilsyn::backup {
namespace {

using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

struct Place {
    test::TemporaryFolder folder;
    std::filesystem::path source = folder.path() / "source", store = folder.path() / "store";
    Place() { make_tree(source); }
    WalkRequest request() const { return {.roots = roots_of(source)}; }
};

Result<Entry> read_back(const Entry& entry) {
    const auto lines = to_lines(entry);
    const auto end = lines.find('\n');
    return parse_entry(lines.substr(0, end), lines.substr(end + 1));
}

TEST(Entry, IsWrittenAndReadBack) {
    Entry entry{.path = "srv/\xe6 = #*?[\\\n",
                .mode = 04755,
                .uid = 1000,
                .gid = 100,
                .size = 5'000'000'000,
                .allocated = 4096,
                .mtime = -1'500'000'000,
                .ctime = 1'700'000'000'000'000'001,
                .device = 77,
                .inode = 12345678901,
                .links = 2,
                .hash = crypto::sha256("x"),
                .attributes = crypto::sha256("y"),
                .trouble = "Permission denied",
                .moved = Moved::torn,
                .hash_after = crypto::sha256("z")};
    EXPECT_EQ(read_back(entry), entry) << to_lines(entry);
    EXPECT_THAT(to_lines(entry),
                HasSubstr("./srv/\\346\\040\\075\\040\\043\\052\\077\\133\\134\\012 type=file mode=4755"));
    EXPECT_THAT(to_lines(entry), HasSubstr("time=-2.500000000"));
    Entry link{.path = "l", .type = Type::link, .size = 6, .allocated = 6, .target = "a b\nc="};
    EXPECT_EQ(read_back(link), link);
}

TEST(Entry, ALineThatCouldLeaveItsFolderIsRefused) {
    for (const std::string path : {"./../etc/passwd", "/etc/passwd", "./a/../b", "./a//b", "./", "./a/", "./.",
                                   "./a\\000b", "./a\\4", "./a\\999", "a", "./a b"})
        EXPECT_FALSE(parse_entry("", path + " type=file")) << path;
    for (const std::string rest :
         {"", " mode=0644", " type=", " type=file mode=99", " type=file size=-1", " type=file time=1",
          " type=file sha256digest=00", " type=file unheard=1", " type=file x"})
        EXPECT_FALSE(parse_entry("", "./a" + rest)) << rest;
    EXPECT_FALSE(parse_entry("#: moved=x", "./a type=file"));
    EXPECT_FALSE(parse_entry("# moved=gone", "./a type=file"));
    EXPECT_TRUE(parse_entry("#: of-tomorrow=1", "./a type=file"));
}

TEST(Entry, ASlashComesBeforeEverything) {
    const std::vector<std::string> order{"a", "a/b", "a/b/c", "a/b c", "a b", "a-b", "a.b", "aa", "b", "\xe6"};
    for (std::size_t i = 0; i < order.size(); ++i)
        for (std::size_t j = 0; j < order.size(); ++j)
            EXPECT_EQ(compare_paths(order[i], order[j]), i <=> j) << order[i] << " " << order[j];
}

TEST(Roots, AreAbsoluteAndApart) {
    EXPECT_THAT(make_roots({"/srv/b/", "/srv//a"})->paths, ElementsAre("srv/a", "srv/b"));
    for (const auto& wrong :
         std::vector<std::vector<std::string>>{{"srv"}, {"/"}, {""}, {"/a/../b"}, {"/a", "/a/b"}, {"/a", "/a"}})
        EXPECT_FALSE(make_roots(wrong)) << wrong.front();
    EXPECT_TRUE(make_roots({"/a", "/ab"}));
}

TEST(Walk, SeesWhatFindAndSha256sumSee) {
    const Place place;
    const auto entries = entries_of(place.store, manifest_of(place.store, place.request()));
    const auto source = place.source.string();
    const auto found = test::run_command("find '" + source + "' -printf x | wc -c");
    EXPECT_EQ(std::to_string(entries.size()) + "\n", found.output);
    std::vector<std::string> sums, ours;  // between NULs: names may hold line ends
    for (const auto& entry : entries)
        if (entry.type == Type::file) ours.push_back(crypto::hex(*entry.hash) + "  /" + entry.path);
    const auto read = test::run_command("find '" + source + "' -type f -print0 | xargs -0 sha256sum -z").output;
    for (const auto line : split(read, '\0'))
        if (!line.empty()) sums.emplace_back(line);
    EXPECT_THAT(ours, testing::UnorderedElementsAreArray(sums));
    std::vector<std::string> paths;
    for (const auto& entry : entries) paths.push_back(entry.path);
    EXPECT_TRUE(std::ranges::is_sorted(paths, [](const auto& a, const auto& b) { return compare_paths(a, b) < 0; }));
    const auto entry = [&](const std::string& name) {
        return *std::ranges::find_if(entries, [&](const Entry& e) { return "/" + e.path == source + "/" + name; });
    };
    EXPECT_EQ(entry("plain.txt").links, 2u);
    EXPECT_EQ(entry("plain.txt").inode, entry("folder/second name").inode);
    EXPECT_EQ(entry("link-out").target, "/etc/passwd");
    EXPECT_EQ(entry("fifo").type, Type::fifo);
    EXPECT_EQ(entry("modes/setuid").mode, 04755u);
    EXPECT_EQ(entry("times/old").mtime, -1'000'000'000 + 500);
    EXPECT_LT(entry("sparse").allocated, entry("sparse").size);
    EXPECT_TRUE(entry("modes/secret").attributes);
}

TEST(Walk, OtherToolsReadTheManifest) {
    const Place place;
    const auto digest = manifest_of(place.store, place.request());
    const auto text = test::run_command("zstd -dc '" + manifest_path(place.store, digest).string() + "'");
    EXPECT_EQ(crypto::hex(crypto::sha256(text.output)), digest);
    EXPECT_TRUE(text.output.starts_with("#mtree"));
    put(place.folder.path() / "list.mtree", text.output);
    const auto read =
        test::run_command("bsdtar -tf '" + (place.folder.path() / "list.mtree").string() + "' 2>&1 | grep -c ^");
    EXPECT_EQ(std::stoul(read.output), entries_of(place.store, digest).size()) << read.output;
    EXPECT_EQ(
        test::run_command("bsdtar -tf '" + (place.folder.path() / "list.mtree").string() + "' >/dev/null 2>&1").status,
        0);
}

TEST(Walk, LeavesOutWhatThePlanLeavesOutAndSaysSo) {
    const Place place;
    auto request = place.request();
    request.exclusions = {.paths = {request.roots.paths[0] + "/folder"}, .names = {"*.txt", "fif?"}};
    std::vector<std::string> paths;
    const auto totals = walk(request, [&](Entry&& entry) -> Result<void> {
        paths.push_back(entry.path);
        return {};
    });
    ASSERT_TRUE(totals);
    EXPECT_EQ(totals->excluded, 3u);
    EXPECT_THAT(paths, Each(testing::Not(HasSubstr("folder/"))));
    EXPECT_THAT(paths, Contains(HasSubstr("/folder-a")));
}

TEST(Walk, ARootThatIsNotThereIsAnErrorAndNotAnEmptyTree) {
    const Place place;
    const auto walked = walk({.roots = roots_of(place.source / "missing")}, [](Entry&&) { return Result<void>(); });
    ASSERT_FALSE(walked);
    EXPECT_EQ(walked.error().code, Code::not_found);
}

TEST(Walk, WhatCannotBeReadIsThereWithItsTrouble) {
    if (::geteuid() == 0) {  // root reads all: a file that is not there any more will do
        const Place place;
        auto request = place.request();
        const auto tree = Tree::open("/");
        Entry entry{.path = request.roots.paths[0] + "/gone"};
        hash_file(*tree, entry);
        EXPECT_EQ(entry.trouble, "No such file or directory");
        Entry through_a_link{.path = request.roots.paths[0] + "/folder/link-up/plain.txt"};
        hash_file(*tree, through_a_link);
        EXPECT_FALSE(through_a_link.hash);  // no link is followed, not in the middle either
        Entry not_a_file{.path = request.roots.paths[0] + "/fifo"};
        hash_file(*tree, not_a_file);
        EXPECT_FALSE(not_a_file.hash);
        return;
    }
    const Place place;
    std::filesystem::permissions(place.source / "folder/inner", std::filesystem::perms(0));
    std::filesystem::permissions(place.source / "plain.txt", std::filesystem::perms(0));
    auto entries = entries_of(place.store, manifest_of(place.store, place.request()));
    std::erase_if(entries, [](const Entry& entry) { return entry.trouble.empty(); });
    EXPECT_THAT(entries, SizeIs(3));  // plain.txt has two names
    std::filesystem::permissions(place.source / "folder/inner", std::filesystem::perms(0700));
}

TEST(Walk, WhatIsKnownIsNotReadAgainUnlessChosen) {
    const Place place;
    const auto digest = manifest_of(place.store, place.request());
    const auto sum = [&](double share) {
        auto known = ManifestReader::open(place.store, digest);
        auto request = place.request();
        request.known = &*known;
        request.read_again = share;
        std::vector<Entry> seen;
        auto totals = walk(request, [&](Entry&& entry) -> Result<void> {
            seen.push_back(std::move(entry));
            return {};
        });
        EXPECT_EQ(seen, entries_of(place.store, digest));
        return totals->reused;
    };
    const auto files =
        std::ranges::count_if(entries_of(place.store, digest), [](const Entry& e) { return e.type == Type::file; });
    EXPECT_EQ(sum(0), std::uint64_t(files));
    EXPECT_EQ(sum(1), 0u);
}

TEST(Walk, FindsRotThatNothingElseShows) {
    const Place place;
    // The manifest of another content with the very same times: the disk has changed a byte by itself.
    auto entries = entries_of(place.store, manifest_of(place.store, place.request()));
    auto forged = ManifestWriter::create(place.store, "forged", much_later);
    for (auto& entry : entries) {
        entry.ctime -= 3'000'000'000;
        if (entry.path.ends_with("folder/a")) entry.hash = crypto::sha256("2");
        ASSERT_TRUE(forged->add(entry));
    }
    auto known = ManifestReader::open(place.store, forged->finish()->digest);
    auto request = place.request();
    request.known = &*known;
    request.read_again = 1;
    auto walked = walk(request, [](Entry&&) { return Result<void>(); });
    EXPECT_THAT(walked->rotted, IsEmpty());  // its ctime is another: it may have been written to
    for (auto& entry : entries) entry.ctime += 3'000'000'000;
    auto again = ManifestWriter::create(place.store, "again", much_later);
    for (const auto& entry : entries) ASSERT_TRUE(again->add(entry));
    known = ManifestReader::open(place.store, again->finish()->digest);
    walked = walk(request, [](Entry&&) { return Result<void>(); });
    EXPECT_THAT(walked->rotted, ElementsAre(HasSubstr("folder/a")));
}

TEST(Walk, WhatHadJustChangedWhenItWasReadIsReadAgain) {
    const Place place;
    auto writer = ManifestWriter::create(place.store, "now", SystemClock().now());
    ASSERT_TRUE(walk(place.request(), [&](Entry&& entry) { return writer->add(entry); }));
    auto known = ManifestReader::open(place.store, writer->finish()->digest);
    auto request = place.request();
    request.known = &*known;
    request.read_again = 0;
    EXPECT_EQ(walk(request, [](Entry&&) { return Result<void>(); })->reused, 0u);
}

TEST(Walk, CanBeStoppedAndTakenUpAgain) {
    const Place place;
    for (int i = 0; i < 30'000; ++i) put(place.source / "many" / std::to_string(i % 100) / std::to_string(i), "x");
    auto request = place.request();
    std::atomic<int> asked = 0;
    request.stopping = [&] { return ++asked > 40'000; };
    {
        auto writer = ManifestWriter::create(place.store, "plan", much_later);
        const auto stopped = walk(request, [&](Entry&& entry) { return writer->add(entry); });
        ASSERT_FALSE(stopped);
        EXPECT_EQ(stopped.error().code, Code::cancelled);
    }
    request.stopping = {};
    request.read_again = 0;
    auto part = ManifestReader::open_partial(partial_manifest_path(place.store, "plan"));
    ASSERT_TRUE(part);
    request.known = &*part;
    auto writer = ManifestWriter::create(place.store, "plan", Timestamp{});  // the part is still read
    const auto totals = walk(request, [&](Entry&& entry) { return writer->add(entry); });
    ASSERT_TRUE(totals);
    EXPECT_GT(totals->reused, 1'000u);
    EXPECT_EQ(entries_of(place.store, writer->finish()->digest).size(), totals->counts.entries);
}

TEST(Manifest, EveryDamageIsSeenAndNothingMoreThanThatRead) {
    const Place place;
    const auto digest = manifest_of(place.store, place.request());
    const auto path = manifest_path(place.store, digest);
    const auto whole = *read_file(path);
    // Its lines, when it can be read to its end.
    const auto read = [&](const std::string& content) -> std::optional<std::string> {
        put(path, content);
        auto reader = ManifestReader::open(place.store, digest);
        if (!reader) return std::nullopt;
        for (std::string lines;;) {
            const auto next = reader->next();
            if (!next) return std::nullopt;
            if (!*next) return lines;
            lines += to_lines(**next) + "\n";
        }
    };
    const auto lines = read(whole);
    ASSERT_TRUE(lines);
    std::size_t harmless = 0;
    for (std::size_t i = 0; i < whole.size(); i += 7) {
        auto changed = whole;
        changed[i] = char(changed[i] ^ 0x10);
        // There are bits that zstd does not look at, and texts that it can write in two ways: the text is what counts.
        if (const auto found = read(changed)) {
            EXPECT_EQ(found, lines) << i;
            ++harmless;
        }
        EXPECT_FALSE(read(whole.substr(0, i))) << i;
    }
    EXPECT_LT(harmless, whole.size() / 7 / 10);
    EXPECT_FALSE(read(whole + whole));
    put(path, whole);
    EXPECT_FALSE(ManifestReader::open(place.store, "../../etc/passwd"));
}

TEST(Manifest, OutOfOrderIsRefused) {
    const test::TemporaryFolder folder;
    auto writer = ManifestWriter::create(folder.path(), "x", Timestamp{});
    ASSERT_TRUE(writer->add({.path = "b"}));
    EXPECT_FALSE(writer->add({.path = "a"}));
    EXPECT_FALSE(writer->add({.path = "b"}));
    EXPECT_TRUE(writer->add({.path = "b/a"}));
}

}  // namespace
}  // namespace tilsyn::backup
