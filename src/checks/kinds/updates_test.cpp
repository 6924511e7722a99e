// The updates kind on made-up machines and on this one, where apt itself is the reference.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <fstream>
#include <set>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/kind.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn::checks {
const Kind& updates_kind();
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::hours;
constexpr auto day = hours(24);

policy::Control control(Duration max_age = 2 * day, Duration within = 7 * day, std::vector<std::string> origins = {}) {
    policy::Control made;
    made.id = "updates";
    made.kind = "updates";
    policy::ParamValue age, limit, list;
    age.duration = max_age;
    limit.duration = within;
    list.list = std::move(origins);
    made.params.set("max_age_of_lists", age);
    made.params.set("critical_within", limit);
    made.params.set("security_origins", list);
    return made;
}

std::string package(const std::string& name, const std::string& version, const std::string& architecture = "amd64",
                    const std::string& status = "install ok installed") {
    return "Package: " + name + "\nStatus: " + status + "\nArchitecture: " + architecture + "\nVersion: " + version +
           "\nDescription: of no use\n more of it\n\n";
}
std::string listed(const std::string& name, const std::string& version, const std::string& architecture = "amd64") {
    return "Package: " + name + "\nVersion: " + version + "\nArchitecture: " + architecture +
           "\nFilename: pool/x.deb\n\n";
}

// A machine of Debian 12 with its security source, read one hour before `now`. Each test then spoils something.
class Updates : public testing::Test {
  protected:
    Updates() {
        // A memory older than anything a test sees, so that ages are known; the tests of a first look remove it.
        EXPECT_TRUE(write_file(memory(), R"({"began": "2020-01-01T00:00:00.000Z", "format": 1, "views": {}})"));
        put("etc/os-release",
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION=\"12 "
            "(bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n");
        put("usr/share/distro-info/debian.csv",
            "version,codename,series,created,release,eol,eol-lts,eol-elts\n11,Bullseye,bullseye,2019-07-06,2021-08-14,"
            "2024-08-14,2026-08-31,2031-06-30\n"
            "12,Bookworm,bookworm,2021-08-14,2023-06-10,2026-07-11,2028-06-30,2033-06-30\n13,Trixie,trixie,2023-06-10,"
            "2025-08-09\n");
        put("proc/sys/kernel/osrelease", "6.1.0-25-amd64\n");
        status(package("dpkg", "1.21.22") + package("openssl", "3.0.11-1~deb12u1"));
        release("bookworm", "Debian", "oldstable", "bookworm");
        release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security",
                "Valid-Until: Wed, 17 Jun 2026 06:00:00 UTC\n");
        security("");
        fs::create_directories(data_.path());
    }

    fs::path at(const std::string& path) const { return root_.path() / path; }
    void put(const std::string& path, std::string_view content) {
        fs::create_directories(at(path).parent_path());
        std::ofstream(at(path), std::ios::binary) << content;
    }
    void touch(const std::string& path, Timestamp when) {
        const timespec time{std::chrono::duration_cast<std::chrono::seconds>(when.time_since_epoch()).count(), 0};
        const timespec both[] = {time, time};
        ASSERT_EQ(::utimensat(AT_FDCWD, at(path).c_str(), both, 0), 0);
    }
    void status(const std::string& text) { put("var/lib/dpkg/status", text); }
    static std::string release_text(const std::string& label, const std::string& suite, const std::string& codename,
                                    const std::string& more = "") {
        return "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: Debian\nLabel: " + label +
               "\nSuite: " + suite + "\nCodename: " + codename + "\nDate: Wed, 10 Jun 2026 06:00:00 UTC\n" + more +
               "SHA256:\n 00 1 main\n-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";
    }
    void release(const std::string& dist, const std::string& label, const std::string& suite,
                 const std::string& codename, const std::string& more = "") {
        put("var/lib/apt/lists/mirror_dists_" + dist + "_InRelease", release_text(label, suite, codename, more));
    }
    void security(const std::string& text) { put(security_list, text); }
    void fetched(Timestamp when) {
        for (const auto& entry : fs::directory_iterator(at("var/lib/apt/lists")))
            touch("var/lib/apt/lists/" + entry.path().filename().string(), when);
        touch("var/lib/apt/lists", when);
    }

    Judgement look(const policy::Control& with = control(), const Subject& subject = {"company", {}}) {
        if (fetch_before_looking_ && fs::exists(at("var/lib/apt/lists"))) fetched(clock_.now() - hours(1));
        Environment environment;
        environment.clock = &clock_;
        environment.root = root_.path();
        environment.data_folder = data_.path();
        environment.hostname = "web1.example.org";
        CollectRequest request{
            &with, {&subject, 1}, clock_.now(), Deadline::in(std::chrono::seconds(60)), &environment};
        auto judgements = run(updates_kind(), request);
        EXPECT_EQ(judgements.size(), 1u);
        return judgements.empty() ? Judgement{} : judgements.front();
    }
    fs::path memory() const { return data_.path() / "updates-first-seen.json"; }

    const std::string security_list = "var/lib/apt/lists/mirror_dists_bookworm-security_main_binary-amd64_Packages";
    test::TemporaryFolder root_, data_;
    ManualClock clock_{*parse_utc("2026-06-11T06:00:00Z")};
    bool fetch_before_looking_ = true;
};

#define EXPECT_JUDGED(judgement, expected_outcome, expected_key)           \
    do {                                                                   \
        const auto& judged_ = (judgement);                                 \
        EXPECT_EQ(to_string(judged_.outcome), to_string(expected_outcome)) \
            << judged_.why.key << judged_.details.dump(1);                 \
        EXPECT_EQ(judged_.why.key, expected_key);                          \
    } while (false)

TEST_F(Updates, NothingPendingOnAFreshlyReadMachinePasses) {
    security(listed("openssl", "3.0.11-1~deb12u1") + listed("not-installed", "9"));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-none");
    EXPECT_EQ(judged.details["installed"], 2);
    EXPECT_EQ(judged.details["lists_fetched"], "2026-06-11T05:00:00Z");
}

TEST_F(Updates, AFixIsAllowedForAWhileAndThenNot) {
    security(listed("openssl", "3.0.11-1~deb12u2"));
    auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-within");
    EXPECT_EQ(render(judged.why, Lang::en),
              "1 security update is waiting, openssl 3.0.11-1~deb12u2 since 2026-06-11, within the 7 d allowed");
    clock_.advance(6 * day - hours(1));
    EXPECT_EQ(look().outcome, Outcome::pass);
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    clock_.advance(day + hours(2));
    judged = look();
    EXPECT_JUDGED(judged, Outcome::fail, "checks.updates-overdue");
    EXPECT_EQ(render(judged.why, Lang::da),
              "1 sikkerhedsopdatering har ventet længere end 7 d: openssl 3.0.11-1~deb12u2, siden 2026-06-11");
    EXPECT_EQ(judged.details["overdue_count"], 1);
    status(package("dpkg", "1.21.22") + package("openssl", "3.0.11-1~deb12u2"));
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    EXPECT_THAT(*read_file(memory()), testing::Not(testing::HasSubstr("openssl")));
}

TEST_F(Updates, AFixReplacedByANewerOneKeepsItsTime) {
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    security(listed("openssl", "3.0.11-1~deb12u2"));
    look();
    clock_.advance(5 * day);
    security(listed("openssl", "3.0.11-1~deb12u3"));
    EXPECT_EQ(look().details["pending"][0]["since"], "2026-06-11T06:00:00Z");
    clock_.advance(3 * day);
    EXPECT_JUDGED(look(), Outcome::fail, "checks.updates-overdue");
    // With the first installed, only the second is lacking, and that since it was seen.
    status(package("dpkg", "1.21.22") + package("openssl", "3.0.11-1~deb12u2"));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-within");
    EXPECT_EQ(judged.details["pending"][0]["since"], "2026-06-16T06:00:00Z");
}

TEST_F(Updates, AFixThatAPointReleaseHasOvertakenStillCounts) {
    put("var/lib/apt/lists/mirror_dists_bookworm_main_binary-amd64_Packages", listed("openssl", "3.0.11-1~deb12u9"));
    security(listed("openssl", "3.0.11-1~deb12u2"));
    EXPECT_EQ(look().details["pending"][0]["available"], "3.0.11-1~deb12u2");
    security("");
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");  // the point release alone is no security source
}

TEST_F(Updates, HeldPackagesCountAndAreListedApart) {
    status(package("dpkg", "1.21.22") + package("openssl", "3.0.11-1", "amd64", "hold ok installed") +
           package("curl", "7"));
    security(listed("openssl", "3.0.11-2") + listed("curl", "8"));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-within-held");
    EXPECT_EQ(judged.details["held_count"], 1);
    EXPECT_EQ(judged.details["held"][0]["package"], "openssl");
    EXPECT_EQ(judged.details["pending"].size(), 1u);
    EXPECT_EQ(judged.details["pending"][0]["package"], "curl");
    EXPECT_THAT(render(judged.why, Lang::en), testing::HasSubstr("1 of all that wait are held back"));
    EXPECT_JUDGED(look(control(2 * day, Duration(0))), Outcome::pass, "checks.updates-within-held");
    clock_.advance(hours(1));
    EXPECT_JUDGED(look(control(2 * day, Duration(0))), Outcome::fail, "checks.updates-overdue-held");
}

TEST_F(Updates, ListsThatAreTooOldAreStaleWhateverTheySay) {
    fetch_before_looking_ = false;
    fetched(clock_.now() - 2 * day - hours(1));
    EXPECT_JUDGED(look(), Outcome::stale, "checks.updates-old-lists");
    security(listed("openssl", "9"));
    fetched(clock_.now() - 2 * day - hours(1));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::stale, "checks.updates-old-lists");
    EXPECT_EQ(judged.details["pending_count"], 1);
    EXPECT_JUDGED(look(control(3 * day)), Outcome::pass, "checks.updates-within");
    // A look that found nothing new leaves the lists as they are, and says so with its stamp.
    put("var/lib/apt/periodic/update-success-stamp", "");
    touch("var/lib/apt/periodic/update-success-stamp", clock_.now() - hours(3));
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-within");
}

TEST_F(Updates, TimesInTheFutureProveNothing) {
    fetch_before_looking_ = false;
    fetched(clock_.now() + day);
    EXPECT_JUDGED(look(), Outcome::stale, "checks.updates-undated-lists");
}

TEST_F(Updates, AListBeyondItsOwnDateIsStale) {
    clock_.advance(6 * day - hours(1));
    EXPECT_EQ(look().outcome, Outcome::pass);
    clock_.advance(hours(2));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::stale, "checks.updates-expired");
    EXPECT_EQ(render(judged.why, Lang::en),
              "the list from Debian-Security was valid until 2026-06-17T06:00:00Z and proves nothing any more");
}

TEST_F(Updates, WithoutASecuritySourceItFails) {
    fs::remove(at("var/lib/apt/lists/mirror_dists_bookworm-security_InRelease"));
    EXPECT_JUDGED(look(), Outcome::fail, "checks.updates-no-security-source");
    // A further origin of the policy does not stand in for Debian's own.
    release("docker", "Docker CE", "bookworm", "bookworm");
    EXPECT_JUDGED(look(control(2 * day, 7 * day, {"docker ce"})), Outcome::fail, "checks.updates-no-security-source");
}

TEST_F(Updates, ASecuritySourceOfAnotherReleaseFails) {
    release("bookworm-security", "Debian-Security", "oldoldstable-security", "bullseye-security");
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::fail, "checks.updates-wrong-codename");
    EXPECT_EQ(
        render(judged.why, Lang::en),
        "the machine runs bookworm, but its security source is for bullseye-security: it would never hear of a fix");
}

TEST_F(Updates, AReleaseBeyondEverySupportFails) {
    clock_.jump(*parse_utc("2028-06-30T23:59:00Z") - clock_.now());
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none-lts");
    clock_.advance(hours(1));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::fail, "checks.updates-unsupported");
    EXPECT_EQ(render(judged.why, Lang::en),
              "Debian GNU/Linux 12 (bookworm) gets no more security updates; support ended 2028-06-30");
}

TEST_F(Updates, LongTermSupportAloneIsSaid) {
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    clock_.jump(*parse_utc("2026-07-11T23:59:00Z") - clock_.now());
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    clock_.advance(hours(1));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-none-lts");
    EXPECT_THAT(render(judged.why, Lang::en),
                testing::HasSubstr("support of Debian GNU/Linux 12 (bookworm) ended 2026-07-11"));
    EXPECT_EQ(judged.details["release"]["lts_ends"], "2028-06-30");
}

TEST_F(Updates, VersionsWithEpochsAndTildes) {
    status(package("dpkg", "1.21.22") + package("a", "1:1.0") + package("b", "2.0~rc1-1") + package("c", "9.0") +
           package("d", "1.0"));
    security(listed("a", "2.0") + listed("b", "2.0-1") + listed("c", "1:0.1") + listed("d", "1.0~beta"));
    const auto judged = look();
    ASSERT_EQ(judged.details["pending"].size(), 2u);
    EXPECT_EQ(judged.details["pending"][0]["package"], "b");
    EXPECT_EQ(judged.details["pending"][1]["package"], "c");
}

TEST_F(Updates, ArchitecturesAreKeptApart) {
    status(package("dpkg", "1") + package("libz", "1", "amd64") + package("libz", "1", "i386") +
           package("docs", "1", "all") + package("tool", "1", "amd64") + package("arm", "1"));
    security(listed("libz", "2", "i386") + listed("docs", "2", "amd64") + listed("tool", "2", "all") +
             listed("arm", "2", "arm64"));
    const auto pending = look().details["pending"];
    std::vector<std::string> seen;
    for (const auto& row : pending)
        seen.push_back(row["package"].get<std::string>() + ":" + row["architecture"].get<std::string>());
    EXPECT_THAT(seen, testing::ElementsAre("docs:all", "libz:i386", "tool:amd64"));
}

TEST_F(Updates, PackagesThatAreNotThereDoNotCount) {
    status(package("dpkg", "1") + package("gone", "1", "amd64", "deinstall ok config-files") +
           package("half", "1", "amd64", "install ok half-configured"));
    security(listed("gone", "2") + listed("half", "2"));
    const auto judged = look();
    ASSERT_EQ(judged.details["pending"].size(), 1u);
    EXPECT_EQ(judged.details["pending"][0]["package"], "half");
}

TEST_F(Updates, FurtherOriginsCountOnlyWhenThePolicyNamesThem) {
    status(package("dpkg", "1") + package("docker-ce", "24"));
    release("docker", "Docker CE", "bookworm", "bookworm");
    put("var/lib/apt/lists/mirror_dists_docker_stable_binary-amd64_Packages", listed("docker-ce", "25"));
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    const auto named = control(2 * day, 7 * day, {"Docker CE"});
    const auto judged = look(named);
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-within");
    EXPECT_EQ(judged.details["pending"][0]["source"], "Docker CE");
    clock_.advance(day);
    look();  // a control without that origin must not make the other forget
    EXPECT_EQ(look(named).details["pending"][0]["since"], "2026-06-11T06:00:00Z");
}

class Compressed : public Updates, public testing::WithParamInterface<std::pair<std::string, std::string>> {};

TEST_P(Compressed, ListsAreReadWhole) {
    const auto& [command, ending] = GetParam();
    std::string text;  // beyond every buffer on the way, and two frames
    for (int i = 0; i < 40000; ++i) text += listed("filler" + std::to_string(i * 7919 % 40000), "1");
    put(security_list, text);
    put("tail", listed("openssl", "3.0.11-1~deb12u2"));
    fs::copy_file(at(security_list), at("head"));
    fs::remove(at(security_list));
    const auto packed = at(security_list).string() + ending;
    const auto one_stream = ending == ".xz";
    const auto pack = one_stream
                          ? "cat " + at("head").string() + " " + at("tail").string() + " | " + command + " > " + packed
                          : command + " < " + at("head").string() + " > " + packed + " && " + command + " < " +
                                at("tail").string() + " >> " + packed;
    ASSERT_EQ(test::run_command(pack).status, 0);
    auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-within");
    EXPECT_EQ(judged.details["pending"][0]["package"], "openssl");

    const auto whole = *read_file(packed);
    const auto name = security_list + ending;
    put(name, whole.substr(0, whole.size() / 2));
    judged = look();
    EXPECT_JUDGED(judged, Outcome::unknown, "checks.updates-unreadable");
    EXPECT_EQ(judged.details["unreadable"][0], fs::path(name).filename().string());
    put(name, "this is not compressed at all, whatever the name says");
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-unreadable");
}
INSTANTIATE_TEST_SUITE_P(Endings, Compressed,
                         testing::Values(std::pair("lz4 -q -c", ".lz4"), std::pair("gzip -c", ".gz"),
                                         std::pair("xz -c", ".xz"), std::pair("zstd -q -c", ".zst")),
                         [](const auto& info) { return info.param.second.substr(1); });

TEST_F(Updates, AMalformedStatusIsUnknown) {
    for (const auto& text : {std::string(), std::string("\n\n\n"), std::string("no field here"),
                             std::string("\0\xff\xfe:\n\n", 6), std::string(5 << 20, 'x')}) {
        status(text);
        const auto judged = look();
        EXPECT_EQ(judged.outcome, Outcome::unknown);
        EXPECT_THAT(judged.why.key, testing::AnyOf("checks.updates-empty-status", "checks.updates-damaged-list"));
    }
    // One bad stanza among good ones is passed over, and said.
    status("Package: broken\nStatus: install ok installed\n\nnonsense\n\n" + package("dpkg", "1.21.22") +
           package("openssl", "3.0.11-1~deb12u1"));
    const auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-none");
    EXPECT_EQ(judged.details["malformed"], 2);
}

TEST_F(Updates, AMalformedListIsUnknownUnlessWhatWasReadAlreadyFails) {
    release("extra-security", "Debian-Security", "oldstable-security", "bookworm-security");
    put("var/lib/apt/lists/mirror_dists_extra-security_main_binary-amd64_Packages", "garbage\n\nmore garbage\n");
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-unreadable");
    security(listed("openssl", "9"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-unreadable");
    clock_.advance(hours(2));
    EXPECT_JUDGED(look(control(2 * day, hours(1))), Outcome::fail, "checks.updates-overdue");
}

TEST_F(Updates, AMalformedReleaseIsUnknown) {
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security",
            "Valid-Until: next Tuesday\n");
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-unreadable");
    put("var/lib/apt/lists/mirror_dists_bookworm-security_InRelease", "\xff\xfe\x01 not a release");
    EXPECT_JUDGED(look(), Outcome::fail, "checks.updates-no-security-source");
}

TEST_F(Updates, AnArchiveOfSomebodysOwnMayBeBareOfNames) {
    put("var/lib/apt/lists/own_._Release", "Date: Wed, 10 Jun 2026 06:00:00 UTC\nSHA256:\n 00 1 Packages\n");
    release("other", "Other", "x", "y", "Valid-Until: whenever\n");
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    put("var/lib/apt/lists/own_._Release", "<html>no such archive</html>");
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-unreadable");
}

TEST_F(Updates, TextThatIsNotUtf8CanBeRecorded) {
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security",
            "Origin: \xe6\xf8\xe5\n");
    put("etc/os-release", "PRETTY_NAME=\"Debian \xe6\"\nVERSION_CODENAME=bookworm\nID=debian\n");
    status(package("dpkg", "1") + package("b\xe6", "1"));
    security(listed("b\xe6", "2"));
    EXPECT_NO_THROW(look().details.dump());
}

TEST_F(Updates, AConfiguredSourceWithoutItsListIsUnknown) {
    fs::remove(at(security_list));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-no-packages-list");
}

TEST_F(Updates, WithoutListsItIsUnknown) {
    fs::remove_all(at("var/lib/apt/lists"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-no-lists");
    fs::create_directories(at("var/lib/apt/lists/partial"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-no-lists");
}

TEST_F(Updates, WithoutACodenameItIsUnknown) {
    put("etc/os-release", "ID=debian\n");
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-no-codename");
}

TEST_F(Updates, AMachineWithoutDpkgIsUnknown) {
    fs::remove(at("var/lib/dpkg/status"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-not-debian");
}

TEST_F(Updates, OnlyThisMachineIsMeasured) {
    for (const auto& [field, value, measured] :
         std::vector<std::tuple<std::string, std::string, bool>>{{"hostname", "web1.example.org", true},
                                                                 {"host", "WEB1", true},
                                                                 {"name", "web1", true},
                                                                 {"hostname", "web2", false},
                                                                 {"hostname", "web1.example.com", false},
                                                                 {"serial", "web1", false},
                                                                 {"name", "", false}}) {
        const auto judged = look(control(), {"servers/x", {{field, value}}});
        EXPECT_EQ(judged.outcome, measured ? Outcome::pass : Outcome::unknown) << field << "=" << value;
        if (!measured) EXPECT_EQ(judged.why.key, "checks.updates-other-machine");
    }
}

TEST_F(Updates, ANewKernelOrAMarkAsksForARestartButDoesNotFail) {
    status(package("dpkg", "1") + package("linux-image-6.1.0-9-amd64", "6.1.27-1") +
           package("linux-image-6.1.0-26-cloud-amd64", "6.1.112-1") + package("linux-image-amd64", "6.1.112-1"));
    auto judged = look();
    EXPECT_JUDGED(judged, Outcome::pass, "checks.updates-none-restart");
    EXPECT_EQ(judged.details["kernel_waiting"], "6.1.0-26-cloud-amd64");
    status(package("dpkg", "1") + package("linux-image-6.1.0-25-amd64", "6.1.106-3"));
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    put("run/reboot-required", "");
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none-restart");
}

TEST_F(Updates, WhatWaitedAtTheFirstLookHasNoKnownAge) {
    fs::remove(memory());
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    security(listed("openssl", "9"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-age-unknown");
    clock_.advance(day);
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-age-unknown");
    clock_.advance(7 * day);
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    EXPECT_JUDGED(look(control(30 * day)), Outcome::fail, "checks.updates-overdue");
}

TEST_F(Updates, AMemoryThatIsDamagedStartsAnewAndSaysSo) {
    release("bookworm-security", "Debian-Security", "oldstable-security", "bookworm-security");
    security(listed("openssl", "9"));
    fs::remove(memory());
    EXPECT_EQ(look().details["memory"], "started");
    EXPECT_EQ(look().details["memory"], "kept");
    clock_.advance(8 * day);
    const auto good = *read_file(memory());
    for (const std::string text : {"", "{", "[]", "{\"format\":2,\"views\":{}}", "{\"format\":1,\"views\":[]}",
                                   "{\"format\":1,\"views\":{\"\":{\"openssl:amd64\":{\"9\":7}}}}",
                                   "{\"format\":1,\"views\":{\"\":{\"openssl:amd64\":{\"9\":\"soon\"}}}}"}) {
        ASSERT_TRUE(write_file(memory(), text));
        const auto judged = look();
        EXPECT_JUDGED(judged, Outcome::unknown, "checks.updates-age-unknown");
        EXPECT_EQ(judged.details["memory"], "started_anew") << text;
    }
    ASSERT_TRUE(write_file(memory(), good));
    EXPECT_JUDGED(look(), Outcome::fail, "checks.updates-overdue");
}

TEST_F(Updates, WithoutAMemoryAFixThatWaitsCannotBeJudged) {
    fs::remove_all(data_.path());
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-none");
    security(listed("openssl", "9"));
    EXPECT_JUDGED(look(), Outcome::unknown, "checks.updates-no-memory");
}

TEST_F(Updates, TheSameFactsAreJudgedTheSameAndAgeWithTime) {
    Facts facts;
    facts.seen = json::parse(
        R"({"dpkg":true,"release":{"id":"debian","name":"Debian","codenames":["bookworm"],"support_ends":null,"lts_ends":null},"sources":1,"covered":true,
        "covering_list":true,"lists_fetched":"2026-06-11T05:00:00Z","security_sources":[{"label":"Debian-Security","valid_until":null}],"unreadable":[],"memory":"kept",
        "pending":[{"package":"a","architecture":"amd64","available":"2","installed":"1","held":false,"since":"2026-06-10T00:00:00Z"}]})");
    const auto with = control(30 * day);
    const auto judge = updates_kind().judge;
    const auto now = *parse_utc("2026-06-17T00:00:00Z");
    EXPECT_EQ(judge(with, facts, now).outcome, Outcome::pass);
    EXPECT_EQ(judge(with, facts, now).details, judge(with, facts, now).details);
    EXPECT_EQ(judge(with, facts, now + hours(1)).outcome, Outcome::fail);
    EXPECT_EQ(judge(with, facts, now + 30 * day).outcome, Outcome::stale);
    EXPECT_EQ(judge(with, Facts{}, now).outcome, Outcome::unknown);
}

TEST_F(Updates, UbuntuIsMeasuredByItsOwnSource) {
    put("etc/os-release",
        "PRETTY_NAME=\"Ubuntu 22.04 LTS\"\nVERSION_CODENAME=jammy\nUBUNTU_CODENAME=jammy\nID=ubuntu\n");
    put("usr/share/distro-info/ubuntu.csv",
        "version,codename,series,created,release,eol,eol-server,eol-esm\n22.04 LTS,Jammy "
        "Jellyfish,jammy,2021-10-14,2022-04-21,2026-06-01,2026-06-01,2032-04-21\n");
    release("bookworm-security", "Ubuntu", "jammy-security", "jammy");
    security(listed("openssl", "9"));
    EXPECT_JUDGED(look(), Outcome::fail, "checks.updates-unsupported");
    put("var/lib/apt/lists/esm_dists_jammy-infra-security_InRelease",
        "Origin: UbuntuESM\nLabel: UbuntuESM\nSuite: jammy-infra-security\nCodename: jammy\nDate: Wed, 10 Jun 2026 "
        "06:00:00 UTC\n");
    EXPECT_JUDGED(look(), Outcome::pass, "checks.updates-within-lts");
}

// ---- This machine, against apt itself ----

double cpu_milliseconds() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    const auto of = [](const timeval& t) { return double(t.tv_sec) * 1e3 + double(t.tv_usec) / 1e3; };
    return of(usage.ru_utime) + of(usage.ru_stime);
}

TEST(UpdatesHere, AgreeWithApt) {
    const auto reference = test::run_command("/usr/bin/python3 tests/data/apt_reference.py 2>&1");
    ASSERT_EQ(reference.status, 0) << "python3-apt is needed for this test: " << reference.output;
    test::TemporaryFolder data;
    SystemClock clock;
    Environment environment;
    environment.clock = &clock;
    environment.data_folder = data.path();
    environment.hostname = "here";
    const Subject company{"company", {}};
    const auto with = control();
    const CollectRequest request{
        &with, {&company, 1}, clock.now(), Deadline::in(std::chrono::seconds(60)), &environment};
    const auto before = cpu_milliseconds();
    const auto facts = updates_kind().collect(request);
    const auto spent = cpu_milliseconds() - before;
    ASSERT_TRUE(facts) << render(facts.error(), Lang::en);
    std::vector<std::string> lines;
    for (const auto& row : facts->front().seen.at("pending"))
        lines.push_back(row["package"].get<std::string>() + " " + row["architecture"].get<std::string>() + " " +
                        row["installed"].get<std::string>() + " " + row["available"].get<std::string>());
    std::ranges::sort(lines);
    std::vector<std::string> expected;
    for (const auto line : split(trim(reference.output), '\n'))
        if (!line.empty()) expected.emplace_back(line);
    EXPECT_EQ(lines, expected);
    RecordProperty("pending", int(lines.size()));
    std::printf("pending here: %zu, as apt says: %zu; the look took %.1f ms of CPU time\n", lines.size(),
                expected.size(), spent);
    EXPECT_LT(spent, 2000) << "files only, and only those of security sources: this is far beyond what that can take";
}

}  // namespace
}  // namespace tilsyn::checks
