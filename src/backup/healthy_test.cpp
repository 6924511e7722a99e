// Sources as they are on servers that are well, from plan to restore: nothing may be said of any of them.
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "backup/job_fixture.hpp"

namespace tilsyn::backup {
namespace {

struct Healthy {
    const char* name;
    void (*before)(const std::filesystem::path& source);
    void (*during)(const std::filesystem::path& source) = nullptr;
};

void append(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::app) << text;
}

const Healthy variations[] = {
    {"LogsThatGrowAndAreRotated",
     [](const auto& source) {
         for (const auto* name : {"app.log", "app.log.1", "slow.log"}) put(source / "log" / name, "line\n");
     },
     [](const auto& source) {
         append(source / "log/slow.log", "another\n");
         std::filesystem::rename(source / "log/app.log", source / "log/app.log.2");
         put(source / "log/app.log", "");
     }},
    {"FilesReplacedWholeAsEditorsDo", [](const auto& source) { put(source / "config", "one"); },
     [](const auto& source) {
         put(source / ".config.new", "two, and longer");
         std::filesystem::rename(source / ".config.new", source / "config");
     }},
    {"UploadsThatComeAndQueuesThatEmpty",
     [](const auto& source) {
         for (int i = 0; i < 20; ++i) put(source / "queue" / std::to_string(i), "job");
     },
     [](const auto& source) {
         for (int i = 0; i < 20; ++i) std::filesystem::remove(source / "queue" / std::to_string(i));
         for (int i = 0; i < 20; ++i) put(source / "upload/day" / std::to_string(i), "picture");
     }},
    {"AFolderThatIsRenamedAway",
     [](const auto& source) {
         for (int i = 0; i < 5; ++i) put(source / "release-1/app" / std::to_string(i), "code");
     },
     [](const auto& source) { std::filesystem::rename(source / "release-1", source / "release-2"); }},
    {"OwnersAndModesThatChange", [](const auto& source) { put(source / "shared", "one"); },
     [](const auto& source) {
         std::filesystem::permissions(source / "shared", std::filesystem::perms(0640));
         put(source / "shared-too", "x");
     }},
    {"LinksInCirclesAndOutOfTheTree",
     [](const auto& source) {
         std::filesystem::create_directories(source / "a/b");
         std::filesystem::create_directory_symlink("..", source / "a/b/up");
         std::filesystem::create_directory_symlink(source, source / "a/b/self");
         std::filesystem::create_symlink("/etc/shadow", source / "secret");
         std::filesystem::create_symlink("other", source / "one");
         std::filesystem::create_symlink("one", source / "other");
     }},
    {"NamesInNoEncoding",
     [](const auto& source) {
         put(source / "\xe6\xf8\xe5.txt", "latin");
         put(source / "line\nfeed", "x");
         put(source / "-rf *", "x");
         put(source / "\xff\xfe", "x");
         put(source / "[a]?{b}\\", "x");
     }},
    {"ALargeFileThatIsMostlyHoles",
     [](const auto& source) {
         put(source / "disk.img", "begin");
         std::filesystem::resize_file(source / "disk.img", 1u << 30);
         append(source / "disk.img", "end");
     }},
    {"SocketsAndFifosOfRunningServices",
     [](const auto& source) {
         ::mkfifo((source / "pipe").c_str(), 0600);
         const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
         sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
         const auto folder = std::filesystem::current_path();
         std::filesystem::current_path(source);  // the path may be longer than an address can be
         std::string_view("service.sock").copy(address.sun_path, sizeof address.sun_path - 1);
         EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
         std::filesystem::current_path(folder);
         ::close(fd);
     }},
    {"TimesBeforeAndBeyondOurOwn",
     [](const auto& source) {
         for (const auto& [name, when] :
              {std::pair{"old", 1L}, {"future", 4'000'000'000L}, {"fraction", 1'600'000'000L}}) {
             put(source / name, name);
             const timespec times[2] = {{when, 0}, {when, 123'456'789}};
             EXPECT_EQ(::utimensat(AT_FDCWD, (source / name).c_str(), times, 0), 0);
         }
     }},
    {"FilesNobodyMayReadAndFoldersWithStickyBits",
     [](const auto& source) {
         put(source / "sealed", "x");
         std::filesystem::permissions(source / "sealed", std::filesystem::perms(0));
         std::filesystem::create_directories(source / "drop");
         ::chmod((source / "drop").c_str(), 03777);
         put(source / "tool", "x");
         ::chmod((source / "tool").c_str(), 04711);
     }},
    {"ManyNamesOfOneFile",
     [](const auto& source) {
         put(source / "mail/new/1", "letter");
         for (int i = 2; i < 40; ++i)
             std::filesystem::create_hard_link(source / "mail/new/1", source / "mail/new" / std::to_string(i));
     }},
    {"AttributesOfUsers",
     [](const auto& source) {
         put(source / "tagged", "x");
         EXPECT_EQ(::setxattr((source / "tagged").c_str(), "user.colour", "blue", 4, 0), 0);
     }},
    {"FoldersTwoHundredDeep",
     [](const auto& source) {
         auto path = source;
         for (int i = 0; i < 200; ++i) path /= "d";
         put(path / "bottom", "x");
     }},
    {"NothingButEmptyFilesBesides",
     [](const auto& source) {
         for (int i = 0; i < 200; ++i) put(source / "flags" / std::to_string(i), "");
         std::filesystem::create_directories(source / "empty/and/empty");
     }},
    {"TwentyThousandSmallFiles",
     [](const auto& source) {
         for (int i = 0; i < 20'000; ++i)
             put(source / "small" / std::to_string(i / 500) / std::to_string(i), std::to_string(i));
     }},
};

class HealthySource : public Job, public testing::WithParamInterface<Healthy> {};

TEST_P(HealthySource, IsMadeAndComesBackWithoutAWord) {
    GetParam().before(source_);
    if (GetParam().during != nullptr) meanwhile([this] { GetParam().during(source_); });
    const auto set = back_up();
    house_.stopping = {};
    expect_made(set);
    const auto full = drill();
    EXPECT_EQ(full.outcome, "pass") << full.details;
    EXPECT_EQ(words(full.details), "");
}
INSTANTIATE_TEST_SUITE_P(Variations, HealthySource, testing::ValuesIn(variations),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace tilsyn::backup
