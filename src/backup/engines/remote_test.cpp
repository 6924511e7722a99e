// Repositories on other machines: a real SSH server and a real REST server on loopback, started here, cut off here.
#include <gmock/gmock.h>
#include <pwd.h>

#include <random>

#include "backup/engines/canary.hpp"
#include "backup/engines/engine.hpp"
#include "backup/manifest/made_tree.hpp"
#include "base/file.hpp"
#include "support/s3.hpp"
#include "support/serving.hpp"

namespace tilsyn::backup {
namespace {

using namespace std::chrono_literals;
using test::free_port;
using test::Serving;
using testing::HasSubstr;

Watch watch() {
    return {Deadline::in(120s)};
}

class Remote : public testing::Test {
  protected:
    test::TemporaryFolder folder;
    std::filesystem::path source = folder.path() / "source", place = folder.path() / "repository",
                          store = folder.path() / "manifests";
    std::uint16_t port = free_port();
    std::optional<Serving> server;
    RepositoryAccess access;

    void SetUp() override {
        make_tree(source);
        std::filesystem::create_directories(folder.path() / "work");
        access = {.id = "far", .engine = {}, .location = {}, .work = folder.path() / "work", .password = "correct"};
    }
    StoreRequest request(const std::string& run) const {
        return {.run = run, .data_set = "books", .host = "here", .roots = roots_of(source)};
    }
    std::unique_ptr<Engine> open() {
        auto opened = open_engine(access);
        EXPECT_TRUE(opened) << render(opened.error(), Lang::en);
        return std::move(*opened);
    }
    void there_and_back() {
        const auto engine = open();
        if (access.engine == "rclone") std::filesystem::remove(source / "names" / std::string(255, 'n'));
        const auto made = engine->create(watch());
        ASSERT_TRUE(made) << render(made.error(), Lang::en);
        const auto digest = manifest_of(store, {.roots = roots_of(source)});
        const auto stored = engine->store(request("run1"), watch());
        ASSERT_TRUE(stored) << render(stored.error(), Lang::en);
        const auto target = folder.path() / "target";
        std::filesystem::create_directories(target);
        const auto restored = engine->restore({.set = stored->set, .target = target}, watch());
        ASSERT_TRUE(restored) << render(restored.error(), Lang::en);
        auto manifest = ManifestReader::open(store, digest);
        auto roots = roots_of(source);
        roots.base = target;
        auto tolerance = engine->tolerance();
        tolerance.owners = ::geteuid() == 0;
        const auto compared =
            compare_restored({.manifest = &*manifest, .restored = {.roots = roots}, .tolerance = tolerance});
        ASSERT_TRUE(compared);
        EXPECT_EQ(compared->faults(), 0u);
        for (const auto& found : compared->found)
            if (found.difference != Difference::sparse)
                ADD_FAILURE() << to_string(found.difference) << " " << escape_path(found.path) << " " << found.said;
        EXPECT_TRUE(engine->check(1, 1, watch()));
    }
    template <class T>
    static Code code_of(const Result<T>& result) {
        return result ? Code::internal : result.error().code;
    }
};

class BehindSsh : public Remote, public testing::WithParamInterface<const char*> {
  protected:
    void SetUp() override {
        Remote::SetUp();
        const auto path = folder.path();
        for (const auto* name : {"host_key", "client_key", "other_key"})
            ASSERT_EQ(test::run_command("ssh-keygen -q -t ed25519 -N '' -f '" + (path / name).string() + "'").status,
                      0);
        std::filesystem::copy_file(path / "client_key.pub", path / "authorized");
        const auto host_key = *read_file(path / "host_key.pub");
        put(path / "known_hosts", "[127.0.0.1]:" + std::to_string(port) + " " + host_key);
        const auto other = *read_file(path / "other_key.pub");
        put(path / "wrong_hosts", "[127.0.0.1]:" + std::to_string(port) + " " + other);
        put(path / "sshd_config", "ListenAddress 127.0.0.1\nPort " + std::to_string(port) + "\nHostKey " +
                                      (path / "host_key").string() + "\nAuthorizedKeysFile " +
                                      (path / "authorized").string() +
                                      "\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication "
                                      "no\nPermitRootLogin yes\nSubsystem sftp internal-sftp\n");
        if (::geteuid() == 0) std::filesystem::create_directories("/run/sshd");
        serve();
        const std::string user = ::getpwuid(::geteuid())->pw_name,
                          host = user + "@127.0.0.1:" + std::to_string(port) + "/";
        access.engine = GetParam();
        access.location =
            (access.engine == "borg" ? "ssh://" + host : "sftp://" + host + "/") + place.relative_path().string();
        access.ssh_key = path / "client_key";
        access.known_hosts = path / "known_hosts";
    }
    void serve() {
        server.emplace(
            std::vector<std::string>{"/usr/sbin/sshd", "-D", "-e", "-f", (folder.path() / "sshd_config").string()},
            port);
    }
};

TEST_P(BehindSsh, ThereAndBack) {
    there_and_back();
}
TEST_P(BehindSsh, AHostThatIsNotTheOneWeKnow) {
    access.known_hosts = folder.path() / "wrong_hosts";
    EXPECT_FALSE(open()->create(watch()));
    EXPECT_FALSE(std::filesystem::exists(place));
}
TEST_P(BehindSsh, AKeyThatIsNotLetIn) {
    access.ssh_key = folder.path() / "other_key";
    const auto made = open()->create(watch());
    ASSERT_FALSE(made);
    EXPECT_NE(made.error().code, Code::not_found);
}
TEST_P(BehindSsh, CutOffInTheMiddleItSaysSoAndGoesOnTheNextTime) {
    const auto engine = open();
    ASSERT_TRUE(engine->create(watch()));
    if (access.engine == "rclone") std::filesystem::remove(source / "names" / std::string(255, 'n'));
    std::mt19937_64 random(1);
    std::string noise(96 << 20, '\0');
    for (std::size_t i = 0; i < noise.size(); i += 8) {
        const auto bits = random();
        ::memcpy(noise.data() + i, &bits, 8);
    }
    put(source / "large", noise);
    auto cutting = watch();
    bool cut = false;
    cutting.progress = [&](const EngineProgress& progress) {
        if (progress.bytes == 0 || cut) return;
        cut = true;
        // The connections first: they outlive the server.
        const auto config = (folder.path() / "sshd_confi[g]").string();
        EXPECT_EQ(test::run_command("pkill -KILL -P $(pgrep -of '" + config + "')").status, 0);
        server.reset();
    };
    const auto broken = engine->store(request("run1"), cutting);
    EXPECT_TRUE(cut);
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().code, Code::corrupt) << render(broken.error(), Lang::en);
    serve();
    ASSERT_TRUE(engine->unlock(watch()));
    const auto stored = engine->store(request("run2"), watch());
    ASSERT_TRUE(stored) << render(stored.error(), Lang::en);
    EXPECT_EQ(engine->sets(watch())->size(), 1u);
    EXPECT_TRUE(engine->check(1, 1, watch()));
}
INSTANTIATE_TEST_SUITE_P(Engines, BehindSsh, testing::Values("restic", "borg", "rclone"),
                         [](const auto& info) { return std::string(info.param); });

class BehindRest : public Remote {
  protected:
    void SetUp() override {
        Remote::SetUp();
        serve({});
        access.engine = "restic";
        access.location = "rest:http://127.0.0.1:" + std::to_string(port) + "/";
        access.credentials = {{"user", "tilsyn"}, {"user_password", "p@ss:w/rd"}};
    }
    void serve(std::vector<std::string> more) {
        std::vector<std::string> arguments{
            "rclone", "serve",  "restic", place.string(), "--addr",   "127.0.0.1:" + std::to_string(port),
            "--user", "tilsyn", "--pass", "p@ss:w/rd",    "--config", "/dev/null"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        std::filesystem::create_directories(place);
        server.emplace(std::move(arguments), port);
    }
};

TEST_F(BehindRest, ThereAndBack) {
    there_and_back();
}
TEST_F(BehindRest, AServerThatOnlyTakesKeepsWhatItHas) {
    const auto engine = open();
    ASSERT_TRUE(engine->create(watch()));
    const auto first = engine->store(request("run1"), watch());
    ASSERT_TRUE(first);
    server.reset();
    serve({"--append-only"});
    EXPECT_TRUE(engine->store(request("run2"), watch()));
    EXPECT_FALSE(engine->forget({first->set}, {Deadline::in(5s)}));  // restic tries again and again
    EXPECT_EQ(engine->sets(watch())->size(), 2u);
}
TEST_F(BehindRest, WhetherSetsCanBeRemovedIsTriedWithOneOfOurOwn) {
    const auto engine = open();
    ASSERT_TRUE(engine->create(watch()));
    ASSERT_TRUE(engine->store(request("run1"), watch()));
    EXPECT_EQ(try_removal(*engine, access.work, watch()).value(), Removal::allowed);
    EXPECT_EQ(engine->sets(watch())->size(), 1u);  // all that went was the one it was tried with
    server.reset();
    serve({"--append-only"});
    for (int again = 0; again < 2; ++again) {
        EXPECT_EQ(try_removal(*engine, access.work, watch(), 4s).value(), Removal::refused);
        EXPECT_EQ(engine->sets(watch())->size(), 2u);  // that one stays, and is used again
    }
}
TEST_F(BehindRest, NobodyAnswers) {
    server.reset();
    const auto made = open()->sets({Deadline::in(20s)});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, Code::unavailable)
        << "taken for a repository that is not there, it would be made anew";
}

// OpenStack's object store with its S3 gate: it checks every signature.
class BehindS3 : public Remote, public testing::WithParamInterface<const char*> {
  protected:
    static test::S3Server& s3() {
        static test::S3Server started;
        return started;
    }
    void SetUp() override {
        Remote::SetUp();
        static int buckets = 0;
        access.engine = GetParam();
        access.location = s3().location("tilsyn-" + std::to_string(++buckets));
        access.credentials = {{"access_key", s3().access_key()}, {"secret_key", s3().secret_key()}};
        access.ca = s3().certificate();
    }
    template <class T>
    void expect_no_repository_is_made_of(const Result<T>& result) {
        ASSERT_FALSE(result);
        EXPECT_NE(result.error().code, Code::not_found) << render(result.error(), Lang::en);
    }
};

TEST_P(BehindS3, ThereAndBack) {
    there_and_back();
    const auto engine = open();
    const auto sets = engine->sets(watch());
    ASSERT_EQ(sets->size(), 1u);
    ASSERT_TRUE(engine->store(request("run2"), watch()));
    ASSERT_TRUE(engine->forget({sets->front().id}, watch()));
    EXPECT_EQ(engine->sets(watch())->size(), 1u);
    EXPECT_TRUE(engine->check(1, 2, watch()));
}
TEST_P(BehindS3, WhatIsNotThereIsNotThere) {
    const auto sets = open()->sets(watch());
    ASSERT_FALSE(sets);
    EXPECT_EQ(sets.error().code, Code::not_found) << render(sets.error(), Lang::en);
}
TEST_P(BehindS3, AKeyThatIsNotTheRightOneIsNoEmptyPlace) {
    ASSERT_TRUE(open()->create(watch()));
    access.credentials["secret_key"] = "wrong";
    expect_no_repository_is_made_of(open()->sets({Deadline::in(30s)}));
    access.credentials = {{"access_key", "nobody"}, {"secret_key", s3().secret_key()}};
    expect_no_repository_is_made_of(open()->sets({Deadline::in(30s)}));
}
TEST_P(BehindS3, ACertificateThatNobodyVouchesFor) {
    ASSERT_TRUE(open()->create(watch()));
    access.ca.clear();
    expect_no_repository_is_made_of(open()->sets({Deadline::in(10s)}));
}
TEST_P(BehindS3, CutOffInTheMiddleItSaysSoAndGoesOnTheNextTime) {
    const auto engine = open();
    ASSERT_TRUE(engine->create(watch()));
    std::mt19937_64 random(1);
    std::string noise(64 << 20, '\0');
    for (std::size_t i = 0; i < noise.size(); i += 8) {
        const auto bits = random();
        ::memcpy(noise.data() + i, &bits, 8);
    }
    put(source / "large", noise);
    Watch cutting{Deadline::in(8s)};  // restic would try again for a quarter of an hour
    bool cut = false;
    cutting.progress = [&](const EngineProgress& progress) {
        if (progress.bytes == 0 || cut) return;
        cut = true;
        s3().stop_front();
    };
    const auto broken = engine->store(request("run1"), cutting);
    EXPECT_TRUE(cut);
    ASSERT_FALSE(broken);
    EXPECT_NE(broken.error().code, Code::corrupt) << render(broken.error(), Lang::en);
    expect_no_repository_is_made_of(engine->sets({Deadline::in(4s)}));
    s3().start_front();
    ASSERT_TRUE(engine->unlock(watch()));
    const auto stored = engine->store(request("run2"), watch());
    ASSERT_TRUE(stored) << render(stored.error(), Lang::en);
    EXPECT_EQ(engine->sets(watch())->size(), 1u);
    EXPECT_TRUE(engine->check(1, 1, watch()));
}
INSTANTIATE_TEST_SUITE_P(Engines, BehindS3, testing::Values("restic", "rclone"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace tilsyn::backup
