// restic, 0.14 and newer. What it prints differs between versions: all is read leniently, and nothing is believed that
// the repository does not confirm.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "backup/engines/call.hpp"
#include "backup/engines/said.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

// A server that does not answer comes first: restic asks then, too, whether there is a repository.
constexpr std::array<Meaning, 17> meanings{{
    {"connection refused", Code::unavailable, "backup.unreachable"},
    {"no such host", Code::unavailable, "backup.unreachable"},
    {"i/o timeout", Code::unavailable, "backup.unreachable"},
    {"connection reset", Code::unavailable, "backup.unreachable"},
    {"x509: ", Code::unavailable, "backup.unreachable"},
    {"request signature we calculated does not match", Code::unauthorized, "backup.place-refuses"},
    {"access key id you provided", Code::unauthorized, "backup.place-refuses"},
    {"access denied", Code::unauthorized, "backup.place-refuses"},
    {"wrong password or no key found", Code::unauthorized, "backup.wrong-password"},
    {"unable to open config file", Code::not_found, "backup.no-repository"},
    {"repository does not exist", Code::not_found, "backup.no-repository"},
    {"repository is already locked", Code::busy, "backup.locked"},
    {"unable to create lock", Code::busy, "backup.locked"},
    {"no space left on device", Code::io, "backup.no-room"},
    {"disk quota exceeded", Code::io, "backup.no-room"},
    {"no matching id found", Code::not_found, "backup.no-such-set"},
    {"no snapshot found", Code::not_found, "backup.no-such-set"},
}};

// What a repository that is not there looks like, in the line that says that its first file could not be opened. All
// other reasons for that say nothing of whether there is one.
constexpr std::array<std::string_view, 4> not_there{"does not exist", "no such file", "404", "not found"};

Fail what_failed(const RepositoryAccess& access, const Called& called, std::span<const Meaning> means) {
    const auto said = lower_ascii(called.error);
    const auto at = said.find("unable to open config file");
    if (at != said.npos) {
        const auto line = std::string_view(said).substr(at, said.find('\n', at) - at);
        if (std::ranges::none_of(not_there, [&](auto text) { return line.find(text) != line.npos; }) &&
            std::ranges::none_of(means, [&](const Meaning& meaning) {
                return meaning.code != Code::not_found && said.find(meaning.text) != said.npos;
            }))
            return fail(Code::unavailable, "backup.unreachable", {{"repository", access.id}})
                .detail(last_words(called.error));
    }
    return failed(access, called, means);
}

constexpr std::size_t unread_kept = 100;

// restic's patterns are those of Go's filepath.Match.
std::string as_pattern(std::string_view path) {
    std::string out;
    for (const char c : path) {
        if (c == '*' || c == '?' || c == '[' || c == '\\') out += '\\';
        out += c;
    }
    return out;
}

class Restic final : public Engine {
  public:
    explicit Restic(RepositoryAccess access) : access_(std::move(access)) {}

    Result<std::string> version() override {
        TRY(const auto called, call({.arguments = {"restic", "version"}}, {Deadline::in(std::chrono::seconds(20))}));
        const auto words = split(std::string_view(called.output).substr(0, called.output.find('\n')), ' ');
        if (called.code != 0 || words.size() < 2 || words[0] != "restic") return what_failed(access_, called, {});
        if (words[1].starts_with("0.") && words[1].size() > 2 &&
            std::atoi(std::string(words[1].substr(2)).c_str()) < 14)
            return fail(Code::unsupported, "backup.engine-too-old",
                        {{"program", "restic"}, {"version", std::string(words[1])}, {"needed", "0.14"}});
        return "restic " + std::string(words[1]);
    }

    Result<void> create(const Watch& watch) override {
        TRY(const auto called, run({"init", "--repository-version", "2"}, watch));
        if (called.code != 0) return what_failed(access_, called, meanings);
        return {};
    }

    Result<Stored> store(const StoreRequest& request, const Watch& watch) override {
        auto made = prepared({"backup", "--json", "--host", request.host, "--tag", "data-set:" + request.data_set,
                              "--tag", "run:" + request.run, "--files-from-raw", "{secret:paths}"});
        std::string paths;
        for (const auto& path : request.roots.paths) paths += "/" + path + '\0';
        made.secrets.emplace_back("paths", std::move(paths));
        for (const auto& path : request.exclusions.paths) made.arguments.push_back("--exclude=/" + as_pattern(path));
        for (const auto& name : request.exclusions.names) made.arguments.push_back("--exclude=" + name);
        json summary;
        Stored stored;
        const auto unread = [&](std::string what) {
            if (stored.unread_count++ < unread_kept) stored.unread.push_back(std::move(what));
        };
        made.on_output = [&](std::string_view line) {
            const auto message = parsed(line);
            const auto type = text(message, "message_type");
            if (type == "summary") summary = message;
            if (type == "status" && watch.progress)
                watch.progress({number(message, "files_done"), number(message, "total_files"),
                                number(message, "bytes_done"), number(message, "total_bytes")});
        };
        made.on_error = [&](std::string_view line) {
            const auto message = parsed(line);
            if (text(message, "message_type") == "error") unread(text(message, "item"));
            if (line.ends_with(" does not exist, skipping"))
                unread(std::string(line.substr(0, line.find(" does not"))));
        };
        TRY(const auto called, call(std::move(made), watch));
        // 3: there is a set, and not all could be read.
        if (called.code != 0 && called.code != 3) return what_failed(access_, called, meanings);
        if (called.code == 3 && stored.unread_count == 0) unread("?");
        if (summary.is_null()) return what_failed(access_, called, meanings);
        stored.files = number(summary, "total_files_processed");
        stored.bytes = number(summary, "total_bytes_processed");
        stored.added = number(summary, "data_added");
        TRY(const auto all, sets(watch));
        const auto own = std::ranges::find_if(all, [&](const EngineSet& set) {
            return set.id.starts_with(text(summary, "snapshot_id")) &&
                   std::ranges::find(set.tags, "run:" + request.run) != set.tags.end();
        });
        if (own == all.end()) return fail(Code::corrupt, "backup.set-not-there", {{"repository", access_.id}});
        stored.set = own->id;
        return stored;
    }

    Result<std::vector<EngineSet>> sets(const Watch& watch) override {
        auto made = prepared({"snapshots", "--json", "--no-lock"});
        made.kept = 64 << 20;
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0) return what_failed(access_, called, meanings);
        const auto list = json::parse(called.output, nullptr, false);
        std::vector<EngineSet> out;
        if (!list.is_array() && !list.is_null()) return what_failed(access_, called, meanings);
        for (const auto& item : list) {
            EngineSet set{.id = text(item, "id"), .name = text(item, "short_id"), .host = text(item, "hostname")};
            set.made = parse_utc(shortened(text(item, "time"))).value_or(Timestamp{});
            for (const auto& tag : item.value("tags", json::array()))
                if (tag.is_string()) set.tags.push_back(tag);
            if (set.id.size() == 64) out.push_back(std::move(set));
        }
        return out;
    }

    Result<Restored> restore(const RestoreRequest& request, const Watch& watch) override {
        if (request.set.size() != 64) return fail(Code::invalid, "backup.no-such-set", {{"repository", access_.id}});
        auto made = prepared({"--no-cache", "--no-lock", "restore", request.set, "--target", request.target.string()});
        for (const auto& path : request.only) made.arguments.push_back("--include=/" + as_pattern(path));
        made.writable = std::vector{request.target};
        made.limits.file_size = request.largest_file;
        made.environment.emplace_back("TMPDIR", request.target.string());
        TRY(const auto called, read(std::move(made), watch));
        if (called.code != 0) return what_failed(access_, called, restoring);
        return Restored{called.confined};
    }

    Result<void> stream(const std::string& set, int to, const Watch& watch) override {
        if (set.size() != 64) return fail(Code::invalid, "backup.no-such-set", {{"repository", access_.id}});
        auto made = prepared({"--no-cache", "--no-lock", "dump", "--archive", "tar", set, "/"});
        made.output_to = to;
        made.writable = std::vector<std::filesystem::path>{};
        TRY(const auto called, read(std::move(made), watch));
        if (called.code != 0) return what_failed(access_, called, restoring);
        return {};
    }
    // It writes each name of a file as a file, whole seconds, and no pipes.
    Tolerance stream_tolerance() const override {
        return {.attributes = false, .names = false, .special = false, .time_step = 1'000'000'000};
    }

    Result<void> check(unsigned part, unsigned parts, const Watch& watch) override {
        // First what can be seen without reading, which is where a missing file is noticed at once.
        const std::string data =
            parts <= 1 ? "--read-data" : "--read-data-subset=" + std::to_string(part) + "/" + std::to_string(parts);
        for (const auto& arguments : {std::vector<std::string>{"check"}, {"check", data}}) {
            auto made = prepared(arguments);
            if (access_.read_only) made.arguments.emplace_back("--no-lock");
            made.environment.emplace_back("TMPDIR", access_.work.string());
            TRY(const auto called, read(std::move(made), watch));
            if (called.code != 0 || called.output.find("no errors were found") == std::string::npos)
                return what_failed(access_, called, checking);
        }
        return {};
    }

    Result<void> forget(const std::vector<std::string>& ids, const Watch& watch) override {
        if (ids.empty()) return {};
        std::vector<std::string> arguments{"forget", "--prune"};
        for (const auto& id : ids) {
            if (id.size() != 64) return fail(Code::invalid, "backup.no-such-set", {{"repository", access_.id}});
            arguments.push_back(id);
        }
        TRY(const auto called, run(std::move(arguments), watch));
        if (called.code != 0) return what_failed(access_, called, meanings);
        return {};
    }

    Result<int> unlock(const Watch& watch) override {
        if (access_.read_only) return 0;
        const auto locks = [&]() -> Result<int> {
            TRY(const auto called, run({"list", "locks", "--no-lock", "-q"}, watch));
            if (called.code != 0) return what_failed(access_, called, meanings);
            return int(std::ranges::count(called.output, '\n'));
        };
        TRY(const int before, locks());
        if (before == 0) return 0;
        TRY(const auto called, run({"unlock"}, watch));
        if (called.code != 0) return what_failed(access_, called, meanings);
        TRY(const int after, locks());
        return before - after;
    }

  private:
    // What else a check or a restore may run into: the repository is not what it was.
    static constexpr std::array<Meaning, 5> checking{{
        {"connection refused", Code::unavailable, "backup.unreachable"},
        {"wrong password or no key found", Code::unauthorized, "backup.wrong-password"},
        {"repository is already locked", Code::busy, "backup.locked"},
        {"", Code::corrupt, "backup.check-failed"},
    }};
    static constexpr std::array<Meaning, 8> restoring{{
        {"connection refused", Code::unavailable, "backup.unreachable"},
        {"no such host", Code::unavailable, "backup.unreachable"},
        {"wrong password or no key found", Code::unauthorized, "backup.wrong-password"},
        {"no matching id found", Code::not_found, "backup.no-such-set"},
        {"no space left on device", Code::io, "backup.no-room"},
        {"file too large", Code::corrupt, "backup.grew"},
        {"", Code::corrupt, "backup.restore-failed"},
    }};

    // Seconds and what is below them, down to what our own times have.
    static std::string shortened(const std::string& time) {
        const auto dot = time.find('.');
        const auto zone = time.find_first_not_of("0123456789", dot == time.npos ? dot : dot + 1);
        return dot == time.npos || zone == time.npos ? time
                                                     : time.substr(0, std::min(dot + 7, zone)) + time.substr(zone);
    }

    net::ProcessRequest prepared(std::vector<std::string> arguments) const {
        net::ProcessRequest made;
        made.arguments = {"restic"};
        if (!access_.ca.empty()) made.arguments.insert(made.arguments.end(), {"--cacert", access_.ca.string()});
        if (access_.location.starts_with("sftp:")) {
            // sftp:user@host:/path and sftp://user@host[:port]//path: to whom ssh goes stands before the path.
            auto command = ssh_command(access_);
            auto rest = std::string_view(access_.location).substr(5);
            if (rest.starts_with("//")) {
                rest.remove_prefix(2);
                rest = rest.substr(0, rest.find('/'));
                if (const auto colon = rest.rfind(':'); colon != rest.npos) {
                    command.push_back("-p" + std::string(rest.substr(colon + 1)));
                    rest = rest.substr(0, colon);
                }
            } else {
                rest = rest.substr(0, rest.find(':'));
            }
            command.insert(command.end(), {"-s", "--", std::string(rest), "sftp"});
            made.arguments.insert(made.arguments.end(), {"-o", "sftp.command=" + join(command, " ")});
        }
        made.arguments.insert(made.arguments.end(), arguments.begin(), arguments.end());
        auto location = access_.location;
        if (const auto user = access_.credentials.find("user");
            location.starts_with("rest:") && user != access_.credentials.end()) {
            const auto host = location.find("://");
            const auto password = access_.credentials.find("user_password");
            if (host != location.npos)
                location.insert(
                    host + 3,
                    percent_encoded(user->second) + ":" +
                        percent_encoded(password == access_.credentials.end() ? std::string() : password->second) +
                        "@");
        }
        made.secrets = {{"password", access_.password}, {"location", location}};
        made.environment = {{"RESTIC_PASSWORD_FILE", "{secret:password}"},
                            {"RESTIC_REPOSITORY_FILE", "{secret:location}"},
                            {"RESTIC_CACHE_DIR", (access_.work / "cache").string()},
                            {"RESTIC_PROGRESS_FPS", "10"}};
        if (const auto config = access_.credentials.find("rclone_config"); config != access_.credentials.end())
            made.environment.emplace_back("RCLONE_CONFIG", config->second);
        if (const auto key = access_.credentials.find("access_key"); key != access_.credentials.end()) {
            const auto secret = access_.credentials.find("secret_key");
            made.secrets.emplace_back("aws", "[default]\naws_access_key_id=" + key->second +
                                                 "\naws_secret_access_key=" +
                                                 (secret == access_.credentials.end() ? "" : secret->second) + "\n");
            made.environment.emplace_back("AWS_SHARED_CREDENTIALS_FILE", "{secret:aws}");
        }
        return made;
    }
    // For calls that read data. restic tries for a quarter of an hour to read a file that is not there; that it is not
    // is known the first time.
    Result<Called> read(net::ProcessRequest made, const Watch& watch) const {
        std::string missing;
        made.on_error = [&](std::string_view line) {
            if (line.find("retrying after") == line.npos) return;
            for (const std::string_view sign : {"no such file", "does not exist", "not found", "NoSuchKey"})
                if (missing.empty() && line.find(sign) != line.npos) missing = line;
        };
        Watch impatient = watch;
        impatient.stopping = [&] { return !missing.empty() || (watch.stopping && watch.stopping()); };
        auto called = call(std::move(made), impatient);
        if (missing.empty() || (watch.stopping && watch.stopping())) return called;
        return Called{.code = 1, .output = {}, .error = missing};
    }
    Result<Called> run(std::vector<std::string> arguments, const Watch& watch) const {
        return call(prepared(std::move(arguments)), watch);
    }

    RepositoryAccess access_;
};

}  // namespace

std::unique_ptr<Engine> make_restic(RepositoryAccess access) {
    return std::make_unique<Restic>(std::move(access));
}

}  // namespace tilsyn::backup
