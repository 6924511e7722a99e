// A backup whose program is killed, and one whose disk is full: told, cleared away, and the next one works.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <random>

#include "app/backups.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "faults/service.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Unmount {
    std::filesystem::path path;
    ~Unmount() { ::umount2(path.c_str(), MNT_DETACH); }
};

class BackupFaults : public testing::Test {
  protected:
    test::TemporaryFolder folder_;
    std::filesystem::path data_ = folder_.path() / "data", source_ = folder_.path() / "source",
                          place_ = folder_.path() / "repository";
    std::string id_ = "d" + random_id();  // of the data set: in the arguments of the engine, and nowhere else
    SystemClock clock_;

    void SetUp() override {
        std::filesystem::create_directories(source_);
        std::mt19937_64 random(1);
        std::string noise(192 << 20, '\0');
        for (std::size_t i = 0; i < noise.size(); i += 8) {
            const auto bits = random();
            ::memcpy(noise.data() + i, &bits, 8);
        }
        std::ofstream(source_ / "large", std::ios::binary) << noise;
        std::ofstream(source_ / "small") << "small\n";
        test::make_data_folder(data_, "", R"(schema = 1
id = "t"
title = { da = "Prøve", en = "Test" }
company = "Test"
)");
        std::filesystem::create_directories(data_ / "secrets");
        ASSERT_TRUE(write_file(data_ / "secrets" / "shelf.toml", "password = \"correct\"\n", 0600));
        const auto app = open();
        const auto registers = app->registers();
        ASSERT_TRUE(registers->add(
            "data-sets", id_,
            {{"name", "Large"}, {"status", "in_use"}, {"source", "files"}, {"paths", source_.string()}}, "test"));
        ASSERT_TRUE(registers->add(
            "backup-repositories", "shelf",
            {{"name", "Shelf"}, {"status", "in_use"}, {"engine", "restic"}, {"location", place_.string()}}, "test"));
        ASSERT_TRUE(registers->add(
            "backup-plans", "nightly",
            {{"data_set", id_}, {"repository", "shelf"}, {"run_by", "tilsyn"}, {"status", "in_use"}}, "test"));
    }
    std::unique_ptr<app::App> open() { return app::App::open({data_, ""}, clock_).value(); }
    test::Ran run() {
        return test::run_command(TILSYN_PROGRAM " backup run nightly --data '" + data_.string() + "' 2>&1");
    }
    Result<backup::Drill> drill_on_a_disk_of(const char* size) {
        const auto scratch = data_ / "backup" / "scratch";
        EXPECT_EQ(::mount("tmpfs", scratch.c_str(), "tmpfs", 0, size), 0);
        const Unmount unmount{scratch};
        const auto app = open();
        auto tried = app::run_drill(*app, backup::read_plan(*app->registers(), "nightly").value(), {}, {});
        EXPECT_TRUE(std::filesystem::is_empty(scratch));
        return tried;
    }
    bool engine_runs() {
        return test::run_command("pgrep -f 'data-set:[" + id_.substr(0, 1) + "]" + id_.substr(1) + "'").status == 0;
    }
    std::vector<backup::Set> sets() {
        const auto app = open();
        const auto reader = app->readers().get();
        return backup::sets_of(**reader, "nightly").value();
    }
};

TEST_F(BackupFaults, KilledInTheMiddleItTakesTheEngineAlongAndTheNextOneGoesOn) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        const auto data = "--data=" + data_.string();
        ::execl(TILSYN_PROGRAM, TILSYN_PROGRAM, "backup", "run", "nightly", data.c_str(), nullptr);
        ::_exit(127);
    }
    test::wait_until("the engine stores", 60s, [&] { return engine_runs(); });
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    test::wait_until("the engine is gone", 20s, [&] { return !engine_runs(); });

    const auto again = run();
    EXPECT_EQ(again.status, 0) << again.output;
    const auto all = sets();
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].state, backup::SetState::made);
    EXPECT_EQ(all[0].files, 2);
    EXPECT_EQ(all[1].state, backup::SetState::failed);
    EXPECT_THAT(backup::reasons(all[1].details, Lang::en), testing::ElementsAre(HasSubstr("cut off")));
    EXPECT_TRUE(std::filesystem::is_empty(data_ / "backup" / "staging"));
    EXPECT_TRUE(std::filesystem::is_empty(data_ / "backup" / "scratch"));
}

TEST_F(BackupFaults, AFullDiskUnderTheRepositoryIsToldAndHarmsNothing) {
    std::filesystem::create_directories(place_);
    ASSERT_EQ(::mount("tmpfs", place_.c_str(), "tmpfs", 0, "size=64m"), 0)
        << "this test mounts a small disk and must run as root (or in a user namespace: unshare -Urm)";
    const Unmount unmount{place_};
    const auto full = run();
    EXPECT_EQ(full.status, 1) << full.output;
    EXPECT_THAT(full.output, HasSubstr("There is no room left"));
    EXPECT_EQ(sets().front().state, backup::SetState::failed);
    EXPECT_EQ(std::filesystem::file_size(source_ / "large"), 192u << 20);
    ASSERT_EQ(::mount("tmpfs", place_.c_str(), "tmpfs", MS_REMOUNT, "size=512m"), 0);
    const auto again = run();
    EXPECT_EQ(again.status, 0) << again.output;
    EXPECT_EQ(sets().front().state, backup::SetState::made);
}

TEST_F(BackupFaults, ASetForWhichThereIsNoRoomIsComparedOnItsWayOut) {
    ASSERT_EQ(run().status, 0);
    const auto tried = drill_on_a_disk_of("size=32m");
    ASSERT_TRUE(tried) << render(tried.error(), Lang::en);
    EXPECT_EQ(tried->outcome, "pass") << tried->details;
    EXPECT_THAT(tried->details, HasSubstr("\"streamed\":true"));
    EXPECT_EQ(tried->files, 2);
    EXPECT_GT(tried->bytes, 192 << 20);
}

TEST_F(BackupFaults, ADatabaseInASetForWhichThereIsNoRoomIsTriedAllTheSame) {
    {
        const auto app = open();
        ASSERT_TRUE(app->registers()->set("data-sets", id_, {{"source", "tilsyn"}, {"paths", ""}}, "test"));
    }
    std::filesystem::create_directories(data_ / "hooks");
    std::filesystem::rename(source_ / "large", data_ / "hooks" / "large");
    const auto made = run();
    ASSERT_EQ(made.status, 0) << made.output;
    const auto tried = drill_on_a_disk_of("size=320m");
    ASSERT_TRUE(tried) << render(tried.error(), Lang::en);
    EXPECT_EQ(tried->outcome, "pass") << tried->details;
    EXPECT_THAT(tried->details, testing::AllOf(HasSubstr("\"streamed\":true"), HasSubstr("\"databases\":1")));
    EXPECT_GT(tried->bytes, 192 << 20);
}

TEST_F(BackupFaults, ADiskThatFillsUpDuringARestoreIsNoFaultOfTheBackup) {
    ASSERT_EQ(run().status, 0);
    const auto scratch = data_ / "backup" / "scratch";
    ASSERT_EQ(::mount("tmpfs", scratch.c_str(), "tmpfs", 0, "size=520m"), 0);
    const Unmount unmount{scratch};
    // Room for the set and some to spare; and then somebody else writes to the same disk.
    const auto filler = scratch / "somebody else's";
    bool filled = false;
    app::JobHooks hooks;
    hooks.stopping = [&] {
        std::error_code none;
        if (filled) return false;
        for (const auto& item : std::filesystem::recursive_directory_iterator(scratch, none))
            filled = filled || item.path().filename() == "restored";  // the engine has begun
        if (filled) {
            const int fd = ::open(filler.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
            for (off_t step = 64 << 20, at = 0; step >= 4096;)  // all that there is
                if (::posix_fallocate(fd, at, step) == 0)
                    at += step;
                else
                    step /= 2;
            ::close(fd);
        }
        return false;
    };
    const auto app = open();
    const auto plan = backup::read_plan(*app->registers(), "nightly").value();
    const auto tried = app::run_drill(*app, plan, {}, hooks);
    ASSERT_TRUE(tried) << render(tried.error(), Lang::en);
    EXPECT_TRUE(filled);
    EXPECT_EQ(tried->outcome, "unknown") << tried->details;
    EXPECT_THAT(tried->details, HasSubstr("no-room"));
    std::filesystem::remove(filler);
    EXPECT_TRUE(std::filesystem::is_empty(scratch));
    const auto again = app::run_drill(*app, plan, {}, {});
    ASSERT_TRUE(again) << render(again.error(), Lang::en);
    EXPECT_EQ(again->outcome, "pass") << again->details;
}

}  // namespace
}  // namespace tilsyn
