// BorgBackup, 1.2 and newer of the 1.x line. Its options stand before the repository; behind it some are not
// understood.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "backup/engines/call.hpp"
#include "backup/engines/said.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr std::array<Meaning, 12> meanings{{
    {"connection closed by remote host", Code::unavailable, "backup.unreachable"},
    {"connection refused", Code::unavailable, "backup.unreachable"},
    {"passphrase supplied in", Code::unauthorized, "backup.wrong-password"},
    {"is not a valid repository", Code::not_found, "backup.no-repository"},
    {"does not exist", Code::not_found, "backup.no-repository"},
    {"failed to create/acquire the lock", Code::busy, "backup.locked"},
    {"no space left on device", Code::io, "backup.no-room"},
    {"insufficient free space", Code::io, "backup.no-room"},
    {"is newer than repository", Code::corrupt, "backup.set-back"},
    {"was previously located at", Code::corrupt, "backup.moved"},
    {"host key verification failed", Code::unauthorized, "backup.unknown-host"},
    {"integrity error", Code::corrupt, "backup.check-failed"},
}};

constexpr std::size_t unread_kept = 100;

class Borg final : public Engine {
  public:
    explicit Borg(RepositoryAccess access) : access_(std::move(access)) {}

    Result<std::string> version() override {
        TRY(const auto called, call({.arguments = {"borg", "--version"}}, {Deadline::in(std::chrono::seconds(20))}));
        const auto words = split(trim(called.output), ' ');
        if (called.code != 0 || words.size() != 2 || words[0] != "borg") return failed(access_, called, {});
        if (!words[1].starts_with("1.") || words[1].starts_with("1.0") || words[1].starts_with("1.1"))
            return fail(Code::unsupported, "backup.engine-too-old",
                        {{"program", "borg"}, {"version", std::string(words[1])}, {"needed", "1.2"}});
        return std::string(trim(called.output));
    }

    Result<void> create(const Watch& watch) override {
        TRY(const auto called, run({"init", "-e", "repokey-blake2", "--make-parent-dirs"}, watch));
        if (called.code != 0) return failed(access_, called, meanings);
        return {};
    }

    Result<Stored> store(const StoreRequest& request, const Watch& watch) override {
        auto made =
            prepared({"--log-json", "create", "--json", "--list", "--filter=E", "--progress", "--numeric-ids", "-C",
                      "lz4", "--lock-wait", "60", "--comment", "data-set:" + request.data_set + " run:" + request.run},
                     "::" + request.run);
        auto at = std::ranges::find(made.arguments, "-C");
        std::vector<std::string> exclusions;
        for (const auto& path : request.exclusions.paths) exclusions.push_back("--exclude=pp:/" + path);
        for (const auto& name : request.exclusions.names) exclusions.push_back("--exclude=sh:**/" + name);
        made.arguments.insert(at, exclusions.begin(), exclusions.end());
        for (const auto& path : request.roots.paths) made.arguments.push_back("/" + path);
        made.environment.emplace_back("BORG_HOSTNAME_IS_UNIQUE", "yes");
        Stored stored;
        const auto unread = [&](std::string what) {
            if (stored.unread_count++ < unread_kept) stored.unread.push_back(std::move(what));
        };
        made.on_error = [&](std::string_view line) {
            const auto message = parsed(line);
            const auto type = text(message, "type");
            if (type == "file_status" && text(message, "status") == "E") unread(text(message, "path"));
            // A source path that is not there is only a warning to borg.
            if (type == "log_message" && text(message, "levelname") == "WARNING" &&
                text(message, "message").find("No such file or directory") != std::string::npos)
                unread(text(message, "message"));
            if (type == "archive_progress" && watch.progress)
                watch.progress({number(message, "nfiles"), 0, number(message, "original_size"), 0});
        };
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0 && called.code != 1 && !(called.code >= 100 && called.code < 128))
            return failed(access_, called, meanings);
        const auto archive = parsed(called.output).value("archive", json::object());
        const auto stats = archive.value("stats", json::object());
        stored.set = text(archive, "id");
        stored.files = number(stats, "nfiles");
        stored.bytes = number(stats, "original_size");
        stored.added = number(stats, "deduplicated_size");
        TRY(const auto all, sets(watch));
        if (stored.set.size() != 64 ||
            std::ranges::none_of(all, [&](const auto& set) { return set.id == stored.set && set.name == request.run; }))
            return fail(Code::corrupt, "backup.set-not-there", {{"repository", access_.id}});
        return stored;
    }

    Result<std::vector<EngineSet>> sets(const Watch& watch) override {
        auto made = prepared({"--bypass-lock", "list", "--json", "--format", "{id}{hostname}{comment}"}, "");
        made.kept = 64 << 20;
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0) return failed(access_, called, meanings);
        const auto list = parsed(called.output);
        std::vector<EngineSet> out;
        for (const auto& item : list.value("archives", json::array())) {
            EngineSet set{.id = text(item, "id"), .name = text(item, "name"), .host = text(item, "hostname")};
            // Without a zone: it runs with TZ=UTC.
            const auto start = text(item, "start").empty() ? text(item, "time") : text(item, "start");
            set.made = parse_utc(start + "Z").value_or(Timestamp{});
            for (const auto word : split(text(item, "comment"), ' ')) set.tags.emplace_back(word);
            if (set.id.size() == 64) out.push_back(std::move(set));
        }
        return out;
    }

    Result<Restored> restore(const RestoreRequest& request, const Watch& watch) override {
        TRY(const auto archive, archive_of(request.set, watch));
        const auto memory = request.target / ".tilsyn-borg";
        std::error_code error;
        std::filesystem::create_directory(memory, error);
        std::vector<std::string> arguments{"--bypass-lock", "extract", "--sparse", "--numeric-ids"};
        auto made = prepared(std::move(arguments), archive);
        for (const auto& path : request.only) made.arguments.push_back("pp:" + path);
        remember_in(memory, made);
        made.folder = request.target;
        made.writable = std::vector{request.target};
        made.limits.file_size = request.largest_file;
        TRY(const auto called, call(std::move(made), watch));
        std::filesystem::remove_all(memory, error);
        // A warning is a fault here: something was not restored, or not as it was.
        if (called.code != 0) return failed(access_, called, restoring);
        return Restored{called.confined};
    }

    Result<void> stream(const std::string& set, int to, const Watch& watch) override {
        TRY(const auto archive, archive_of(set, watch));
        const auto memory = access_.work / "streaming";
        std::error_code error;
        std::filesystem::create_directories(memory, error);
        auto made = prepared({"--bypass-lock", "export-tar"}, archive);
        made.arguments.emplace_back("-");
        remember_in(memory, made);
        made.output_to = to;
        made.writable = std::vector{memory};
        TRY(const auto called, call(std::move(made), watch));
        std::filesystem::remove_all(memory, error);
        if (called.code != 0) return failed(access_, called, restoring);
        return {};
    }
    Tolerance stream_tolerance() const override {
        auto out = tolerance();
        out.attributes = false;
        out.time_step = 1'000'000'000;
        return out;
    }

    Result<void> check(unsigned part, unsigned parts, const Watch& watch) override {
        // It reads all or nothing: all of it on the first part, and on the others what can be had without reading.
        std::vector<std::string> arguments{"check"};
        if (access_.read_only)  // looking into archives writes to the repository; its sums are enough to find rot
            arguments = {"--bypass-lock", "check", "--repository-only"};
        else if (parts <= 1 || part == 1)
            arguments.push_back("--verify-data");
        TRY(const auto called, run(std::move(arguments), watch));
        if (called.code != 0) return failed(access_, called, checking);
        return {};
    }

    Result<void> forget(const std::vector<std::string>& ids, const Watch& watch) override {
        if (ids.empty()) return {};
        TRY(const auto all, sets(watch));
        for (const auto& id : ids) {
            const auto found = std::ranges::find(all, id, &EngineSet::id);
            if (found == all.end()) continue;
            TRY(const auto called, call(prepared({"delete"}, "::" + found->name), watch));
            if (called.code != 0) return failed(access_, called, meanings);
        }
        TRY(const auto called, run({"compact"}, watch));
        if (called.code != 0) return failed(access_, called, meanings);
        return {};
    }

    Result<int> unlock(const Watch& watch) override {
        if (access_.read_only) return 0;
        // Locks of processes that are gone borg removes by itself, when they were of this machine. One that stays is
        // held, or is another machine's: break-lock would tear a running backup apart, so that is left to a person.
        TRY(const auto probe, run({"--lock-wait", "5", "list", "--json"}, watch));
        if (probe.code != 0) return failed(access_, probe, meanings);
        return 0;
    }

    bool tells_refused_removal() const override { return false; }

    Tolerance tolerance() const override {
        // 1.2 keeps no time before 1970, and none after 2^31 seconds and a day.
        return {.earliest_time = 0, .latest_time = 2'147'397'247'999'999'999};
    }

  private:
    static constexpr std::array<Meaning, 5> checking{{
        {"passphrase supplied in", Code::unauthorized, "backup.wrong-password"},
        {"is not a valid repository", Code::not_found, "backup.no-repository"},
        {"failed to create/acquire the lock", Code::busy, "backup.locked"},
        {"connection closed by remote host", Code::unavailable, "backup.unreachable"},
        {"", Code::corrupt, "backup.check-failed"},
    }};
    static constexpr std::array<Meaning, 6> restoring{{
        {"passphrase supplied in", Code::unauthorized, "backup.wrong-password"},
        {"is not a valid repository", Code::not_found, "backup.no-repository"},
        {"no space left on device", Code::io, "backup.no-room"},
        {"file too large", Code::corrupt, "backup.grew"},
        {"connection closed by remote host", Code::unavailable, "backup.unreachable"},
        {"", Code::corrupt, "backup.restore-failed"},
    }};

    // By id, as our ledger has it: a name can be given to another archive.
    Result<std::string> archive_of(const std::string& set, const Watch& watch) {
        TRY(const auto all, sets(watch));
        const auto found = std::ranges::find(all, set, &EngineSet::id);
        if (found == all.end()) return fail(Code::not_found, "backup.no-such-set", {{"repository", access_.id}});
        return "::" + found->name;
    }
    // What borg remembers of a repository it writes down; so that a drill changes nothing, elsewhere.
    static void remember_in(const std::filesystem::path& memory, net::ProcessRequest& made) {
        for (auto& [name, value] : made.environment) {
            if (name == "BORG_BASE_DIR") value = memory.string();
            if (name == "BORG_RELOCATED_REPO_ACCESS_IS_OK") value = "yes";  // it remembers nothing there
        }
        made.environment.emplace_back("TMPDIR", memory.string());
    }

    // `suffix` is put behind the repository: "" or "::ARCHIVE". Options come before it, paths are added after it.
    net::ProcessRequest prepared(std::vector<std::string> arguments, const std::string& suffix) const {
        net::ProcessRequest made;
        made.arguments = {"borg"};
        made.arguments.insert(made.arguments.end(), arguments.begin(), arguments.end());
        made.arguments.push_back(access_.location + suffix);
        made.secrets = {{"password", access_.password}};
        made.environment = {{"BORG_PASSPHRASE_FD", "{fd:password}"},
                            {"BORG_BASE_DIR", access_.work.string()},
                            {"BORG_DISPLAY_PASSPHRASE", "no"},
                            {"BORG_RELOCATED_REPO_ACCESS_IS_OK", "no"},
                            {"BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK", "no"}};
        if (access_.location.find("://") != std::string::npos)
            made.environment.emplace_back("BORG_RSH", join(ssh_command(access_), " "));
        return made;
    }
    Result<Called> run(std::vector<std::string> arguments, const Watch& watch) const {
        return call(prepared(std::move(arguments), ""), watch);
    }

    RepositoryAccess access_;
};

}  // namespace

std::unique_ptr<Engine> make_borg(RepositoryAccess access) {
    return std::make_unique<Borg>(std::move(access));
}

}  // namespace tilsyn::backup
