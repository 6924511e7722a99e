// What the control log costs: durable appends by many waiting writers, proofs, a start, and a whole verification.
#include "bench_log.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "crypto/hash.hpp"
#include "log/pack/manifest.hpp"
#include "log/pack/verify.hpp"
#include "log/pack/zip.hpp"
#include "log/store/export.hpp"
#include "log/store/signer.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"

namespace tilsyn::bench {
namespace {

using Steady = std::chrono::steady_clock;

double seconds_since(Steady::time_point begun) {
    return std::chrono::duration<double>(Steady::now() - begun).count();
}

Result<void> append_one(log::WriteContext& context) {
    context.append(log::Entry("control.outcome").control("backup").text("outcome", "pass").text("s", "servers/web1"));
    return {};
}

// The same bytes in groups of that size, by one thread and without anything around them: what the disk allows.
double raw_groups(const test::FreshDatabase& database, int group, double seconds) {
    auto connection = db::open(database.location(), db::Access::read_write).value();
    if (!connection->script("CREATE TABLE raw(idx BIGINT PRIMARY KEY, leaf TEXT, body TEXT)")) std::abort();
    const std::string leaf(32, 'l'), body(180, 'b');
    std::int64_t next = 0;
    const auto begun = Steady::now();
    while (seconds_since(begun) < seconds) {
        std::vector<std::vector<db::Value>> rows;
        rows.reserve(std::size_t(group));
        for (int i = 0; i < group; ++i) rows.push_back({next++, leaf, body});
        if (!connection->begin() ||
            !connection->execute_each("INSERT INTO raw(idx, leaf, body) VALUES(?, ?, ?)", rows) ||
            !connection->commit())
            std::abort();
    }
    return double(next) / seconds_since(begun);
}

double waiting_writers(log::Committer& committer, int writers, double seconds) {
    std::atomic<std::int64_t> done = 0;
    std::vector<std::thread> threads;
    threads.reserve(std::size_t(writers));
    const auto begun = Steady::now();
    for (int i = 0; i < writers; ++i)
        threads.emplace_back([&] {
            while (seconds_since(begun) < seconds) {
                if (!committer.write(append_one)) std::abort();
                ++done;
            }
        });
    for (auto& thread : threads) thread.join();
    return double(done) / seconds_since(begun);
}

}  // namespace

void appends(db::Engine engine) {
    const SystemClock clock;
    for (const int writers : {1, 64, 256}) {
        test::FreshDatabase database(engine);
        {
            auto connection = db::open(database.location(), db::Access::read_write).value();
            if (!db::migrate(*connection, log::migrations(), clock.now())) std::abort();
        }
        const double limit = raw_groups(database, writers, 2);
        auto committer = log::Committer::start({database.location()}, clock).value();
        const double ours = waiting_writers(*committer, writers, 3);
        fmt::print("{:9} durable appends, {:3} writers waiting  {:>10.0f} /s   (limit {:.0f}, {:.2f} of it; aim 0.7)\n",
                   test::engine_name(engine), writers, ours, limit, ours / limit);
    }
}

void proofs(int entries) {
    const SystemClock clock;
    test::FreshDatabase database(db::Engine::sqlite);
    test::TemporaryFolder folder;
    auto connection = db::open(database.location(), db::Access::read_write).value();
    if (!db::migrate(*connection, log::migrations(), clock.now())) std::abort();
    if (!log::Signer::create(folder.path() / "log.key", "example.com/log")) std::abort();
    auto signer = log::Signer::open({folder.path() / "log.key", folder.path() / "log.signed"}).value();
    {
        auto committer = log::Committer::start({database.location()}, clock).value();
        for (int done = 0; done < entries; done += 1000)
            if (!committer->write([&](log::WriteContext& context) -> Result<void> {
                    for (int i = 0; i < 1000; ++i) TRY_VOID(append_one(context));
                    return {};
                }))
                std::abort();
    }
    auto begun = Steady::now();
    auto committer = log::Committer::start({database.location()}, clock).value();
    fmt::print("sqlite    start with {} entries                {:>10.1f} ms   (aim: 300)\n", entries,
               seconds_since(begun) * 1000);
    log::Tree tree;
    begun = Steady::now();
    const auto stored = signer->sign(*committer, *connection, tree, clock).value();
    const auto first = tree.inclusion(*connection, 1, stored.size).value();
    fmt::print("sqlite    first proof of a process                  {:>10.1f} ms\n", seconds_since(begun) * 1000);
    begun = Steady::now();
    constexpr int many = 1000;
    for (int i = 0; i < many; ++i)
        if (!tree.inclusion(*connection, std::int64_t(i) * 7919 % entries, stored.size)) std::abort();
    fmt::print("sqlite    one proof of {} entries              {:>10.3f} ms   (aim: 1)\n", entries,
               seconds_since(begun) * 1000 / many);

    const auto pack = folder.path() / "pack.zip";
    std::uint64_t bytes = 0;
    {
        auto zip = log::pack::ZipWriter::create(pack).value();
        log::pack::Manifest manifest;
        const auto add = [&](const std::string& name, const std::string& content) {
            manifest.emplace(
                name, log::pack::Listed{crypto::sha256(content), content.size(), zip.add(name, content).value()});
            bytes += content.size();
        };
        add("pack.json",
            fmt::format("{{\"format\":1,\"origin\":\"example.com/log\",\"vkey\":\"{}\",\"size\":{},\"whole\":true}}\n",
                        log::to_string(signer->ring().verifier()), stored.size));
        add("log/checkpoint", stored.note);
        for (const auto& tile : log::bundles_of(stored.size))
            add("log/" + log::tile_path(tile), log::tile_bytes(*connection, tree, stored.size, tile).value());
        log::Note note{log::pack::manifest_text(manifest), {}};
        note.signatures.push_back(log::sign_note(note.text, "example.com/log", signer->ring().keys.front()));
        if (!zip.add(log::pack::manifest_name, log::to_string(note), true) || !zip.finish()) std::abort();
    }
    begun = Steady::now();
    const std::string piece(bytes / std::uint64_t(entries), 'x');
    log::Frontier frontier;
    for (int i = 0; i < entries; ++i) frontier.append(log::leaf_hash(piece));
    const double bare = seconds_since(begun);
    begun = Steady::now();
    const auto verdict = log::pack::verify(pack, {});
    if (!verdict || verdict->failed > 0 || verdict->entries != entries) std::abort();
    fmt::print(
        "pack      verify {} entries, {} MB            {:>10.2f} s    (aim: 3; bare tree of the same bytes {:.2f})\n",
        entries, bytes / 1'000'000, seconds_since(begun), bare);
    const auto size = connection->one("SELECT sum(pgsize) FROM dbstat WHERE name LIKE 'log_entry%'");
    if (size && *size)
        fmt::print("sqlite    bytes an entry in the database           {:>10.0f}      (entries of {} bytes)\n",
                   double((*size)->integer(0)) / entries, bytes / std::uint64_t(entries));
}

}  // namespace tilsyn::bench
