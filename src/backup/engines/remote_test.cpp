// Repositories on other machines: a real SSH server and a real REST server on loopback, started here, cut off here.
#include <gmock/gmock.h>
#include <pwd.h>

#include <atomic>
#include <random>
#include <thread>

#include "backup/engines/canary.hpp"
#include "backup/engines/engine.hpp"
#include "backup/manifest/made_tree.hpp"
#include "base/file.hpp"
#include "net/process.hpp"
#include "support/command.hpp"

namespace tilsyn::backup {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Watch watch() {
    return {Deadline::in(120s)};
}

// A program that serves until it is told to stop, and that dies with the test.
class Serving {
  public:
    Serving(std::vector<std::string> arguments, std::uint16_t port)
        : thread_([this, arguments = std::move(arguments)] {
              const auto ended = net::run_process(
                  {.arguments = arguments, .grace = 200ms, .stopping = [this] { return stopping_.load(); }},
                  Deadline::in(300s));
              said_ = ended ? ended->error.text : render(ended.error(), Lang::en);
              over_ = true;
          }) {
        for (const auto limit = Deadline::in(20s); !limit.passed() && !over_;)
            if (test::run_command("bash -c ': </dev/tcp/127.0.0.1/" + std::to_string(port) + "' 2>/dev/null").status ==
                0)
                return;
        ADD_FAILURE() << "nobody answers: " << (over_ ? said_ : "");
    }
    ~Serving() {
        stopping_ = true;
        thread_.join();
    }
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

  private:
    std::atomic<bool> stopping_ = false, over_ = false;
    std::string said_;
    std::thread thread_;
};

// A port that nobody has just now.
std::uint16_t free_port() {
    const auto port =
        test::run_command(
            "python3 -c 'import socket; s = socket.socket(); s.bind((\"127.0.0.1\", 0)); print(s.getsockname()[1])'")
            .output;
    return std::uint16_t(std::stoi(port));
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
INSTANTIATE_TEST_SUITE_P(Engines, BehindSsh, testing::Values("restic", "borg"),
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

}  // namespace
}  // namespace tilsyn::backup
