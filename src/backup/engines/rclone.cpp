// rclone, 1.58 and newer: sets as plain files in a folder each, which anybody's tools can read. What it keeps of a file
// is its name, content and time; the rest is in the manifest. Every set is a whole copy.
//
//   tilsyn-repository.json   that there is a repository; all else is behind rclone's "crypt" when there is a password
//   key                      can be read by whoever has the right password
//   sets/RUN/...             the files, by their whole path; links are files NAME.rclonelink, as rclone writes them
//   sets/RUN.sums            SHA-256 of what is stored, as sha256sum writes them: read back after it was stored
//   sets/RUN.json            what the set is; written last. Without it there is no set, only what was left of one
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "backup/engines/call.hpp"
#include "backup/engines/rclone_place.hpp"
#include "backup/engines/said.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "crypto/hash_stream.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr std::array<Meaning, 16> meanings{{
    {"connection refused", Code::unavailable, "backup.unreachable"},
    {"no such host", Code::unavailable, "backup.unreachable"},
    {"i/o timeout", Code::unavailable, "backup.unreachable"},
    {"connection reset", Code::unavailable, "backup.unreachable"},
    {"connection lost", Code::unavailable, "backup.unreachable"},
    {"couldn't connect ssh", Code::unavailable, "backup.unreachable"},
    {"x509: ", Code::unavailable, "backup.unreachable"},
    {"knownhosts: ", Code::unauthorized, "backup.unknown-host"},
    {"unable to authenticate", Code::unauthorized, "backup.place-refuses"},
    {"signaturedoesnotmatch", Code::unauthorized, "backup.place-refuses"},
    {"invalidaccesskeyid", Code::unauthorized, "backup.place-refuses"},
    {"accessdenied", Code::unauthorized, "backup.place-refuses"},
    {"permission denied", Code::unauthorized, "backup.place-refuses"},
    {"no space left on device", Code::io, "backup.no-room"},
    {"disk quota exceeded", Code::io, "backup.no-room"},
    {"didn't find section in config file", Code::invalid, "backup.bad-remote"},
}};
// Ways in which a source cannot be read, and the set is made without it.
constexpr std::array<std::string_view, 7>
    source_troubles{"failed to open source object",
                    "failed to open directory",
                    "failed to read directory",
                    "error reading source",
                    "corrupted on transfer",
                    "file name too long",
                    "ssh_fx_bad_message"};  // what a file server over SSH says of a name that is too long

constexpr std::string_view marker = "tilsyn-repository.json";
constexpr std::string_view key = R"({"tilsyn":"key"})";
constexpr std::size_t unread_kept = 100;

// rclone's patterns, in which nothing is meant but the path itself; of a name: * and ? keep their meaning.
std::string as_pattern(std::string_view path, std::string_view special = "*?[]{}\\") {
    std::string out;
    for (const char c : path) {
        if (special.find(c) != special.npos) out += '\\';
        out += c;
    }
    return out;
}

// Names as rclone has them inside: bytes that have no business in a name stand for themselves in another form.
std::string as_inside(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7f) {  // U+2400..., the pictures of control characters
            out += "\xe2\x90";
            out += char(0x80 + (byte == 0x7f ? 0x21 : byte));
        } else {
            out += c;
        }
    }
    return out;
}

class Rclone final : public Engine {
  public:
    explicit Rclone(RepositoryAccess access) : access_(std::move(access)) {}

    Result<std::string> version() override {
        TRY(const auto called, call({.arguments = {"rclone", "version"}}, {Deadline::in(std::chrono::seconds(20))}));
        const auto line = std::string_view(called.output).substr(0, called.output.find('\n'));
        if (called.code != 0 || !line.starts_with("rclone v")) return failed(access_, called, {});
        const auto version = line.substr(8);
        if (version.starts_with("0.") || (version.starts_with("1.") && std::atoi(version.data() + 2) < 58))
            return fail(Code::unsupported, "backup.engine-too-old",
                        {{"program", "rclone"}, {"version", std::string(version)}, {"needed", "1.58"}});
        return "rclone " + std::string(version);
    }

    Result<void> create(const Watch& watch) override {
        TRY_VOID(prepare(watch));
        TRY(const bool there, has_marker(watch));
        if (there) return fail(Code::conflict, "backup.repository-there", {{"repository", access_.id}});
        TRY_VOID(write(sealed_ + "key", std::string(key) + "\n", watch));
        return write(place_->root + "/" + std::string(marker),
                     json{{"format", 1}, {"encrypted", !access_.password.empty()}}.dump() + "\n", watch);
    }

    Result<Stored> store(const StoreRequest& request, const Watch& watch) override {
        TRY_VOID(sets(watch));  // that there is a repository, and that this is its password
        const auto folder = sealed_ + "sets/" + request.run;
        Stored stored;
        TRY_VOID(copy_from_source(request, folder, stored, watch));
        TRY(const auto sums, sum_up(folder, stored, watch));
        const auto made = format_utc(SystemClock().now());
        const auto said =
            json{{"format", 1},  {"name", request.run},   {"data_set", request.data_set}, {"host", request.host},
                 {"made", made}, {"files", stored.files}, {"bytes", stored.bytes},        {"sums", crypto::hex(sums)}}
                .dump();
        TRY_VOID(write(folder + ".json", said + "\n", watch));
        stored.set = crypto::hex(crypto::sha256(said));
        TRY(const auto all, sets(watch));
        if (std::ranges::find(all, stored.set, &EngineSet::id) == all.end())
            return fail(Code::corrupt, "backup.set-not-there", {{"repository", access_.id}});
        return stored;
    }

    Result<std::vector<EngineSet>> sets(const Watch& watch) override {
        TRY(const auto all, read_sets(watch));
        std::vector<EngineSet> out;
        for (const auto& [set, sums] : all) out.push_back(set);
        return out;
    }

    Result<Restored> restore(const RestoreRequest& request, const Watch& watch) override {
        TRY(const auto set, find(request.set, watch));
        auto made = prepared({"copy", "--links", "--create-empty-src-dirs", "--multi-thread-streams", "0",
                              folder_of(set), request.target.string()});
        if (!request.only.empty()) {
            std::string list;
            for (const auto& path : request.only)
                for (const auto* below : {"", "/**", ".rclonelink"})
                    list += "+ /" + as_inside(as_pattern(path)) + below + "\n";
            made.secrets.emplace_back("list", std::move(list) + "- *\n");
            made.arguments.insert(made.arguments.end(), {"--filter-from", "{secret:list}"});
        }
        made.environment.emplace_back("TMPDIR", request.target.string());
        made.writable = std::vector{request.target};
        made.limits.file_size = request.largest_file;
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0) return failed(access_, called, restoring);
        return Restored{called.confined};
    }

    // A part is so many of the sets, each by all of its files.
    Result<void> check(unsigned part, unsigned parts, const Watch& watch) override {
        TRY(const auto all, read_sets(watch));
        unsigned at = 0;
        for (const auto& [set, sums] : all) {
            if (parts > 1 && at++ % parts != part - 1) continue;
            const auto list = access_.work / "sums";
            TRY(const auto fetched, call(prepared({"copyto", folder_of(set) + ".sums", list.string()}), watch));
            if (fetched.code != 0) return failed(access_, fetched, checking);
            TRY(const auto text, read_file(list));
            if (crypto::hex(crypto::sha256(text)) != sums)
                return fail(Code::corrupt, "backup.check-failed",
                            {{"repository", access_.id}, {"program", access_.engine}})
                    .detail(set.name + ".sums");
            // An empty list is taken for none at all.
            if (text.empty()) continue;
            TRY(const auto called,
                call(prepared({"checksum", "SHA256", list.string(), folder_of(set), "--download"}), watch));
            if (called.code != 0) return failed(access_, called, checking);
        }
        return {};
    }

    Result<void> forget(const std::vector<std::string>& ids, const Watch& watch) override {
        for (const auto& id : ids) {
            auto found = find(id, watch);
            if (!found && found.error().code == Code::not_found) continue;
            TRY(const auto set, std::move(found));
            // From here on it is no set any more, whatever happens.
            TRY(const auto first, call(prepared({"deletefile", folder_of(set) + ".json"}), watch));
            if (first.code != 0) return failed(access_, first, meanings);
            TRY(const auto rest, call(prepared({"purge", folder_of(set)}), watch));
            if (rest.code != 0 && rest.code != directory_not_there) return failed(access_, rest, meanings);
            TRY(const auto last, call(prepared({"deletefile", folder_of(set) + ".sums"}), watch));
            if (last.code != 0) return failed(access_, last, meanings);
        }
        return {};
    }

    // It knows no locks: each set has a folder of its own, and is there when its last file is.
    Result<int> unlock(const Watch&) override { return 0; }

    Tolerance tolerance() const override {
        const auto place = rclone_place(access_).value_or(RclonePlace{});
        return {.owners = false,
                .attributes = false,
                .modes = false,
                .names = false,
                .folder_times = false,
                .special = false,
                .empty_folders = place.empty_folders,
                .earliest_time = place.earliest_time,
                .latest_time = place.latest_time,
                .time_step = place.time_step};
    }

  private:
    struct Found {
        EngineSet set;
        std::string sums;
    };
    static constexpr int directory_not_there = 3;
    static constexpr std::array<Meaning, 4> checking{{
        {"connection refused", Code::unavailable, "backup.unreachable"},
        {"connection lost", Code::unavailable, "backup.unreachable"},
        {"couldn't connect ssh", Code::unavailable, "backup.unreachable"},
        {"", Code::corrupt, "backup.check-failed"},
    }};
    static constexpr std::array<Meaning, 6> restoring{{
        {"connection refused", Code::unavailable, "backup.unreachable"},
        {"connection lost", Code::unavailable, "backup.unreachable"},
        {"couldn't connect ssh", Code::unavailable, "backup.unreachable"},
        {"no space left on device", Code::io, "backup.no-room"},
        {"file too large", Code::corrupt, "backup.grew"},
        {"", Code::corrupt, "backup.restore-failed"},
    }};

    std::string folder_of(const EngineSet& set) const { return sealed_ + "sets/" + set.name; }

    // Its configuration, which holds the password in rclone's own writing of it.
    Result<void> prepare(const Watch& watch) {
        if (place_) return {};
        TRY(auto place, rclone_place(access_));
        sealed_ = place.root + "/";
        if (!access_.password.empty()) {
            TRY(const auto called, call({.arguments = {"rclone", "obscure", "-"}, .input = access_.password}, watch));
            if (called.code != 0) return failed(access_, called, meanings);
            place.config += "[tilsyn-sealed]\ntype = crypt\nremote = " + place.root +
                            "\nfilename_encoding = base64\npassword = " + std::string(trim(called.output)) + "\n";
            sealed_ = "tilsyn-sealed:";
        }
        place_ = std::move(place);
        return {};
    }

    net::ProcessRequest prepared(std::vector<std::string> arguments) const {
        net::ProcessRequest made;
        made.arguments = {"rclone",
                          "--config",
                          "{secret:config}",
                          "--use-json-log",
                          "--retries",
                          "1",
                          "--timeout",
                          "60s",
                          "--contimeout",
                          "20s",
                          "--low-level-retries",
                          "3",
                          "--ask-password=false"};
        if (!access_.ca.empty()) made.arguments.insert(made.arguments.end(), {"--ca-cert", access_.ca.string()});
        made.arguments.insert(made.arguments.end(), arguments.begin(), arguments.end());
        made.secrets = {{"config", place_->config}};
        made.environment = {{"RCLONE_CACHE_DIR", (access_.work / "cache").string()}};
        return made;
    }

    Result<void> write(const std::string& to, std::string content, const Watch& watch) const {
        auto made = prepared({"rcat", to});
        made.input = std::move(content);
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0) return failed(access_, called, meanings);
        return {};
    }

    Result<bool> has_marker(const Watch& watch) const {
        TRY(const auto called, call(prepared({"cat", "--include", "/" + std::string(marker), place_->root}), watch));
        if (called.code == directory_not_there) return false;
        if (called.code != 0) return failed(access_, called, meanings);
        return parsed(called.output).contains("format");
    }

    Result<std::vector<Found>> read_sets(const Watch& watch) {
        TRY_VOID(prepare(watch));
        auto made = prepared({"cat", "--include", "/key", "--include", "/sets/*.json", sealed_});
        made.kept = 64 << 20;
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0 && called.code != directory_not_there) return failed(access_, called, meanings);
        std::vector<Found> out;
        bool opened = false;
        for (const auto line : split(called.output, '\n')) {
            opened = opened || line == key;
            const auto said = parsed(line);
            Found found{.set = {.id = crypto::hex(crypto::sha256(line)),
                                .name = text(said, "name"),
                                .host = text(said, "host"),
                                .tags = {"data-set:" + text(said, "data_set"), "run:" + text(said, "name")}},
                        .sums = text(said, "sums")};
            found.set.made = parse_utc(text(said, "made")).value_or(Timestamp{});
            if (valid_id(found.set.name) && found.sums.size() == 64) out.push_back(std::move(found));
        }
        if (opened) return out;
        TRY(const bool there, has_marker(watch));
        return there ? fail(Code::unauthorized, "backup.wrong-password", {{"repository", access_.id}})
                     : fail(Code::not_found, "backup.no-repository", {{"repository", access_.id}});
    }

    Result<EngineSet> find(const std::string& id, const Watch& watch) {
        TRY(const auto all, sets(watch));
        const auto found = std::ranges::find(all, id, &EngineSet::id);
        if (found == all.end()) return fail(Code::not_found, "backup.no-such-set", {{"repository", access_.id}});
        return *found;
    }

    Result<void> copy_from_source(const StoreRequest& request, const std::string& folder, Stored& stored,
                                  const Watch& watch) const {
        // Which run it is can be seen by whoever looks at the machine, and at the place.
        auto made = prepared({"copy", "--links", "--create-empty-src-dirs", "--local-no-check-updated", "--stats",
                              "200ms", "--stats-log-level", "NOTICE", "--user-agent", "Tilsyn run:" + request.run});
        const auto filter = [&](const char* sign, const std::string& pattern) {
            for (const auto* below : {"", "/**", ".rclonelink"})
                made.arguments.insert(made.arguments.end(), {"--filter", sign + as_inside(pattern) + below});
        };
        for (const auto& path : request.exclusions.paths) filter("- ", "/" + as_pattern(path));
        for (const auto& name : request.exclusions.names) filter("- ", as_pattern(name, "[]{}\\"));
        const auto unread = [&](std::string what) {
            if (stored.unread_count++ < unread_kept) stored.unread.push_back(std::move(what));
        };
        for (const auto& path : request.roots.paths) {
            struct stat info{};
            if (::lstat(("/" + path).c_str(), &info) != 0)
                unread("/" + path);  // to rclone a filter that nothing passes is no error
            else
                filter("+ ", "/" + as_pattern(path));
        }
        made.arguments.insert(made.arguments.end(), {"--filter", "- *", "/", folder});
        std::uint64_t others = 0;
        made.on_error = [&](std::string_view line) {
            const auto message = parsed(line);
            if (const auto stats = message.value("stats", json::object()); stats.contains("bytes")) {
                stored.bytes = number(stats, "bytes");
                if (watch.progress)
                    watch.progress({number(stats, "transfers"), number(stats, "totalTransfers"), stored.bytes,
                                    number(stats, "totalBytes")});
            }
            if (text(message, "level") != "error") return;
            const auto said = text(message, "msg");
            if (text(message, "source").starts_with("cmd/")) return;  // what it makes of the errors before
            if (std::ranges::any_of(source_troubles, [&](auto sign) { return said.find(sign) != said.npos; }))
                unread(text(message, "object"));
            else
                ++others;
        };
        TRY(const auto called, call(std::move(made), watch));
        if (called.code != 0 && (others > 0 || stored.unread_count == 0)) return failed(access_, called, meanings);
        return {};
    }

    // What is stored, read back: so that what rots can be told from what never was as it should be.
    Result<crypto::Sha256> sum_up(const std::string& folder, Stored& stored, const Watch& watch) const {
        const auto list = access_.work / "sums";
        std::ofstream out(list, std::ios::binary | std::ios::trunc);
        crypto::Sha256Stream hash;
        auto made = prepared({"hashsum", "SHA256", "--download", folder});
        made.on_output = [&](std::string_view line) {
            (out << line).put('\n');
            hash.update(line);
            hash.update("\n");
            ++stored.files;
        };
        TRY(const auto called, call(std::move(made), watch));
        // Of nothing at all there is not even a folder.
        if (called.code != 0 && called.code != directory_not_there) return failed(access_, called, checking);
        out.close();
        if (!out) return fail(Code::io, "base.cannot-write", {{"path", list.string()}});
        TRY(const auto put, call(prepared({"copyto", list.string(), folder + ".sums"}), watch));
        if (put.code != 0) return failed(access_, put, meanings);
        stored.added = stored.bytes;
        return hash.finish();
    }

    RepositoryAccess access_;
    std::optional<RclonePlace> place_;
    std::string sealed_;  // where all is but the marker, to rclone
};

}  // namespace

std::unique_ptr<Engine> make_rclone(RepositoryAccess access) {
    return std::make_unique<Rclone>(std::move(access));
}

}  // namespace tilsyn::backup
