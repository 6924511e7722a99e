// What the control log costs: durable appends by many waiting writers, proofs, a start, and a whole verification.
#include "bench_log.hpp"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
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

// What a group commit of the same bytes costs without a log: writers that wait, one thread that inserts what has come
// and commits, plain rows without hash, order or head.
class RawGroupCommit {
  public:
    explicit RawGroupCommit(const test::FreshDatabase& database)
        : connection_(db::open(database.location(), db::Access::read_write).value()) {
        if (!connection_->script("CREATE TABLE raw(idx BIGINT PRIMARY KEY, leaf TEXT, body TEXT)")) std::abort();
        thread_ = std::thread([this] { work(); });
    }
    ~RawGroupCommit() {
        {
            const std::scoped_lock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
    RawGroupCommit(const RawGroupCommit&) = delete;
    RawGroupCommit& operator=(const RawGroupCommit&) = delete;
    void write() {
        std::promise<void> done;
        auto result = done.get_future();
        {
            const std::scoped_lock lock(mutex_);
            waiting_.push_back(std::move(done));
        }
        changed_.notify_one();
        result.get();
    }

  private:
    void work() {
        const std::string leaf(32, 'l'), body(180, 'b');
        for (std::int64_t next = 0;;) {
            std::vector<std::promise<void>> batch;
            {
                std::unique_lock lock(mutex_);
                changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
                if (waiting_.empty()) return;
                batch.swap(waiting_);
            }
            std::vector<std::vector<db::Value>> rows;
            rows.reserve(batch.size());
            for (std::size_t i = 0; i < batch.size(); ++i) rows.push_back({next++, leaf, body});
            if (!connection_->begin() ||
                !connection_->execute_each("INSERT INTO raw(idx, leaf, body) VALUES(?, ?, ?)", rows) ||
                !connection_->commit())
                std::abort();
            for (auto& done : batch) done.set_value();
        }
    }

    std::unique_ptr<db::Connection> connection_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::promise<void>> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

// Writes a second by so many threads, each of which waits until what it wrote is durable.
template <typename Write>
double waiting_writers(int writers, double seconds, const Write& write) {
    std::atomic<std::int64_t> done = 0;
    std::vector<std::thread> threads;
    const auto begun = Steady::now();
    for (int i = 0; i < writers; ++i)
        threads.emplace_back([&] {
            while (seconds_since(begun) < seconds) {
                write();
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
        double limit = 0;
        {
            RawGroupCommit raw(database);
            limit = waiting_writers(writers, 2, [&] { raw.write(); });
        }
        auto committer = log::Committer::start({database.location()}, clock).value();
        const double ours = waiting_writers(writers, 3, [&] {
            if (!committer->write(append_one)) std::abort();
        });
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
