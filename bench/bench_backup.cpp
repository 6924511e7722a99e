#include "bench_backup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "backup/engines/engine.hpp"
#include "backup/manifest/compare.hpp"
#include "backup/manifest/early.hpp"
#include "support/command.hpp"
#include "support/temporary.hpp"

namespace tilsyn::bench {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr unsigned threads = 2;

double since(Steady::time_point start) {
    return std::chrono::duration<double>(Steady::now() - start).count();
}

// Does it in a process of its own, so that its memory is its own; seconds, and the peak in MiB.
template <class Work>
std::pair<double, double> apart(const Work& work) {
    const auto start = Steady::now();
    const pid_t pid = ::fork();
    if (pid == 0) {
        work();
        ::_exit(0);
    }
    rusage used{};
    int status = 0;
    ::wait4(pid, &status, 0, &used);
    if (status != 0) fmt::print("  failed: {}\n", status);
    return {since(start), double(used.ru_maxrss) / 1024};
}

// Content that does not compress, from one block shifted about.
void fill(const std::filesystem::path& path, std::size_t size, std::mt19937_64& random) {
    static const std::string noise = [] {
        std::mt19937_64 source(7);
        std::string out(8 << 20, '\0');
        for (std::size_t i = 0; i < out.size(); i += 8) {
            const auto bits = source();
            std::memcpy(out.data() + i, &bits, 8);
        }
        return out;
    }();
    std::ofstream file(path, std::ios::binary);
    const auto tag = random();
    file.write(reinterpret_cast<const char*>(&tag), 8);
    for (std::size_t left = size > 8 ? size - 8 : 0; left > 0;) {
        const auto offset = random() % (noise.size() / 2);
        const auto part = std::min(left, noise.size() - offset);
        file.write(noise.data() + offset, std::streamsize(part));
        left -= part;
    }
}

void drop_caches() {
    ::sync();
    const int fd = ::open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0) return;
    (void)!::write(fd, "3", 1);
    ::close(fd);
}

void manifest_beside_sha256sum(const std::filesystem::path& tree, const std::filesystem::path& store,
                               std::string& digest) {
    using namespace backup;
    const auto walk_it = [&] {
        auto writer = ManifestWriter::create(store, "bench", Timestamp{});
        const auto totals = walk({.roots = *make_roots({tree.string()}), .threads = threads},
                                 [&](Entry&& entry) { return writer->add(entry); });
        if (!totals || !writer->finish()) std::abort();
    };
    const auto peer = "cd '" + tree.string() + "' && find . -type f -print0 | xargs -0 -P " + std::to_string(threads) +
                      " -n 500 sha256sum > /dev/null";
    const auto openssl = "cd '" + tree.string() + "' && find . -type f -print0 | xargs -0 -P " +
                         std::to_string(threads) + " -n 500 openssl dgst -sha256 > /dev/null";
    for (const bool cold : {true, false}) {
        const auto timed = [&](const std::string& command) {
            if (cold) drop_caches();
            const auto start = Steady::now();
            if (test::run_command(command).status != 0) fmt::print("  failed: {}\n", command);
            return since(start);
        };
        if (cold) drop_caches();
        const auto [own, memory] = apart(walk_it);
        const auto sums = timed(peer), limit = timed(openssl);
        fmt::print(
            "  {}: manifest {:.2f} s ({:.0f} MiB)   sha256sum {:.2f} s, {:.2f} of it   openssl dgst {:.2f} s, {:.2f} "
            "of it\n",
            cold ? "cold" : "warm", own, memory, sums, own / sums, limit, own / limit);
    }
    for (const auto& item : std::filesystem::recursive_directory_iterator(store))
        if (item.path().extension() == ".zst") digest = item.path().stem().stem();
    fmt::print("  the manifest takes {:.1f} MiB\n",
               double(std::filesystem::file_size(manifest_path(store, digest))) / (1 << 20));
}

void drill_beside_restore(const char* name, const std::filesystem::path& folder, const std::filesystem::path& tree,
                          const std::filesystem::path& store, const std::string& digest) {
    using namespace backup;
    std::filesystem::create_directories(folder / "work");
    auto engine = open_engine({.id = "bench",
                               .engine = name,
                               .location = (folder / name).string(),
                               .work = folder / "work",
                               .password = "bench"});
    const Watch watch{Deadline::in(1h)};
    if (!(*engine)->create(watch)) return fmt::print("  {} could not make a repository\n", name);
    auto begun = Steady::now();
    const auto stored = (*engine)->store(
        {.run = "bench", .data_set = "bench", .host = "bench", .roots = *make_roots({tree.string()})}, watch);
    if (!stored) return fmt::print("  {} could not store\n", name);
    fmt::print("  {} backup {:.2f} s\n", name, since(begun));
    const auto target = folder / "target";
    const auto empty = [&] {
        std::filesystem::remove_all(target);
        std::filesystem::create_directories(target);
        drop_caches();
    };
    // In turns, the better of two each: alone, two restores differ by a tenth.
    double bare = 1e9, drill = 1e9, restored = 0, memory = 0;
    std::size_t early_files = 0;
    for (int turn = 0; turn < 2; ++turn) {
        empty();
        begun = Steady::now();
        if (!(*engine)->restore({.set = stored->set, .target = target}, watch))
            return fmt::print("  {} could not restore\n", name);
        bare = std::min(bare, since(begun));
        empty();
        begun = Steady::now();
        auto early = EarlyReader::start(target);
        if (!early || !(*engine)->restore({.set = stored->set, .target = target}, watch))
            return fmt::print("  {} could not restore\n", name);
        const auto in_restore = since(begun);
        early->finish();
        auto manifest = ManifestReader::open(store, digest);
        auto roots = *make_roots({tree.string()});
        roots.base = target;
        const auto result =
            compare_restored({.manifest = &*manifest,
                              .restored = {.roots = roots,
                                           .threads = threads,
                                           .content = [&](const Entry& entry) { return early->content(entry); }},
                              .tolerance = (*engine)->tolerance()});
        if (!result || result->faults() > 0) return fmt::print("  {}: not restored as it was\n", name);
        if (const auto all = since(begun); all < drill) {
            drill = all;
            restored = in_restore;
            early_files = early->read();
        }
        rusage used{};
        ::getrusage(RUSAGE_SELF, &used);
        memory = double(used.ru_maxrss) / 1024;
    }
    fmt::print(
        "  {}: bare restore {:.2f} s   drill {:.2f} s (restore {:.2f}; {} files read meanwhile; {:.0f} MiB, of the "
        "whole bench), {:.2f} of it\n",
        name, bare, drill, restored, early_files, memory, drill / bare);
    std::filesystem::remove_all(target);
}

void measure(const std::filesystem::path& folder) {
    std::string digest;
    manifest_beside_sha256sum(folder / "tree", folder / "store", digest);
    for (const char* engine : {"restic", "borg"})
        drill_beside_restore(engine, folder, folder / "tree", folder / "store", digest);
}

}  // namespace

void backup_mixed(int mebibytes) {
    const test::TemporaryFolder folder;
    std::mt19937_64 random(1);
    // As on a server: half the bytes in a few large files, half in many that are small or middling.
    auto left = std::uint64_t(mebibytes) << 20;
    int made = 0;
    while (left > 0) {
        const auto kind = random() % 100;
        const std::uint64_t wanted = made % 4000 == 0 ? 64u << 20
                                     : kind < 90      ? 64 + random() % 80'000
                                                      : 100'000 + random() % 2'000'000;
        const auto size = std::min(left, wanted);
        const auto path = folder.path() / "tree" / std::to_string(made / 500);
        if (made % 500 == 0) std::filesystem::create_directories(path);
        fill(path / ("file-" + std::to_string(made++)), size, random);
        left -= size;
    }
    fmt::print("Backups: {} MiB in {} files of all sizes, {} threads\n", mebibytes, made, threads);
    measure(folder.path());
}

void backup_many(int files) {
    const test::TemporaryFolder folder;
    std::mt19937_64 random(2);
    for (int i = 0; i < files; ++i) {
        const auto path = folder.path() / "tree" / std::to_string(i / 100'000) / std::to_string(i / 1000);
        if (i % 1000 == 0) std::filesystem::create_directories(path);
        fill(path / std::to_string(i), 8 + random() % 120, random);
    }
    fmt::print("Backups: {} small files, {} threads\n", files, threads);
    measure(folder.path());
}

}  // namespace tilsyn::bench
