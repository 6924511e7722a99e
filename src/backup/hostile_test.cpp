// A repository made by somebody who wants our machine: written with borg's own library, so that its program finds
// nothing wrong with it. Run by hand as root, borg 1.2 writes through the link; a drill must not.
#include <sys/stat.h>

#include "backup/job_fixture.hpp"

namespace tilsyn::backup {
namespace {

constexpr const char* forge = R"(
import os, stat, sys
from borg.logger import setup_logging
setup_logging()
from borg.archive import Archive
from borg.cache import Cache
from borg.helpers import Manifest
from borg.item import Item
from borg.repository import Repository

place, name, outside, kind = sys.argv[1:]
with Repository(place, exclusive=True) as repository:
    manifest, key = Manifest.load(repository, Manifest.NO_OPERATION_CHECK)
    with Cache(repository, key, manifest) as cache:
        archive = Archive(repository, key, manifest, name, cache=cache, create=True)
        def chunks(content):
            return [cache.add_chunk(key.id_hash(content), content, archive.stats)]
        def add(path, mode, **more):
            archive.add_item(Item(path=path, mode=mode, uid=0, gid=0, mtime=0, user='root', group='root', **more))
        words = chunks(b'from the archive\n')
        add('source', stat.S_IFDIR | 0o755)
        add('source/plain', stat.S_IFREG | 0o644, chunks=words, size=17)
        if kind == 'link':
            add('source/way-out', stat.S_IFLNK | 0o777, source=outside)
            add('source/way-out/evil', stat.S_IFREG | 0o644, chunks=words, size=17)
        if kind == 'hard-link':
            add('source/way-out', stat.S_IFLNK | 0o777, source=outside)
            add('source/mine', stat.S_IFREG | 0o644, source='source/way-out/treasure')
        if kind == 'up':
            add('../../../../../../evil', stat.S_IFREG | 0o644, chunks=words, size=17)
        if kind == 'device':
            add('source/disk', stat.S_IFBLK | 0o666, rdev=os.makedev(8, 0))
        if kind == 'bomb':
            # A mebibyte that is stored once, named a thousand times in one file.
            add('source/large', stat.S_IFREG | 0o644, chunks=chunks(bytes(1 << 20)) * 1024, size=1024 << 20)
        archive.save()
)";

class Hostile : public Job, public testing::WithParamInterface<const char*> {
  protected:
    SystemClock now_;
    std::filesystem::path outside_ = folder_.path() / "outside";
    void SetUp() override {
        Job::SetUp();
        house_.clock = &now_;
        plan_.run_by = RunBy::watched;
        put(outside_ / "treasure", "ours\n");
        put(folder_.path() / "forge.py", forge);
        const auto ran =
            test::run_command("BORG_BASE_DIR='" + (folder_.path() / "somebody").string() +
                              "' BORG_PASSPHRASE=correct /usr/bin/python3 '" + (folder_.path() / "forge.py").string() +
                              "' '" + place_.string() + "' forged '" + outside_.string() + "' " + GetParam() + " 2>&1");
        ASSERT_EQ(ran.status, 0) << ran.output;
    }
    std::string everything_outside() {
        return test::run_command("ls -lR --time-style=full-iso '" + outside_.string() + "'; cat '" +
                                 (outside_ / "treasure").string() + "'; ls -d /evil 2>&1")
            .output;
    }
};

TEST_P(Hostile, TouchesNothingOutsideAndIsFoundOut) {
    {
        auto room = JobRoom::enter(house_);
        ASSERT_EQ(watch_repository(*room, house_, plan_)->found, 1);
    }
    const auto before = everything_outside();
    const auto tried = drill();
    EXPECT_EQ(everything_outside(), before) << tried.details;
    EXPECT_NE(tried.outcome, "pass") << tried.details;
    for (const auto& item : std::filesystem::recursive_directory_iterator(data_)) {
        struct stat info{};
        ASSERT_EQ(::lstat(item.path().c_str(), &info), 0);
        EXPECT_FALSE(S_ISBLK(info.st_mode) || S_ISCHR(info.st_mode)) << item.path();
    }
    // The room is clear, and the next job works.
    plan_.run_by = RunBy::tilsyn;
    expect_made(back_up());
}

INSTANTIATE_TEST_SUITE_P(Kinds, Hostile, testing::Values("link", "hard-link", "up", "device", "bomb"),
                         [](const auto& info) {
                             std::string name = info.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace tilsyn::backup
