// Every engine, against the real program: what goes in comes out, and what is wrong is called by its name.
#include <gmock/gmock.h>
#include <pwd.h>
#include <string.h>
#include <sys/wait.h>

#include <fstream>
#include <random>

#include "backup/engines/streaming.hpp"
#include "backup/manifest/made_tree.hpp"
#include "base/file.hpp"
#include "base/random.hpp"
#include "support/command.hpp"

namespace tilsyn::backup {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Watch watch() {
    return {Deadline::in(120s)};
}

class EngineSuite : public testing::TestWithParam<const char*> {
  protected:
    test::TemporaryFolder folder;
    std::filesystem::path source = folder.path() / "source", target = folder.path() / "target",
                          place = folder.path() / "repository", store = folder.path() / "manifests";
    std::unique_ptr<Engine> engine;

    std::filesystem::path longest_name = source / "names" / std::string(255, 'n');
    static bool is(std::string_view name) { return name == GetParam(); }

    RepositoryAccess access() {
        std::filesystem::create_directories(folder.path() / "work");
        return {.id = "r",
                .engine = GetParam(),
                .location = place.string(),
                .work = folder.path() / "work",
                .password = "correct"};
    }
    std::unique_ptr<Engine> open(RepositoryAccess with) {
        auto opened = open_engine(std::move(with));
        EXPECT_TRUE(opened) << render(opened.error(), Lang::en);
        return std::move(*opened);
    }
    void SetUp() override {
        make_tree(source);
        if (is("rclone")) std::filesystem::remove(longest_name);  // a test of its own
        engine = open(access());
        // restic takes seconds to find out how slow this machine is: once for all.
        static const test::TemporaryFolder made_once;
        const auto ready = made_once.path() / "restic";
        const bool copies = is("restic");
        if (!copies || !std::filesystem::exists(ready)) {
            const auto made = engine->create(watch());
            ASSERT_TRUE(made) << render(made.error(), Lang::en);
        }
        if (copies)
            std::filesystem::copy(std::filesystem::exists(ready) ? ready : place,
                                  std::filesystem::exists(ready) ? place : ready,
                                  std::filesystem::copy_options::recursive);
    }
    StoreRequest request(const std::string& run = "run1") {
        return {.run = run, .data_set = "books", .host = "here", .roots = roots_of(source)};
    }
    Stored stored(const StoreRequest& what) {
        const auto done = engine->store(what, watch());
        EXPECT_TRUE(done) << render(done.error(), Lang::en);
        return done.value_or(Stored{});
    }
    // Restores into an empty folder and compares with a manifest.
    Comparison restored(const std::string& set, const std::string& digest, std::vector<std::string> only = {},
                        std::function<bool(const Entry&)> chosen = {}) {
        std::filesystem::remove_all(target);
        std::filesystem::create_directories(target);
        const auto done = engine->restore({.set = set, .target = target, .only = std::move(only)}, watch());
        EXPECT_TRUE(done) << render(done.error(), Lang::en);
        EXPECT_TRUE(done && done->confined);
        auto manifest = ManifestReader::open(store, digest);
        auto roots = roots_of(source);
        roots.base = target;
        auto tolerance = engine->tolerance();
        tolerance.owners = ::geteuid() == 0;
        auto compared = compare_restored({.manifest = &*manifest,
                                          .restored = {.roots = roots},
                                          .tolerance = tolerance,
                                          .chosen = std::move(chosen)});
        EXPECT_TRUE(compared) << render(compared.error(), Lang::en);
        return compared.value_or(Comparison{});
    }
    static std::vector<std::string> differences(const Comparison& compared) {
        std::vector<std::string> out;
        for (const auto& found : compared.found)
            if (found.difference != Difference::sparse)  // told, no fault
                out.push_back(std::string(to_string(found.difference)) + " " +
                              std::filesystem::path(found.path).filename().string());
        return out;
    }
    template <class T>
    static Code code_of(const Result<T>& result) {
        return result ? Code::internal : result.error().code;
    }
    // Enough that a backup takes a while.
    void put_noise() {
        std::mt19937_64 random(1);
        std::string noise(192 << 20, '\0');
        for (std::size_t i = 0; i < noise.size(); i += 8) {
            const auto bits = random();
            ::memcpy(noise.data() + i, &bits, 8);
        }
        put(source / "large", noise);
    }
    // The largest file that the repository keeps data in.
    std::filesystem::path data_file() {
        std::filesystem::path largest;
        const auto data = std::filesystem::exists(place / "data") ? place / "data" : place;
        for (const auto& file : std::filesystem::recursive_directory_iterator(data))
            if (file.is_regular_file() && (largest.empty() || file.file_size() > std::filesystem::file_size(largest)))
                largest = file.path();
        return largest;
    }
};

TEST_P(EngineSuite, WhatGoesInComesOut) {
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto set = stored(request());
    EXPECT_EQ(set.set.size(), 64u);
    EXPECT_EQ(set.unread_count, 0u);
    EXPECT_GT(set.bytes, 100'000u);
    const auto compared = restored(set.set, digest);
    EXPECT_THAT(differences(compared), IsEmpty());
    EXPECT_EQ(compared.entries, entries_of(store, digest).size());
    const auto sets = engine->sets(watch());
    ASSERT_THAT(*sets, SizeIs(1));
    EXPECT_EQ(sets->front().id, set.set);
    EXPECT_THAT(sets->front().tags, Contains("data-set:books"));
    EXPECT_LT(std::chrono::abs(sets->front().made - SystemClock().now()), 1min);
    EXPECT_TRUE(engine->check(1, 1, watch()));
    EXPECT_THAT(*engine->version(), testing::StartsWith(GetParam()));
}

TEST_P(EngineSuite, APartIsRestoredByName) {
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto set = stored(request());
    std::vector<std::string> only;
    for (const auto& entry : entries_of(store, digest))
        if (entry.type == Type::file && entry.path.find("/names/") != std::string::npos) only.push_back(entry.path);
    ASSERT_EQ(only.size(), is("rclone") ? 5u : 6u);
    const auto compared = restored(
        set.set, digest, only, [&](const Entry& entry) { return std::ranges::find(only, entry.path) != only.end(); });
    EXPECT_EQ(compared.files, only.size());
    EXPECT_THAT(differences(compared), IsEmpty());
    EXPECT_FALSE(std::filesystem::exists(target / source.relative_path() / "plain.txt"));
}

TEST_P(EngineSuite, AFolderIsRestoredWithAllThatIsInIt) {
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto set = stored(request());
    const auto root = roots_of(source).paths[0];
    const std::vector<std::string> only{root + "/folder", root + "/link-broken", root + "/names"};
    const auto compared = restored(set.set, digest, only, [&](const Entry& entry) {
        return std::ranges::any_of(only, [&](const auto& path) { return is_within(entry.path, path); });
    });
    EXPECT_GT(compared.entries, 12u);
    EXPECT_THAT(differences(compared), IsEmpty());
    for (const auto* other : {"plain.txt", "folder-a", "folder.a"})
        EXPECT_FALSE(std::filesystem::exists(target / source.relative_path() / other)) << other;
}

TEST_P(EngineSuite, LeavesOutWhatTheWalkLeavesOut) {
    auto what = request();
    what.exclusions = {.paths = {what.roots.paths[0] + "/names/back\\slash[*?]=", what.roots.paths[0] + "/folder"},
                       .names = {"*.txt", "late"}};
    const auto digest = manifest_of(store, {.roots = roots_of(source), .exclusions = what.exclusions});
    const auto compared = restored(stored(what).set, digest);
    EXPECT_THAT(differences(compared), IsEmpty());
    EXPECT_LT(compared.entries, 33u);
}

TEST_P(EngineSuite, ForgetsWhatItIsToldAndNothingElse) {
    const auto first = stored(request("run1"));
    put(source / "more", "m");
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto second = stored(request("run2"));
    ASSERT_TRUE(engine->forget({first.set}, watch()));
    EXPECT_THAT(*engine->sets(watch()), ElementsAre(testing::Field(&EngineSet::id, second.set)));
    EXPECT_THAT(differences(restored(second.set, digest)), IsEmpty());
    EXPECT_EQ(code_of(engine->restore({.set = first.set, .target = target}, watch())), Code::not_found);
    EXPECT_TRUE(engine->check(1, 1, watch()));
}

TEST_P(EngineSuite, TellsProgress) {
    put_noise();
    auto watching = watch();
    std::uint64_t bytes = 0;
    watching.progress = [&](const EngineProgress& progress) { bytes = std::max(bytes, progress.bytes); };
    ASSERT_TRUE(engine->store(request(), watching));
    EXPECT_GT(bytes, 0u);
}

// --- what is wrong, by its name ---

TEST_P(EngineSuite, AWrongPassword) {
    auto other = access();
    other.password = "wrong";
    EXPECT_EQ(code_of(open(other)->sets(watch())), Code::unauthorized);
    EXPECT_EQ(code_of(open(other)->store(request(), watch())), Code::unauthorized);
}
TEST_P(EngineSuite, NoRepositoryThere) {
    auto other = access();
    other.location = (folder.path() / "elsewhere").string();
    EXPECT_EQ(code_of(open(other)->sets(watch())), Code::not_found);
    EXPECT_EQ(code_of(open(other)->store(request(), watch())), Code::not_found);
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "elsewhere"));
}
TEST_P(EngineSuite, AProgramThatIsNotThere) {
    EXPECT_EQ(code_of(open_engine({.id = "r", .engine = "kopia", .location = "/x"})), Code::invalid);
    for (const char* location : {"", "-r", "relative", "--repo=x"})
        EXPECT_EQ(code_of(open_engine({.id = "r", .engine = GetParam(), .location = location})), Code::invalid)
            << location;
}
TEST_P(EngineSuite, ASourcePathThatIsNotThere) {
    auto what = request();
    what.roots = *make_roots({(source / "names").string(), (source / "missing").string()});
    const auto done = engine->store(what, watch());
    ASSERT_TRUE(done) << render(done.error(), Lang::en);
    EXPECT_GE(done->unread_count, 1u);
}
TEST_P(EngineSuite, ANameThatIsTooLongOnceItIsSealed) {
    put(longest_name, "n");
    const auto set = stored(request());
    if (!is("rclone")) {  // they keep names within
        EXPECT_EQ(set.unread_count, 0u);
        return;
    }
    EXPECT_EQ(set.unread_count, 1u);
    EXPECT_THAT(set.unread, ElementsAre(testing::HasSubstr("nnnn")));
    // Without a password names are as they are.
    auto plain = access();
    plain.password.clear();
    plain.location = (folder.path() / "plain").string();
    engine = open(plain);
    ASSERT_TRUE(engine->create(watch()));
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    EXPECT_THAT(differences(restored(stored(request()).set, digest)), IsEmpty());
    EXPECT_EQ(*read_file(folder.path() / "plain/sets/run1" / (source / "plain.txt").relative_path()),
              *read_file(source / "plain.txt"));
}
TEST_P(EngineSuite, AFolderThatCannotBeRead) {
    std::filesystem::permissions(source / "folder/inner", std::filesystem::perms(0));
    const auto told = [&] {
        const auto done = engine->store(request(), watch());
        return done && done->unread_count >= 1;
    };
    if (::geteuid() == 0) {  // root reads all: somebody else must try
        ASSERT_EQ(test::run_command("chown -hR nobody '" + folder.path().string() + "'").status, 0);
        const pid_t child = ::fork();
        if (child == 0) ::_exit(::setuid(::getpwnam("nobody")->pw_uid) == 0 && told() ? 0 : 1);
        int status = -1;
        ::waitpid(child, &status, 0);
        EXPECT_EQ(status, 0);
    } else {
        EXPECT_TRUE(told());
    }
    std::filesystem::permissions(source / "folder/inner", std::filesystem::perms(0700));
}
TEST_P(EngineSuite, ABitThatFlipped) {
    const auto set = stored(request());
    const auto file = data_file();
    auto content = *read_file(file, 128 << 20);
    content[content.size() / 3] = char(content[content.size() / 3] ^ 4);
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    put(file, content);
    EXPECT_EQ(code_of(engine->check(1, 1, watch())), Code::corrupt);
}
TEST_P(EngineSuite, APackThatIsGone) {
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto set = stored(request());
    std::filesystem::remove(data_file());
    EXPECT_EQ(code_of(engine->check(1, 1, watch())), Code::corrupt);
    std::filesystem::create_directories(target);
    if (is("rclone"))  // it keeps no list of what there should be: ours finds it
        EXPECT_THAT(differences(restored(set.set, digest)), Contains(testing::StartsWith("missing ")));
    else
        EXPECT_FALSE(engine->restore({.set = set.set, .target = target}, watch()));
}
TEST_P(EngineSuite, ALargerFileThanThereWas) {
    const auto set = stored(request());
    std::filesystem::create_directories(target);
    EXPECT_FALSE(engine->restore({.set = set.set, .target = target, .largest_file = 1 << 20}, watch()));
}
TEST_P(EngineSuite, StoppedInTheMiddleTheNextOneGoesOn) {
    put_noise();
    auto watching = watch();
    bool begun = false;
    watching.progress = [&](const EngineProgress& progress) { begun = begun || progress.bytes > 0; };
    watching.stopping = [&] { return begun; };
    EXPECT_EQ(code_of(engine->store(request(), watching)), Code::cancelled);
    EXPECT_THAT(*engine->sets(watch()), IsEmpty());
    ASSERT_TRUE(engine->unlock(watch()));
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    EXPECT_THAT(differences(restored(stored(request("run2")).set, digest)), IsEmpty());
    EXPECT_TRUE(engine->check(1, 1, watch()));
}
TEST_P(EngineSuite, KilledTheNextOneGoesOn) {
    put_noise();
    auto watching = watch();
    bool killed = false;
    const auto run = random_id();
    watching.progress = [&](const EngineProgress& progress) {
        if (progress.bytes > 0 && !killed)
            killed =
                test::run_command("pkill -KILL -f 'run:[" + run.substr(0, 1) + "]" + run.substr(1) + "'").status == 0;
    };
    EXPECT_EQ(code_of(engine->store(request(run), watching)), Code::unavailable);
    EXPECT_TRUE(killed);
    const auto stale = engine->unlock(watch());
    ASSERT_TRUE(stale) << render(stale.error(), Lang::en);
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    EXPECT_THAT(differences(restored(stored(request("run2")).set, digest)), IsEmpty());
    EXPECT_TRUE(engine->check(1, 1, watch()));
}
TEST_P(EngineSuite, ComesOutAsAStreamToo) {
    const auto digest = manifest_of(store, {.roots = roots_of(source)});
    const auto sorting = folder.path() / "sorting";
    std::filesystem::create_directories(sorting);
    StreamedSet what{.set = stored(request()).set,
                     .manifests = store,
                     .scratch = sorting,
                     .manifest = digest,
                     .roots = roots_of(source).paths,
                     .tolerance = engine->stream_tolerance()};
    const auto streamed = compare_streamed(*engine, what, watch());
    if (GetParam() == std::string("rclone")) {
        EXPECT_EQ(code_of(streamed), Code::unsupported);
        return;
    }
    ASSERT_TRUE(streamed) << render(streamed.error(), Lang::en);
    EXPECT_THAT(differences(streamed.value()), IsEmpty());
    EXPECT_GT(streamed->files, 10u);
    what.most = 1000;
    EXPECT_EQ(code_of(compare_streamed(*engine, what, watch())), Code::corrupt);
    what.most = UINT64_MAX;
    what.set = std::string(64, 'a');
    EXPECT_EQ(code_of(compare_streamed(*engine, what, watch())), Code::not_found);
    what.set = engine->sets(watch())->front().id;
    const auto damaged = data_file();
    auto bytes = read_file(damaged, 1u << 30).value();
    bytes[bytes.size() / 2] = char(bytes[bytes.size() / 2] ^ 1);
    std::filesystem::permissions(damaged, std::filesystem::perms(0600));
    ASSERT_TRUE(write_file(damaged, bytes));
    const auto after = compare_streamed(*engine, what, watch());
    if (after)  // restic 0.14 ends with 0 all the same
        EXPECT_GT(after->lost(), 0u);
    else
        EXPECT_EQ(after.error().code, Code::corrupt);
}
TEST_P(EngineSuite, ATooShortTime) {
    EXPECT_EQ(code_of(engine->store(request(), {Deadline::in(1ms)})), Code::timeout);
}
TEST_P(EngineSuite, NeitherPasswordNorPlaceIsSeenByOthers) {
    auto watching = watch();
    put_noise();
    std::string seen;
    watching.progress = [&](const EngineProgress&) {
        if (seen.empty())
            seen = test::run_command("for p in $(pgrep -x " + std::string(GetParam()) +
                                     "); do cat /proc/$p/cmdline /proc/$p/environ; done | tr '\\0' '\\n'")
                       .output;
    };
    ASSERT_TRUE(engine->store(request(), watching));
    EXPECT_THAT(seen, testing::HasSubstr("run:run1"));
    EXPECT_THAT(seen, testing::Not(testing::HasSubstr("correct")));
}

INSTANTIATE_TEST_SUITE_P(All, EngineSuite, testing::Values("restic", "borg", "rclone"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace tilsyn::backup
