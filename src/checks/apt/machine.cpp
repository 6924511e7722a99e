#include "checks/apt/machine.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>

#include "base/file.hpp"
#include "base/text.hpp"
#include "checks/apt/version.hpp"

namespace tilsyn::checks::apt {
namespace fs = std::filesystem;
namespace {

struct Package {
    std::string architecture, version;
    bool held = false;
    std::string available, source;  // the newest seen in a security source, if newer than `version`
};

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
// Several architectures of one package may be installed side by side.
using Packages = std::unordered_map<std::string, std::vector<Package>, TextHash, std::equal_to<>>;

constexpr int stanzas_between_looks_at_the_clock = 512;

Fail too_slow() {
    return fail(Code::timeout, "checks.updates-timeout");
}

template <class Use>
Result<void> each_stanza(ByteSource& source, Deadline deadline, Use use) {
    StanzaReader reader(source);
    for (int i = 0;; ++i) {
        if (i % stanzas_between_looks_at_the_clock == 0 && deadline.passed()) return too_slow();
        TRY(const auto stanza, reader.next());
        if (!stanza) return {};
        use(*stanza);
    }
}

// Names and versions are of printable ASCII; what is not comes from no package archive.
bool plain(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

// Anything of which files are on the disk counts, also what was left half configured.
bool on_disk(std::string_view state) {
    return !state.empty() && state != "not-installed" && state != "config-files";
}

Result<Packages> read_status(const fs::path& root, Deadline deadline, Machine& machine) {
    Packages packages;
    TRY(const auto stream, open_stream(root / "var/lib/dpkg/status"));
    const auto read = each_stanza(*stream, deadline, [&](const Stanza& stanza) {
        static constexpr std::array<std::string_view, 4> names{"package", "status", "architecture", "version"};
        std::array<std::string_view, 4> values;
        stanza.fields(names, values);
        const auto& [name, status, architecture, version] = values;
        const auto words = split(status, ' ');
        if (!plain(name) || words.size() != 3) {
            ++machine.malformed;
            return;
        }
        if (!on_disk(words[2])) return;
        if (!plain(version) || !plain(architecture)) {
            ++machine.malformed;
            return;
        }
        packages[std::string(name)].push_back(
            {std::string(architecture), std::string(version), words[0] == "hold", {}, {}});
        ++machine.installed;
    });
    if (!read) return std::unexpected(read.error());
    if (packages.empty())
        return fail(Code::corrupt, "checks.updates-empty-status", {{"path", (root / "var/lib/dpkg/status").string()}});
    return packages;
}

// The architecture this machine is of: that of dpkg itself.
std::string native_architecture(const Packages& packages) {
    for (const std::string_view name : {"dpkg", "libc6", "base-files"})
        if (const auto found = packages.find(name);
            found != packages.end() && found->second.front().architecture != "all")
            return found->second.front().architecture;
    return {};
}

Result<void> read_list(ByteSource& stream, const std::string& label, const std::string& native, Deadline deadline,
                       Packages& packages, Machine& machine) {
    std::size_t good = 0, bad = 0;
    TRY_VOID(each_stanza(stream, deadline, [&](const Stanza& stanza) {
        static constexpr std::array<std::string_view, 3> names{"package", "version", "architecture"};
        std::array<std::string_view, 3> values;
        stanza.fields(names, values);
        const auto& [name, version, architecture] = values;
        if (!plain(name) || !plain(version)) {
            ++bad;
            return;
        }
        ++good;
        const auto found = packages.find(name);
        if (found == packages.end()) return;
        for (auto& package : found->second) {
            // A package may move between "all" and an architecture from one version to the next.
            const bool fits = architecture == package.architecture || architecture == "all" ||
                              (package.architecture == "all" && architecture == native);
            if (!fits || compare_versions(version, package.version) <= 0) continue;
            if (!package.available.empty() && compare_versions(version, package.available) <= 0) continue;
            package.available = version;
            package.source = label;
        }
    }));
    machine.malformed += bad;
    if (good == 0 && bad > 0) return fail(Code::corrupt, "checks.updates-damaged-list");
    return {};
}

void read_kernel(const fs::path& root, const Packages& packages, Machine& machine) {
    if (const auto text = read_file(root / "proc/sys/kernel/osrelease", 4096)) machine.kernel_running = trim(*text);
    std::vector<std::string> images;
    for (const auto& [name, installed] : packages)
        if (name.starts_with("linux-image-")) images.push_back(name);
    machine.kernel_waiting = waiting_kernel(machine.kernel_running, images);
    std::error_code ignored;
    machine.restart_required = fs::exists(root / "run/reboot-required", ignored);
}

}  // namespace

Result<Machine> read_machine(const fs::path& root, std::span<const std::string> also_security, Timestamp now,
                             Deadline deadline) {
    Machine machine;
    auto packages = read_status(root, deadline, machine);
    if (!packages && packages.error().code == Code::not_found) return machine;
    if (!packages) return std::unexpected(std::move(packages).error());
    machine.dpkg = true;
    machine.lists = find_lists(root, also_security, now);
    const auto extended = [](const ListSource& source) { return source.head.origin.starts_with("UbuntuESM"); };
    machine.release = read_release(root, std::ranges::any_of(machine.lists.sources, extended));
    read_kernel(root, *packages, machine);

    const auto native = native_architecture(*packages);
    for (const auto& source : machine.lists.sources) {
        if (!source.security) continue;
        const auto& label = source.head.label.empty() ? source.head.origin : source.head.label;
        for (const auto& name : source.packages) {
            const auto stream = open_stream(root / "var/lib/apt/lists" / name);
            const auto read = stream ? read_list(**stream, label, native, deadline, *packages, machine)
                                     : Result<void>(std::unexpected(stream.error()));
            if (!read && read.error().code == Code::timeout) return std::unexpected(read.error());
            if (!read)
                machine.lists.unreadable.push_back(name);
            else
                ++machine.lists_read;
        }
    }
    for (const auto& [name, installed] : *packages)
        for (const auto& package : installed)
            if (!package.available.empty())
                machine.pending.push_back(
                    {name, package.architecture, package.version, package.available, package.source, package.held});
    std::ranges::sort(machine.pending, {}, [](const Pending& p) { return std::tie(p.package, p.architecture); });
    return machine;
}

}  // namespace tilsyn::checks::apt
