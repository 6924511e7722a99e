// Streams of GNU tar and Python's tarfile, read as the tree they were made of; and streams that are damaged.
#include "backup/manifest/tar.hpp"

#include <gmock/gmock.h>

#include "backup/manifest/compare.hpp"
#include "backup/manifest/made_tree.hpp"
#include "backup/manifest/sorter.hpp"
#include "base/file.hpp"
#include "support/command.hpp"

namespace tilsyn::backup {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// In pieces of any size.
ReadSome from(const std::string& bytes, std::size_t piece = 1000) {
    return [&bytes, piece, at = std::size_t{0}](char* buffer, std::size_t size) mutable -> Result<std::size_t> {
        const auto part = std::min({size, piece, bytes.size() - at});
        bytes.copy(buffer, part, at);
        at += part;
        return part;
    };
}

class Tar : public testing::Test {
  protected:
    void SetUp() override {
        make_tree(source_);
        digest_ = manifest_of(store_, {.roots = roots_of(source_)});
        std::filesystem::create_directories(folder_.path() / "sorting");
    }
    std::string made_by(const std::string& command) {
        const auto file = folder_.path() / "tree.tar";
        const auto made = test::run_command("cd / && " + command + " '" + file.string() + "' '" +
                                            source_.relative_path().string() + "' 2>&1");
        EXPECT_EQ(made.status, 0) << made.output;
        return read_file(file, 1u << 30).value();
    }
    Result<Comparison> compared(const std::string& stream, Tolerance tolerance = {}, std::size_t piece = 1000) {
        TarRequest request{.read = from(stream, piece), .roots = roots_of(source_).paths};
        auto first = ManifestReader::open(store_, digest_).value();
        while (auto entry = first.next().value())
            if (entry->links > 1) request.linked.insert(entry->path);
        auto manifest = ManifestReader::open(store_, digest_).value();
        tolerance.attributes = false;
        Sorter sorter(folder_.path() / "sorting", 7);
        TRY_VOID(read_tar(request, [&](Entry&& entry) { return sorter.add(std::move(entry)); }));
        return compare_entries({.manifest = &manifest, .restored = {.roots = {}}, .tolerance = tolerance},
                               [&](const auto& sink) { return sorter.finish(sink); });
    }
    std::string differences(const Result<Comparison>& compared) {
        if (!compared) return render(compared.error(), Lang::en);
        std::string out;
        for (const auto& found : compared->found)
            if (found.difference != Difference::sparse)
                out +=
                    std::string(to_string(found.difference)) + " " + escape_path(found.path) + " " + found.said + "\n";
        return out;
    }

    test::TemporaryFolder folder_;
    std::filesystem::path source_ = folder_.path() / "source", store_ = folder_.path() / "manifests";
    std::string digest_;
};

TEST_F(Tar, IsTheTreeThatItWasMadeOf) {
    EXPECT_THAT(differences(compared(made_by("tar --format=pax -cf"))), IsEmpty());
    EXPECT_THAT(differences(compared(made_by("tar --format=gnu -cf"), {.time_step = 1'000'000'000})), IsEmpty());
}
TEST_F(Tar, ComesInPiecesOfAnySize) {
    const auto stream = made_by("tar --format=pax -cf");
    for (const std::size_t piece : {1, 511, 513, 1 << 20})
        EXPECT_THAT(differences(compared(stream, {}, piece)), IsEmpty()) << piece;
}
TEST_F(Tar, WhatIsOtherwiseIsSaid) {
    std::filesystem::remove(source_ / "folder-a");
    put(source_ / "more", "more");
    put(source_ / "empty", "not any more");
    EXPECT_THAT(differences(compared(made_by("tar --format=pax -cf"))),
                testing::AllOf(HasSubstr("missing " + source_.relative_path().string() + "/folder-a"),
                               HasSubstr("extra " + source_.relative_path().string() + "/more"),
                               HasSubstr("size " + source_.relative_path().string() + "/empty")));
}
TEST_F(Tar, CutAnywhereItIsAnErrorAndNeverAnEmptyTree) {
    const auto stream = made_by("tar --format=pax --exclude=sparse -cf");
    for (std::size_t size = 0; size + 1024 < stream.size(); size += 997) {
        const auto read = compared(stream.substr(0, size), {}, 65536);
        // Behind the last entry there is nothing but zeros: without them it is cut, too.
        const bool only_zeros = stream.find_first_not_of('\0', size) == stream.npos;
        if (!only_zeros) ASSERT_FALSE(read) << size;
        if (!read) EXPECT_EQ(read.error().code, Code::corrupt);
    }
}
TEST_F(Tar, ABitThatFlippedInAHeaderOrAFileIsSeen) {
    const auto stream = made_by("tar --format=pax --exclude=sparse -cf");
    const auto clean = differences(compared(stream, {}, 65536));
    std::size_t seen = 0, tried = 0;
    for (std::size_t at = 100; at < stream.size() - 10240; at += 4099) {
        if (stream[at] == '\0') continue;  // most of these are padding, which nobody reads
        auto damaged = stream;
        damaged[at] = char(damaged[at] ^ 0x10);
        ++tried;
        seen += differences(compared(damaged, {}, 65536)) != clean;
    }
    EXPECT_GT(tried, 5u);
    EXPECT_EQ(seen, tried);
}
TEST_F(Tar, NamesThatLeadElsewhereAreRefused) {
    for (const auto* name : {"../../etc/passwd", "a/../../b", "a//b", "a/./b"}) {
        const auto file = folder_.path() / "evil.tar";
        ASSERT_EQ(test::run_command("python3 -c 'import sys, tarfile, io\nt = tarfile.open(sys.argv[1], \"w\")\n"
                                    "i = tarfile.TarInfo(sys.argv[2]); i.size = 1\n"
                                    "t.addfile(i, io.BytesIO(b\"x\")); t.close()' '" +
                                    file.string() + "' '" + name + "'")
                      .status,
                  0);
        const auto stream = *read_file(file);
        const auto read = read_tar({.read = from(stream), .roots = {""}}, [](Entry&&) -> Result<void> { return {}; });
        ASSERT_FALSE(read) << name;
        EXPECT_EQ(read.error().code, Code::corrupt);
    }
}
TEST_F(Tar, GrowsNoFurtherThanItMay) {
    const auto stream = made_by("tar --format=pax -cf");
    std::uint64_t entries = 0;
    const auto read =
        read_tar({.read = from(stream), .roots = roots_of(source_).paths, .most = 100}, [&](Entry&&) -> Result<void> {
            ++entries;
            return {};
        });
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().message.key, "backup.stream-grew");
}
TEST_F(Tar, APathThatIsThereTwiceIsNoTree) {
    const auto file = (folder_.path() / "twice.tar").string(), path = source_.relative_path().string();
    ASSERT_EQ(
        test::run_command("cd / && tar -cf '" + file + "' '" + path + "' && tar -rf '" + file + "' '" + path + "'")
            .status,
        0);
    const auto stream = read_file(file, 1u << 30).value();
    const auto read = compared(stream);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, Code::corrupt);
}

}  // namespace
}  // namespace tilsyn::backup
